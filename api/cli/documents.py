"""`rag documents`."""

from typing import Annotated
from uuid import UUID

import typer

from api.cli.common import AsJson, CorpusName, DataDir, OnlyCorpus, print_json, print_table, running, shorten

app = typer.Typer(help="Documents of a corpus.", no_args_is_help=True)

ROWS_AT_ONCE = 500


@app.command("list")
def list_documents(
    corpus: CorpusName,
    after: Annotated[str | None, typer.Option(help="Start behind this source.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most; default: all.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List a corpus's documents in the order of their sources; as JSON, one line for each."""
    from api.schemas.documents import DocumentView
    from store import corpora, documents

    shown = 0
    with running(data_dir) as application:
        with application.database.transaction() as session:
            corpus_id = corpora.get(session, corpus).id
        while limit is None or shown < limit:
            wanted = ROWS_AT_ONCE if limit is None else min(ROWS_AT_ONCE, limit - shown)
            with application.database.transaction() as session:
                page = documents.page(session, corpus_id, after=after, limit=wanted)
            views = [DocumentView.model_validate(document) for document in page]
            if as_json:
                for view in views:
                    print_json(view)
            else:
                for view in views:
                    print(f"{view.id}  v{view.version}  {view.status:9}  {view.source}  {view.title!r}")
            shown += len(page)
            if len(page) < wanted:
                break
            after = page[-1].source


@app.command("show")
def show(
    document_id: Annotated[UUID, typer.Argument(metavar="ID", help="The document's id.")],
    corpus: OnlyCorpus = None,
    version: Annotated[int | None, typer.Option(min=1, help="Which version; default: the newest.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one document: what is known of it, and its text."""
    from api.schemas.documents import DocumentView
    from store import corpora, documents
    from store.errors import UnknownDocumentError

    with running(data_dir) as application, application.database.transaction() as session:
        document = documents.get(session, document_id)
        if corpus is not None and document.corpus_id != corpora.get(session, corpus).id:
            raise UnknownDocumentError(document_id)
        view = DocumentView.model_validate(document)
        text = documents.text(session, document_id, version)
    fields = view.model_dump(mode="json")
    if as_json:
        print_json({**fields, "shown_version": text.version, "text": text.text})
        return
    print_table(["field", "value"], [[name, shorten(str(value), 90)] for name, value in fields.items()])
    print(f"\nversion {text.version}:\n\n{text.text}")


@app.command("export")
def export(corpus: CorpusName, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Write a corpus's documents to standard output as JSONL, with their texts and metadata.

    The output is JSON with and without --json.
    """
    from api.audit import by_command
    from store import corpora, documents

    with running(data_dir) as application:
        with application.database.transaction() as session:
            corpora.get(session, corpus)
            by_command(session, "corpus.export", corpus)
        with application.database.snapshot() as session:
            for document in documents.export(session, corpora.get(session, corpus).id):
                print_json(
                    {
                        "document_id": str(document.document_id),
                        "source": document.source,
                        "version": document.version,
                        "title": document.title,
                        "text": document.text,
                        "metadata": document.metadata,
                        "corpus": corpus,
                    }
                )
