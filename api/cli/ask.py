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


class Widening(StrEnum):
    """How far a hit is widened for reading."""

    NONE = "none"
    NEIGHBOURS = "neighbours"
    SECTION = "section"


Expansion = Annotated[
    Widening, typer.Option(help="Read a hit alone, with the chunks beside it, or its section.")
]


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
    expand: Expansion = Widening.NONE,
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
        from rag.generator.settings import GenerationSettings
        from rag.retriever.widen import Expand

        for number, question in enumerate(questions):
            answer = application.answerer.ask(
                AskRequest(
                    question=question,
                    corpus=name,
                    user=system_user(),
                    top_k=top_k,
                    filters=wanted,
                    session_id=session_id,
                    expand=Expand(expand),
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
    query: Annotated[
        str,
        typer.Argument(help='What to look for: words, an "exact phrase", +required and -excluded words.'),
    ],
    corpus: OnlyCorpus = None,
    top_k: TopK = 10,
    filters: Filters = None,
    mode: Annotated[SearchMode, typer.Option(help="By keywords, by meaning, or both.")] = SearchMode.HYBRID,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Let a model that reads query and chunk order the best hits.")
    ] = False,
    diversity: Annotated[
        float, typer.Option(min=0, max=1, help="Above 0 folds hits that say the same.")
    ] = 0.0,
    expand: Expansion = Widening.NONE,
    spelling: Annotated[
        bool, typer.Option(help="Spell words that the corpus does not have as it spells the nearest.")
    ] = True,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Find chunks, without an answer."""
    wanted = parse_filters(filters)
    with running(data_dir) as application:
        with application.database.transaction() as session:
            name = choose_corpus(session, corpus).name
        from api.cli.printing import print_changes, print_hits
        from api.schemas.answers import SearchView
        from rag.retriever.retriever import Mode
        from rag.retriever.widen import Expand
        from rag.search import SearchRequest

        request = SearchRequest(
            query=query,
            corpus=name,
            top_k=top_k,
            filters=wanted,
            mode=Mode(mode),
            rerank=rerank,
            diversity=diversity,
            expand=Expand(expand),
            spelling=spelling,
        )
        view = SearchView.model_validate(application.searcher.search(request))
    if as_json:
        print_json(view)
        return
    print_changes(view.query_changes)
    if view.hits:
        print_hits(view.hits)
    else:
        print(f"Nothing in the corpus matches{f': {view.reason}' if view.reason else ''}.")
