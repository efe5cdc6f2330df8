"""`rag duplicates`."""

from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, CorpusName, DataDir, note, print_json, running

if TYPE_CHECKING:
    from api.schemas.documents import DocumentView

app = typer.Typer(
    help="Documents with the same or nearly the same text, of which one is indexed.", no_args_is_help=True
)

DocumentId = Annotated[UUID, typer.Argument(metavar="ID", help="The document's id.")]


@app.command("list")
def list_clusters(
    corpus: CorpusName,
    after: Annotated[str | None, typer.Option(help="Start behind this source.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many clusters at most.")] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the clusters of a corpus: the document that is indexed, and the copies that it stands for."""
    from api.schemas.documents import ClustersView, ClusterView
    from store import corpora, near_duplicates

    with running(data_dir) as application, application.database.transaction() as session:
        corpus_id = corpora.get(session, corpus).id
        found = near_duplicates.clusters(session, corpus_id, after=after, limit=limit + 1)
    views = [ClusterView.model_validate(cluster) for cluster in found[:limit]]
    last = views[-1].canonical.source if len(found) > limit else None
    if as_json:
        print_json(ClustersView(clusters=views, next=last))
        return
    for cluster in views:
        _print_document(cluster.canonical, "indexed")
        for copy in cluster.copies:
            _print_document(copy, told(copy), indent="  ")
    if last is not None:
        note(f"There are more: --after {last}")


@app.command("show")
def show(document_id: DocumentId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a document's cluster, and in which lines its near-duplicates differ from what is indexed."""
    from api.schemas.documents import ClusterView
    from store import documents, near_duplicates

    with running(data_dir) as application, application.database.transaction() as session:
        cluster = ClusterView.model_validate(near_duplicates.cluster_of(session, document_id))
        nearly = [cluster.canonical, *(copy for copy in cluster.copies if copy.similarity is not None)]
        texts = {} if as_json else {d.id: documents.text(session, d.id).text.splitlines() for d in nearly}
    if as_json:
        print_json(cluster)
        return
    _print_document(cluster.canonical, "indexed")
    for copy in cluster.copies:
        _print_document(copy, told(copy), indent="  ")
        if copy.similarity is not None:
            lines = unified_diff(texts[cluster.canonical.id], texts[copy.id], lineterm="", n=0)
            for line in list(lines)[2:]:
                print(f"      {line}")


@app.command("split")
def split(document_id: DocumentId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take a near-duplicate out of its cluster: it is indexed by itself from now on, also when it changes."""
    from api.schemas.documents import DocumentView
    from store import near_duplicates

    with running(data_dir) as application, application.database.transaction() as session:
        view = DocumentView.model_validate(near_duplicates.split(session, document_id))
    if as_json:
        print_json(view)
    else:
        print(f"{view.source} stands by itself now ({view.status}).")


def told(copy: "DocumentView") -> str:
    """What kind of copy a document is, in words."""
    return "same text" if copy.similarity is None else f"{copy.similarity:.0%} alike"


def _print_document(document: "DocumentView", what: str, indent: str = "") -> None:
    print(f"{indent}{document.id}  {what:10}  {document.source}")
