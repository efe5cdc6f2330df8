"""`rag index`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from api.cli.common import AsJson, DataDir, print_json, print_table, running

app = typer.Typer(help="The indexes, which are views of the database.", no_args_is_help=True)

Corpora = Annotated[
    str | None, typer.Option("--corpus", metavar="NAME", help="Which corpus; default: all of them.")
]


@app.command("show")
def show(corpus: Corpora = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the indexes beside what the database holds; one that is missing is built."""
    _each(corpus, data_dir, as_json, rebuild=False)


@app.command("rebuild")
def rebuild(corpus: Corpora = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make the snapshots of the indexes anew from the database; nothing is embedded again."""
    _each(corpus, data_dir, as_json, rebuild=True)


def _each(name: str | None, data_dir: DataDir, as_json: bool, *, rebuild: bool) -> None:
    from store import corpora, index_log

    rows: list[dict[str, Any]] = []
    with running(data_dir) as application:
        database = application.database
        with database.transaction() as session:
            found = [corpora.get(session, name)] if name else [s.corpus for s in corpora.list_all(session)]
        for corpus in found:
            if rebuild:
                application.discard_snapshot(corpus)
            index = application.indexes.for_corpus(corpus)
            with database.transaction() as session:
                rows.append(
                    {
                        "corpus": corpus.name,
                        "chunks": len(index),
                        "position": index.position,
                        "database_chunks": index_log.count_searchable(session, corpus.id),
                        "database_position": index_log.position(session, corpus.id),
                        "vectors": index.describe_vectors(),
                        "keyword_engine": application.settings.keyword_engine,
                        "encoder": corpus.encoder,
                    }
                )
    if as_json:
        print_json({"indexes": rows})
    elif rows:
        shown = [{**row, "vectors": _in_words(row["vectors"])} for row in rows]
        print_table([title.replace("_", " ") for title in shown[0]], [list(row.values()) for row in shown])
    else:
        print("There is no corpus yet.")


def _in_words(vectors: Mapping[str, Any]) -> str:
    """How vectors are searched, with what was measured of it."""
    if not vectors.get("probes"):
        return f"exact, {vectors['bytes_per_vector']:.0f} bytes each"
    return (
        f"{vectors['cells']} cells of {vectors['codes']}, {vectors['probes'][0]} read: "
        f"recall@10 {vectors['recall'][0]:.3f}, p50 {vectors['p50_ms']:.1f} ms (exact "
        f"{vectors['exact_p50_ms']:.1f} ms), {vectors['bytes_per_vector']:.0f} bytes each, "
        f"built in {vectors['build_s']:.0f} s"
    )
