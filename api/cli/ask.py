"""`rag ask` and `rag search`."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from api.cli.common import (
    AsJson,
    DataDir,
    OnlyCorpus,
    choose_corpus,
    parse_filters,
    print_json,
    running,
    system_user,
)

Filters = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="""Which documents may be read, e.g. '{"language": "en"}'."""),
]
TopK = Annotated[int, typer.Option("--top-k", help="How many chunks to find.")]


class SearchMode(StrEnum):
    """Which indexes are asked."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


def ask(
    *,
    questions: Annotated[list[str], typer.Argument(metavar="QUESTION...", help="One question or more.")],
    corpus: OnlyCorpus = None,
    top_k: TopK = 10,
    filters: Filters = None,
    session_id: Annotated[
        UUID | None, typer.Option("--session", help="The conversation to go on with; default: a new one.")
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 takes the most probable words.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="With a temperature: same seed, same answer.")] = 0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask questions; each answer comes with the characters that it was taken from.

    Needs no server. The questions are logged under your system user's name. With --json, one line each, as
    POST /v1/ask gives it.
    """
    wanted = parse_filters(filters)
    with running(data_dir) as application:
        with application.database.transaction() as session:
            name = choose_corpus(session, corpus).name
        from rag.answer import AskRequest, check_question

        for question in questions:
            check_question(question)
        from api.cli.printing import print_answer
        from api.schemas.answers import AnswerView
        from rag.generator.decode import GenerationSettings

        for number, question in enumerate(questions):
            answer = application.answerer.ask(
                AskRequest(
                    question=question,
                    corpus=name,
                    user=system_user(),
                    top_k=top_k,
                    filters=wanted,
                    session_id=session_id,
                    generation=GenerationSettings(temperature, seed),
                )
            )
            session_id = answer.session_id
            if as_json:
                print_json(AnswerView.model_validate(answer))
                continue
            if len(questions) > 1:
                print(f"> {question}\n" if number == 0 else f"\n> {question}\n")
            print_answer(AnswerView.model_validate(answer))


def search(
    *,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    corpus: OnlyCorpus = None,
    top_k: TopK = 10,
    filters: Filters = None,
    mode: Annotated[SearchMode, typer.Option(help="By keywords, by meaning, or both.")] = SearchMode.HYBRID,
    rerank: Annotated[bool, typer.Option("--rerank", help="Let the generator order the hits.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find chunks, without an answer."""
    wanted = parse_filters(filters)
    with running(data_dir) as application:
        with application.database.transaction() as session:
            name = choose_corpus(session, corpus).name
        from api.cli.printing import print_hits
        from api.schemas.answers import HitView, SearchView
        from rag.retriever.retriever import Mode

        found = application.answerer.search(query, name, top_k, wanted, mode=Mode(mode), rerank=rerank)
        view = SearchView(hits=[HitView.model_validate(hit) for hit in found])
    if as_json:
        print_json(view)
    elif view.hits:
        print_hits(view.hits)
    else:
        print("Nothing in the corpus matches.")
