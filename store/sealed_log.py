"""What rows of the log hold, sealed or as it is, and sealing anew what is there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, or_, select, text, true, update
from sqlalchemy.orm import Session

from store.postgres import Database
from store.sealing import Sealed, opener_of, sealer_of
from store.tables import DataKeyRow, FeedbackRow, ResponseCitationRow, ResponseRow

ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class ResponseContent:
    """What a response says, and what derives from it; `quotes` are those of its citations, in order."""

    question: str
    answer: str
    body: Mapping[str, Any]
    parameters: Mapping[str, Any]
    quotes: tuple[str, ...]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """The content that `to_json` wrote."""
        return cls(**{**value, "quotes": tuple(value["quotes"])})

    def to_json(self) -> dict[str, Any]:
        """The content in JSON's types."""
        return {**vars(self), "quotes": list(self.quotes)}


@dataclass(frozen=True)
class FeedbackContent:
    """What somebody wrote about a response."""

    comment: str | None
    correction: str | None


@dataclass(frozen=True)
class Counts:
    """How many rows of the log are sealed, and how many are not."""

    sealed: int
    plain: int


Change = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives what the content of a row becomes, in JSON's types."""


def response_columns(session: Session, response_id: UUID, content: ResponseContent) -> dict[str, Any]:
    """The columns of a response with this content: sealed where the database has a key, else as it is."""
    sealer = sealer_of(session)
    if sealer is None:
        return {
            "question": content.question,
            "answer": content.answer,
            "body": dict(content.body),
            "parameters": dict(content.parameters),
        }
    sealed = sealer.seal(_of_response(response_id), content.to_json())
    return {
        "question": "",
        "answer": "",
        "body": {},
        "parameters": {},
        "sealed": sealed.ciphertext,
        "data_key_id": sealed.data_key_id,
        "words": sealer.words(content.question, content.answer),
    }


def stored_quote(session: Session, quote: str) -> str:
    """What a citation's own row keeps of its quote: nothing where it is sealed with the response."""
    return quote if sealer_of(session) is None else ""


def open_response(session: Session, row: Row[*tuple[Any, ...]]) -> ResponseContent | None:
    """What a response says whose row is sealed (`id`, `sealed`, `data_key_id`); None where it is not.

    Raises:
        EncryptionKeyError: There is no key, or it is another.
    """
    if row.sealed is None:
        return None
    identity = _of_response(row.id)
    sealed = Sealed(row.data_key_id, bytes(row.sealed))
    return ResponseContent.of(opener_of(session, identity).open(session, identity, sealed))


def feedback_columns(
    session: Session, response_id: UUID, user_id: UUID, content: FeedbackContent
) -> dict[str, Any]:
    """The columns of feedback with this content; what is sealed is empty, what is not there NULL."""
    sealer = sealer_of(session)
    if sealer is None or content == FeedbackContent(None, None):
        return {**vars(content), "sealed": None, "data_key_id": None}
    sealed = sealer.seal(_of_feedback(response_id, user_id), vars(content))
    return {
        "comment": None if content.comment is None else "",
        "correction": None if content.correction is None else "",
        "sealed": sealed.ciphertext,
        "data_key_id": sealed.data_key_id,
    }


def open_feedback(session: Session, row: Row[*tuple[Any, ...]]) -> FeedbackContent:
    """What feedback says, sealed or not.

    Raises:
        EncryptionKeyError: It is sealed, and there is no key, or another.
    """
    if row.sealed is None:
        return FeedbackContent(row.comment, row.correction)
    identity = _of_feedback(row.response_id, row.user_id)
    sealed = Sealed(row.data_key_id, bytes(row.sealed))
    return FeedbackContent(**opener_of(session, identity).open(session, identity, sealed))


def holds_text(session: Session, words: str) -> ColumnElement[bool]:
    """The condition that a response's question or answer holds these words.

    In rows that are not sealed they are looked for as they are written, in any case; in sealed ones each word
    by itself, whole and by its stem.
    """
    columns = (ResponseRow.question, ResponseRow.answer)
    as_it_is = or_(*(column.icontains(words, autoescape=True) for column in columns))
    sealer = sealer_of(session)
    if sealer is None:
        return as_it_is
    by_words = [ResponseRow.words.contains(hashes) for hashes in sealer.words_to_find(words)]
    return or_(and_(ResponseRow.sealed.is_(None), as_it_is), *by_words)


def counts(session: Session) -> dict[str, Counts]:
    """How many rows of which table are sealed, and how many that say something are not."""
    found = {}
    for log in _LOGS:
        sealed = func.count(log.table.sealed)
        statement = select(sealed, func.count() - sealed).where(log.says_something)
        found[log.name] = Counts(*session.execute(statement).one())
    return found


