"""The repository of corpora."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.errors import CorpusExistsError, EncoderMismatchError, UnknownCorpusError
from store.index_log import lock_corpus
from store.statement import Statement
from store.tables import ChunkRow, CorpusRow, DocumentRow, DocumentVersionRow, IndexLogRow
from store.types import Corpus, CorpusSummary, DocumentStatus
from store.visibility import Reader, corpus_visible, document_hidden

BESIDE = "corpus_"
"""What begins the names of a corpus's columns beside others."""


def create(session: Session, name: str, encoder: str, encoder_revision: str, dimension: int) -> Corpus:
    """Make a corpus for the embeddings, of length `dimension`, of one encoder.

    Raises:
        CorpusExistsError: There is one of this name.
    """
    if not _insert(session, name, encoder, encoder_revision, dimension):
        raise CorpusExistsError(name)
    return get(session, name)


def get(session: Session, name: str, reader: Reader | None = None) -> Corpus:
    """The corpus of this name.

    Raises:
        UnknownCorpusError: There is none that the reader may know of; the error lists those that there are.
    """
    row: Any
    if reader is None or (reader.sees_all and reader.corpora is None):
        row = _ANY_NAMED.first(session, {"name": name})
    elif reader.sees_all or reader.corpora is not None:
        row = session.execute(_corpora().where(CorpusRow.name == name, corpus_visible(reader))).one_or_none()
    else:
        wanted = {"name": name, "reader": reader.user_id}
        row = _NAMED.first(session, wanted)
    if row is None:
        raise UnknownCorpusError(name, _names(session, reader))
    return _corpus(row)


def check_exists(session: Session, corpus_id: int) -> None:
    """Make sure of a corpus that may have been deleted since it was looked up.

    It stays until the transaction ends if the caller holds its lock (`index_log.lock_corpus`).

    Raises:
        UnknownCorpusError: It was deleted.
    """
    if session.scalar(select(CorpusRow.id).where(CorpusRow.id == corpus_id)) is None:
        raise UnknownCorpusError(f"number {corpus_id}", _names(session))


def settings_of(session: Session, corpus_id: int) -> Mapping[str, Any] | None:
    """What is chosen for a corpus by now; None once it is deleted."""
    return session.scalar(select(CorpusRow.settings).where(CorpusRow.id == corpus_id))


def get_or_create(session: Session, name: str, encoder: str, encoder_revision: str, dimension: int) -> Corpus:
    """The corpus of this name, made now if there is none; two callers at once get the same.

    Raises:
        EncoderMismatchError: It holds the embeddings of another encoder, or of another revision.
    """
    _insert(session, name, encoder, encoder_revision, dimension)
    corpus = get(session, name)
    expected = (corpus.encoder, corpus.encoder_revision, corpus.dimension)
    if expected != (encoder, encoder_revision, dimension):
        raise EncoderMismatchError(
            name,
            f"{corpus.encoder} (revision {corpus.encoder_revision}, {corpus.dimension} dimensions)",
            f"{encoder} (revision {encoder_revision}, {dimension} dimensions)",
        )
    return corpus


def list_all(session: Session) -> list[CorpusSummary]:
    """All corpora by name, with how much is in each."""
    return [_summary(row) for row in session.execute(_summaries().order_by(CorpusRow.name))]


def page(
    session: Session, *, after: str | None, limit: int, reader: Reader | None = None
) -> list[CorpusSummary]:
    """The next `limit` corpora by name, with what the reader may see; `after` is the last name before."""
    statement = _summaries(reader).order_by(CorpusRow.name).limit(limit)
    if after is not None:
        statement = statement.where(CorpusRow.name > after)
    return [_summary(row) for row in session.execute(statement)]


def summary(session: Session, name: str, reader: Reader | None = None) -> CorpusSummary:
    """One corpus, with how much is in it that the reader may see.

    Raises:
        UnknownCorpusError: There is none of this name that the reader may know of.
    """
    row = session.execute(_summaries(reader).where(CorpusRow.name == name)).one_or_none()
    if row is None:
        raise UnknownCorpusError(name, _names(session, reader))
    return _summary(row)


def change_settings(session: Session, name: str, subject: str, chosen: Mapping[str, Any] | None) -> Corpus:
    """Replace what was chosen for one subject, None: by the defaults; those of other subjects stay.

    Raises:
        UnknownCorpusError: There is none of this name.
    """
    changed: ColumnElement[Any] = CorpusRow.settings.op("-")(sql_cast(subject, Text))
    if chosen is not None:
        changed = changed.op("||")(literal({subject: dict(chosen)}, JSONB))
    session.execute(update(CorpusRow).where(CorpusRow.name == name).values(settings=changed))
    return get(session, name)


