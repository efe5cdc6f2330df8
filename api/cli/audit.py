"""`rag audit`."""

from datetime import datetime
from typing import Annotated

import typer

from api.cli.common import AsJson, DataDir, note, print_json, print_table, running, shorten
from api.cli.exits import ExitCode

app = typer.Typer(help="Who did what: an append-only log, chained by hashes.", no_args_is_help=True)

Actor = Annotated[str | None, typer.Option(help="Who did it.")]
Action = Annotated[str | None, typer.Option(help="What was done: key.create, or key for all that begin so.")]
Since = Annotated[datetime | None, typer.Option(help="Done then or later (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Done before then (UTC).")]


@app.command("list")
def list_acts(
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what was done, the newest first."""
    from api.schemas.audit import ActsView, ActView
    from store import audit
    from store.audit import ActFilter

    wanted = ActFilter(actor, action, since, until)
    with running(data_dir) as application, application.database.transaction() as session:
        batch = audit.page(session, wanted, after=cursor, limit=limit)
    views = [ActView.model_validate(act) for act in batch.items]
    if as_json:
        print_json(ActsView(acts=views, next=batch.next))
        return
    rows = [[v.number, v.at, v.actor or "-", v.action, v.object, shorten(str(v.details), 60)] for v in views]
    print_table(["number", "at", "actor", "action", "object", "details"], rows)
    if batch.next:
        note(f"There are more: --cursor {batch.next}")


@app.command("verify")
def verify(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check that no row was changed, moved, taken away or cut off; exit code 1 says that one was."""
    from api.audit import anchors_file, read_anchors
    from api.schemas.audit import BreakView, VerdictView
    from store import audit

    with running(data_dir) as application:
        anchors = read_anchors(application.settings)
        with application.database.snapshot() as session:
            verdict = audit.verify(session, anchors)
    breaks = [BreakView.model_validate(each) for each in verdict.breaks]
    if as_json:
        print_json(VerdictView(whole=not breaks, rows=verdict.rows, anchors=verdict.anchors, breaks=breaks))
    else:
        for found in breaks:
            print(f"Row {found.number} {found.reason}.")
        state = "is not what was written" if breaks else "is whole"
        print(f"The audit log {state}: {verdict.rows:,} rows, {verdict.anchors:,} anchors.")
        if not anchors:
            note(
                f"There are no anchors in {anchors_file(application.settings)}: a cut end would not be seen."
            )
    if breaks:
        raise typer.Exit(ExitCode.SOME_FAILED)


@app.command("export")
def export(
    actor: Actor = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the log to standard output, the oldest first: one JSON object a line, with and without --json."""
    from api.audit import by_command
    from api.schemas.audit import ActView
    from store import audit
    from store.audit import ActFilter

    with running(data_dir) as application:
        with application.database.transaction() as session:
            by_command(session, "audit.export", "audit")
        with application.database.snapshot() as session:
            for act in audit.acts(session, ActFilter(actor, action, since, until)):
                print_json(ActView.model_validate(act))