def seal_all(database: Database, *, again: bool = False) -> dict[str, int]:
    """Seal all rows of the log that are not; with `again` also those of older data keys, with the newest.

    Returns how many rows of which table. It can be broken off and begun anew.
    """
    with database.transaction() as session:
        keys = select(DataKeyRow.id).where(DataKeyRow.purpose == "rows")
        newest = session.scalar(keys.order_by(DataKeyRow.created_at.desc()).limit(1))
    done = {}
    for log in _LOGS:
        plain = log.table.sealed.is_(None)
        which = and_(log.says_something, or_(plain, log.table.data_key_id != newest) if again else plain)
        count, full = 0, True
        while full:
            with database.transaction() as session:
                rows = log.rows(session, which, None)
                for row in rows:
                    log.write(session, row, log.read(session, row))
            count, full = count + len(rows), len(rows) == ROWS_AT_ONCE
        done[log.name] = count
    return done


def change_sealed(session: Session, change: Change, *, write: bool) -> dict[str, int]:
    """Change the content of sealed rows; returns how many of which table it changes.

    Without `write` rows are counted only.
    """
    done: dict[str, int] = {}
    for log in _LOGS:
        for row in _each(session, log, log.table.sealed.is_not(None)):
            before = log.read(session, row)
            after = change(before)
            if after != before:
                done[log.name] = done.get(log.name, 0) + 1
                if write:
                    log.write(session, row, after)
    return done


def compact(database: Database) -> None:
    """Let PostgreSQL write the tables of the log anew, without the rows as they were before they were sealed.

    Nobody else can use them meanwhile.
    """
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (ResponseRow, ResponseCitationRow, FeedbackRow):
            connection.execute(text(f"VACUUM FULL {table.__tablename__}"))


@dataclass(frozen=True)
class _Log:
    """A table of the log: how its rows are read and written, their content in JSON's types."""

    table: type[ResponseRow] | type[FeedbackRow]
    columns: tuple[Any, ...]
    says_something: ColumnElement[bool]
    read: Callable[[Session, Row[*tuple[Any, ...]]], dict[str, Any]]
    write: Callable[[Session, Row[*tuple[Any, ...]], dict[str, Any]], None]

    @property
    def name(self) -> str:
        return self.table.__tablename__

    def rows(
        self, session: Session, which: ColumnElement[bool], after: UUID | None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """The next rows in the order of their ids, which nobody else changes until the transaction ends."""
        statement = select(*self.columns).where(which).order_by(self.table.id).limit(ROWS_AT_ONCE)
        if after is not None:
            statement = statement.where(self.table.id > after)
        return session.execute(statement.with_for_update()).all()


def _each(session: Session, log: _Log, which: ColumnElement[bool]) -> Iterator[Row[*tuple[Any, ...]]]:
    after = None
    while rows := log.rows(session, which, after):
        yield from rows
        after = rows[-1].id


def _read_response(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    content = open_response(session, row)
    if content is None:
        quotes = session.scalars(
            select(ResponseCitationRow.quote)
            .where(ResponseCitationRow.response_id == row.id)
            .order_by(ResponseCitationRow.ordinal)
        )
        content = ResponseContent(row.question, row.answer, row.body, row.parameters, tuple(quotes))
    return content.to_json()


def _write_response(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = response_columns(session, row.id, ResponseContent.of(content))
    session.execute(update(ResponseRow).where(ResponseRow.id == row.id).values(**columns))
    session.execute(
        update(ResponseCitationRow).where(ResponseCitationRow.response_id == row.id).values(quote="")
    )


def _read_feedback(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return vars(open_feedback(session, row))


def _write_feedback(session: Session, row: Row[*tuple[Any, ...]], content: dict[str, Any]) -> None:
    columns = feedback_columns(session, row.response_id, row.user_id, FeedbackContent(**content))
    session.execute(update(FeedbackRow).where(FeedbackRow.id == row.id).values(**columns))


def _of_response(response_id: UUID) -> str:
    return f"responses {response_id}"


def _of_feedback(response_id: UUID, user_id: UUID) -> str:
    return f"feedback {response_id} {user_id}"


_LOGS = (
    _Log(
        ResponseRow,
        (
            ResponseRow.id,
            ResponseRow.question,
            ResponseRow.answer,
            ResponseRow.body,
            ResponseRow.parameters,
            ResponseRow.sealed,
            ResponseRow.data_key_id,
        ),
        true(),
        _read_response,
        _write_response,
    ),
    _Log(
        FeedbackRow,
        (
            FeedbackRow.id,
            FeedbackRow.response_id,
            FeedbackRow.user_id,
            FeedbackRow.comment,
            FeedbackRow.correction,
            FeedbackRow.sealed,
            FeedbackRow.data_key_id,
        ),
        or_(FeedbackRow.comment.is_not(None), FeedbackRow.correction.is_not(None)),
        _read_feedback,
        _write_feedback,
    ),
)
