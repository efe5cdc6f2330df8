"""`rag retrieval`: how a corpus is searched, and learning it from judged queries."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import AsJson, DataDir, OnlyCorpus, choose_corpus, note, print_json, running

if TYPE_CHECKING:
    from rag.evaluation.judgements import JudgedQuery
    from rag.retriever.settings import RetrievalSettings

app = typer.Typer(help="How a corpus is searched.", no_args_is_help=True)


@app.command("show")
def show(corpus: OnlyCorpus = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show how a corpus's rankings are made into one."""
    from rag.retriever.fusion import Fusion
    from rag.retriever.settings import settings_of

    with running(data_dir) as application:
        with application.database.transaction() as session:
            chosen = choose_corpus(session, corpus)
        settings = settings_of(chosen, Fusion(application.settings.fusion))
    _print(chosen.name, settings, as_json)


@app.command("tune")
def tune(
    queries: Annotated[
        Path | None, typer.Option("--queries", metavar="FILE", help="A JSON object a line: _id and text.")
    ] = None,
    qrels: Annotated[
        Path | None,
        typer.Option("--qrels", metavar="FILE", help="Lines of query, document and grade, with tabs."),
    ] = None,
    reviews: Annotated[
        bool,
        typer.Option("--reviews", help="Learn from what reviewers marked as the source of their answers."),
    ] = False,
    corpus: OnlyCorpus = None,
    rerank: Annotated[
        bool, typer.Option("--rerank", help="Learn the reranker's weight too; reads 50 chunks a query.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be chosen.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Learn a corpus's weights from judged queries, by cross-validation, and keep them with the corpus.

    A judgement names a document by its id, its source, the record's id behind the # of its source, or the
    name of its file. Files and reviews can be learned from together.
    """
    from rag.evaluation.judgements import reviewed_queries
    from rag.retriever import tune as tuning
    from rag.retriever.settings import SUBJECT, to_json
    from store import corpora

    judged = _judged(queries, qrels, reviews)
    with running(data_dir) as application:
        database = application.database
        with database.transaction() as session:
            chosen = choose_corpus(session, corpus)
        if reviews:
            judged += reviewed_queries(database, chosen)
        settings = tuning.tune(
            database,
            application.retriever,
            chosen,
            judged,
            reranker=application.reranker if rerank else None,
            progress=_tell,
        )
        if not dry_run:
            with database.transaction() as session:
                corpora.change_settings(session, chosen.name, SUBJECT, to_json(settings))
    _print(chosen.name, settings, as_json)


@app.command("reset")
def reset(corpus: OnlyCorpus = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Go back to the defaults for a corpus."""
    from rag.retriever.fusion import Fusion
    from rag.retriever.settings import SUBJECT, settings_of
    from store import corpora

    with running(data_dir) as application:
        with application.database.transaction() as session:
            name = choose_corpus(session, corpus).name
            chosen = corpora.change_settings(session, name, SUBJECT, None)
        settings = settings_of(chosen, Fusion(application.settings.fusion))
    _print(name, settings, as_json)


def _judged(queries: Path | None, qrels: Path | None, reviews: bool) -> "list[JudgedQuery]":
    from rag.errors import DataError
    from rag.evaluation.judgements import read_judged_queries

    if queries is not None and qrels is not None:
        return read_judged_queries(queries, qrels)
    if queries is not None or qrels is not None or not reviews:
        raise DataError("give judged queries as --queries and --qrels, or --reviews, or all three")
    return []


def _tell(what: str, done: int, of: int) -> None:
    if done % 50 == 0 or done == of:
        note(f"{done} of {of} {what}")


def _print(corpus: str, settings: "RetrievalSettings", as_json: bool) -> None:
    from rag.retriever.settings import to_json

    if as_json:
        print_json({"corpus": corpus, **to_json(settings)})
        return
    print(f"Corpus {corpus}: fusion {settings.fusion.value}.")
    keyword, vector = settings.weights
    print(
        f"Weights: keywords {keyword:g}, vectors {vector:g}, "
        f"relevance of a reranked hit {settings.rerank_weight:g}, "
        f"its nearness to the best {settings.nearness_weight:g}."
    )
    if settings.learned is None:
        print("Nothing was learned from judged queries: these are the defaults.")
        return
    print(f"Learned from {settings.learned['queries']} judged queries; nDCG@10 by cross-validation:")
    for name, figures in settings.learned.items():
        if isinstance(figures, dict):
            before, after = figures["usual_ndcg@10"], figures["cross_validated_ndcg@10"]
            print(
                f"  {name.replace('_', ' ')}: {before:.3f} with the usual one, {after:.3f} with those learned"
            )