def delete(session: Session, name: str) -> None:
    """Delete a corpus with all versions of its documents, for good.

    The log of responses stays; its citations keep their quotes, but no document stands behind them any more.

    Raises:
        UnknownCorpusError: There is none of this name.
    """
    corpus_id = get(session, name).id
    lock_corpus(session, corpus_id)
    documents = select(DocumentRow.id).where(DocumentRow.corpus_id == corpus_id).scalar_subquery()
    for statement in (
        sql_delete(IndexLogRow).where(IndexLogRow.corpus_id == corpus_id),
        sql_delete(ChunkRow).where(ChunkRow.corpus_id == corpus_id),
        sql_delete(DocumentVersionRow).where(DocumentVersionRow.document_id.in_(documents)),
        update(DocumentRow)
        .where(DocumentRow.corpus_id == corpus_id)
        .values(status=DocumentStatus.REMOVED, duplicate_of=None, similarity=None),
        sql_delete(DocumentRow).where(DocumentRow.corpus_id == corpus_id),
        sql_delete(CorpusRow).where(CorpusRow.id == corpus_id),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})


def _insert(session: Session, name: str, encoder: str, encoder_revision: str, dimension: int) -> bool:
    """Insert unless the name is taken; returns whether it was free."""
    inserted = session.execute(
        insert(CorpusRow)
        .values(name=name, encoder=encoder, encoder_revision=encoder_revision, dimension=dimension)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(CorpusRow.id)
    )
    return inserted.one_or_none() is not None


def _names(session: Session, reader: Reader | None = None) -> list[str]:
    visible = select(CorpusRow.name).where(corpus_visible(reader))
    return list(session.scalars(visible.order_by(CorpusRow.name)))


def _summaries(reader: Reader | None = None) -> Select[*tuple[Any, ...]]:
    # All less the hidden ones: documents that have lists are few, and an index finds them.
    present = DocumentRow.status != DocumentStatus.REMOVED
    hidden_documents = _count(DocumentRow.corpus_id, and_(present, document_hidden(reader)))
    documents = _count(DocumentRow.corpus_id, present) - hidden_documents
    hidden_chunks = (
        select(func.count())
        .select_from(ChunkRow)
        .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
        .where(DocumentRow.corpus_id == CorpusRow.id, ChunkRow.searchable, document_hidden(reader))
        .scalar_subquery()
    )
    chunks = _count(ChunkRow.corpus_id, ChunkRow.searchable) - hidden_chunks
    counted = _corpora().add_columns(documents.label("documents"), chunks.label("chunks"))
    return counted.where(corpus_visible(reader))


def _summary(row: Row[*tuple[Any, ...]]) -> CorpusSummary:
    return CorpusSummary(_corpus(row), row.documents, row.chunks)


def _named() -> Select[*tuple[Any, ...]]:
    """A corpus for a user whom nothing but lists holds to some: nearly every question begins with it."""
    reader = Reader(cast(UUID, bindparam("reader", type_=Uuid())))
    return _corpora().where(CorpusRow.name == bindparam("name"), corpus_visible(reader))


_NAMED = Statement(_named)
_ANY_NAMED = Statement(lambda: _corpora().where(CorpusRow.name == bindparam("name")))
"""A corpus for whom no list keeps out, and for the program itself."""


def _columns() -> list[Any]:
    return [
        CorpusRow.id,
        CorpusRow.name,
        CorpusRow.encoder,
        CorpusRow.encoder_revision,
        CorpusRow.dimension,
        CorpusRow.created_at,
        CorpusRow.settings,
        CorpusRow.restricted,
        exists().where(DocumentRow.corpus_id == CorpusRow.id, DocumentRow.restricted).label("has_lists"),
    ]


def columns_beside() -> list[Any]:
    """What `beside` needs of a corpus, to be read beside other columns."""
    return [column.label(f"{BESIDE}{column.key}") for column in _columns()]


def beside(row: Any) -> Corpus | None:
    """The corpus in a row that has `columns_beside`; None where it was joined to none."""
    named = {name.removeprefix(BESIDE): value for name, value in row._asdict().items() if BESIDE in name}
    return None if named["id"] is None else Corpus(**named)


def _corpora() -> Select[*tuple[Any, ...]]:
    return select(*_columns())


def _corpus(row: Row[*tuple[Any, ...]]) -> Corpus:
    return Corpus(
        id=row.id,
        name=row.name,
        encoder=row.encoder,
        encoder_revision=row.encoder_revision,
        dimension=row.dimension,
        created_at=row.created_at,
        settings=row.settings,
        restricted=row.restricted,
        has_lists=row.has_lists,
    )


def _count(
    corpus_id: InstrumentedAttribute[int], counted: ColumnElement[bool] | InstrumentedAttribute[bool]
) -> ScalarSelect[int]:
    return select(func.count()).where(corpus_id == CorpusRow.id, counted).scalar_subquery()
