"""`rag responses`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, DataDir, note, print_json, print_table, running, shorten

app = typer.Typer(help="The log of what was asked and answered.", no_args_is_help=True)


@app.command("list")
def list_responses(
    *,
    user: Annotated[str | None, typer.Option(help="Who asked.")] = None,
    corpus: Annotated[str | None, typer.Option(help="Which corpus was asked.")] = None,
    session_id: Annotated[UUID | None, typer.Option("--session", help="In which conversation.")] = None,
    model: Annotated[str | None, typer.Option(help="Which generator answered.")] = None,
    abstained: Annotated[
        bool | None, typer.Option("--abstained/--answered", help="Whether there was no answer.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="Asked then or later (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Asked before then (UTC).")] = None,
    text: Annotated[str | None, typer.Option(help="In question or answer.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List responses, newest first."""
    from api.schemas.log import ListedResponseView, ResponsesView
    from store import conversations, scores
    from store.responses import ResponseFilter

    wanted = ResponseFilter(
        user=user,
        corpus=corpus,
        session_id=session_id,
        model=model,
        abstained=abstained,
        since=since,
        until=until,
        text=text,
    )
    with running(data_dir) as application, application.database.transaction() as session:
        page = conversations.list_responses(session, wanted, after=cursor, limit=limit)
        given = scores.values_of(session, [found.id for found in page.responses])
    if as_json:
        views = [ListedResponseView.of(found, given[found.id]) for found in page.responses]
        print_json(ResponsesView(responses=views, next=page.next))
        return
    rows = [
        [r.created_at, r.user, r.corpus, r.id, shorten(r.question, 50), shorten(r.answer, 40)]
        for r in page.responses
    ]
    print_table(["asked", "user", "corpus", "id", "question", "answer"], rows)
    if page.next:
        note(f"There are more: --cursor {page.next}")


@app.command("show")
def show(
    response_id: Annotated[UUID, typer.Argument(metavar="ID", help="The response's id.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one response whole."""
    from api.cli.printing import print_answer
    from api.schemas.answers import AnswerView
    from api.schemas.log import ResponseView
    from store import conversations

    with running(data_dir) as application, application.database.transaction() as session:
        view = ResponseView.of(conversations.get_response(session, response_id))
    if as_json:
        print_json(view)
        return
    print(f"{view.created_at:%Y-%m-%d %H:%M:%S}  {view.user} asked {view.corpus or 'a deleted corpus'}:")
    print(f"{view.question}\n")
    print_answer(AnswerView.model_validate(view.body))
    print(f"\nmodel {view.model}, index position {view.index_position}, session {view.session_id}")
    print("  ".join(f"{stage} {milliseconds:.0f} ms" for stage, milliseconds in view.timings_ms.items()))
