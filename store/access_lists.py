"""Who was granted what: the lists of corpora and of documents. What follows from them: `store.visibility`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from store import groups, users
from store.document_reads import by_sha256, get
from store.duplicates import stand_alone
from store.index_log import lock_corpus, withdraw
from store.tables import (
    CorpusRow,
    DocumentReaderRow,
    DocumentRow,
    GrantRow,
    GroupRow,
    MemberRow,
    UserRow,
    among,
)
from store.types import DocumentStatus, Level, Readers
from store.visibility import Reader, corpus_visible


@dataclass(frozen=True)
class CorpusAccess:
    """Who may do what with a corpus, by name; all may read and write one that is not restricted.

    Where a user is named several times, alone and in groups, the highest level counts.
    """

    restricted: bool = False
    users: Mapping[str, Level] = field(default_factory=dict)
    groups: Mapping[str, Level] = field(default_factory=dict)


def corpus_access(session: Session, corpus_id: int) -> CorpusAccess:
    """The list of a corpus that is there."""
    rows = session.execute(
        select(UserRow.name.label("user"), GroupRow.name.label("group"), GrantRow.level)
        .select_from(GrantRow)
        .outerjoin(UserRow, UserRow.id == GrantRow.user_id)
        .outerjoin(GroupRow, GroupRow.id == GrantRow.group_id)
        .where(GrantRow.corpus_id == corpus_id)
        .order_by(UserRow.name, GroupRow.name)
    ).all()
    restricted = session.scalars(select(CorpusRow.restricted).where(CorpusRow.id == corpus_id)).one()
    return CorpusAccess(
        restricted,
        {row.user: Level(row.level) for row in rows if row.user is not None},
        {row.group: Level(row.level) for row in rows if row.group is not None},
    )


def set_corpus_access(session: Session, corpus_id: int, access: CorpusAccess) -> CorpusAccess:
    """Replace the list of a corpus that is there; it counts from the next statement of anybody on.

    Raises:
        UnknownUserError, UnknownGroupError: The list names one that is not there; nothing is changed.
    """
    user_ids = users.ids_of(session, list(access.users))
    group_ids = groups.ids_of(session, list(access.groups))
    lock_corpus(session, corpus_id)
    session.execute(update(CorpusRow).where(CorpusRow.id == corpus_id).values(restricted=access.restricted))
    session.execute(delete(GrantRow).where(GrantRow.corpus_id == corpus_id))
    rows = [
        *(
            {"user_id": user_ids[name], "group_id": None, "level": level}
            for name, level in access.users.items()
        ),
        *(
            {"user_id": None, "group_id": group_ids[name], "level": level}
            for name, level in access.groups.items()
        ),
    ]
    if rows:
        session.execute(insert(GrantRow), [{"corpus_id": corpus_id, **row} for row in rows])
    return corpus_access(session, corpus_id)


def level_of(session: Session, corpus_id: int, reader: Reader) -> Level | None:
    """What a reader may do with a corpus at most; None: it may not know of it.

    A corpus that is open may be written to by all; what their roles allow is another question.
    """
    restricted = session.scalar(
        select(CorpusRow.restricted).where(CorpusRow.id == corpus_id, corpus_visible(reader))
    )
    if restricted is None:
        return None
    if reader.sees_all:
        return Level.MANAGE
    inside = select(MemberRow.group_id).where(MemberRow.user_id == reader.user_id)
    granted = session.scalars(
        select(GrantRow.level).where(
            GrantRow.corpus_id == corpus_id,
            or_(GrantRow.user_id == reader.user_id, GrantRow.group_id.in_(inside)),
        )
    )
    levels = [Level(level) for level in granted] + ([] if restricted else [Level.WRITE])
    return max(levels, key=tuple(Level).index, default=Level.READ)


def document_readers(session: Session, document_id: UUID) -> Readers | None:
    """A document's own list; None: it has none."""
    if not session.scalar(select(DocumentRow.restricted).where(DocumentRow.id == document_id)):
        return None
    rows = session.execute(
        select(UserRow.name.label("user"), GroupRow.name.label("group"))
        .select_from(DocumentReaderRow)
        .outerjoin(UserRow, UserRow.id == DocumentReaderRow.user_id)
        .outerjoin(GroupRow, GroupRow.id == DocumentReaderRow.group_id)
        .where(DocumentReaderRow.document_id == document_id)
        .order_by(UserRow.name, GroupRow.name)
    ).all()
    return Readers(
        tuple(row.user for row in rows if row.user is not None),
        tuple(row.group for row in rows if row.group is not None),
    )


def set_document_readers(session: Session, document_id: UUID, readers: Readers | None) -> None:
    """Give a document a list of its own, or take it away (None); nothing is embedded again.

    One with a list stands for itself in the indexes. So copies that it stood for get a place of their own,
    and a copy of another gets one too; without a list it may become the copy of another again.

    Raises:
        UnknownDocumentError: There is no such document.
        UnknownUserError, UnknownGroupError: The list names one that is not there; nothing is changed.
    """
    document = get(session, document_id)
    lock_corpus(session, document.corpus_id)
    document = get(session, document_id)  # it may have changed while we waited
    write_readers(session, {document_id: readers or Readers()})
    if readers is not None and not document.restricted:
        _set(session, document_id, restricted=True)
        if document.status != DocumentStatus.REMOVED:
            stand_alone(session, document.corpus_id, document_id)
    elif readers is None and document.restricted:
        other = None
        if document.status == DocumentStatus.CURRENT:
            other = by_sha256(session, document.corpus_id, [document.sha256]).get(document.sha256)
        if other is None:
            _set(session, document_id, restricted=False)
        else:
            withdraw(session, document.corpus_id, [document_id])
            _set(
                session,
                document_id,
                restricted=False,
                status=DocumentStatus.DUPLICATE,
                duplicate_of=other,
            )
    elif readers is not None:
        _set(session, document_id, restricted=True)  # its ETag changes with its list


def write_readers(session: Session, lists: Mapping[UUID, Readers]) -> None:
    """Replace the entries of documents' lists.

    Raises:
        UnknownUserError, UnknownGroupError: A list names one that is not there.
    """
    user_ids = users.ids_of(session, sorted({name for each in lists.values() for name in each.users}))
    group_ids = groups.ids_of(session, sorted({name for each in lists.values() for name in each.groups}))
    session.execute(delete(DocumentReaderRow).where(among(DocumentReaderRow.document_id, list(lists))))
    rows = []
    for document_id, readers in lists.items():
        named = [{"user_id": user_ids[name], "group_id": None} for name in dict.fromkeys(readers.users)]
        named += [{"user_id": None, "group_id": group_ids[name]} for name in dict.fromkeys(readers.groups)]
        rows += [{"document_id": document_id, **each} for each in named]
    if rows:
        session.execute(insert(DocumentReaderRow), rows)


def _set(session: Session, document_id: UUID, **values: object) -> None:
    session.execute(
        update(DocumentRow)
        .where(DocumentRow.id == document_id)
        .values(**values, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
