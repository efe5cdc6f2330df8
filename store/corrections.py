"""The repository of corrections: what an answer should have been, and what bears it out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.orm import Session

from store import documents, users
from store.errors import UnknownResponseError
from store.positions import Batch, newest_first
from store.review_errors import CorrectionError
from store.sealed_log import correction_columns, open_correction, open_response
from store.tables import CorrectionRow, ResponseRow, UserRow, among
from store.visibility import Reader, visible_responses

PIECE = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class NewSpan:
    """Characters `start` to `end` of a document version."""

    document_id: UUID
    document_version: int
    start: int
    end: int


@dataclass(frozen=True)
class CorrectionSpan(NewSpan):
    """A span that bears a corrected answer out, as it stands in the document."""

    quote: str


@dataclass(frozen=True)
class Change:
    """Where two answers differ: `removed` was in the one given, `added` stands in its place."""

    start: int
    end: int
    """Of the answer given, in characters."""
    corrected_start: int
    corrected_end: int
    """Of the corrected one."""
    removed: str
    added: str


@dataclass(frozen=True)
class Correction:
    """A corrected answer beside the one that was given."""

    id: UUID
    response_id: UUID
    user: str
    original: str
    answer: str
    changes: tuple[Change, ...]
    spans: tuple[CorrectionSpan, ...]
    comment: str | None
    created_at: datetime
    superseded_at: datetime | None


def record(
    session: Session,
    response_id: UUID,
    user: str,
    answer: str,
    *,
    spans: Sequence[NewSpan] = (),
    comment: str | None = None,
) -> Correction:
    """Keep a reviewer's corrected answer; it takes the place of the one that they gave before.

    Raises:
        UnknownResponseError: There is no such response.
        UnknownDocumentError: A span's document or version is not there.
        CorrectionError: A span lies outside its document.
    """
    # One writer at a time for each response: of two by the same author, the later takes the earlier's place.
    locked = select(ResponseRow.id).where(ResponseRow.id == response_id).with_for_update(key_share=True)
    if session.scalar(locked) is None:
        raise UnknownResponseError(response_id)
    original = _answers(session, [response_id])[response_id]
    user_id = users.ensure(session, user)
    session.execute(
        update(CorrectionRow)
        .where(
            CorrectionRow.response_id == response_id,
            CorrectionRow.user_id == user_id,
            CorrectionRow.superseded_at.is_(None),
        )
        .values(superseded_at=func.now()),
        execution_options={"synchronize_session": False},
    )
    correction_id = uuid4()
    quoted = [_quoted(session, span) for span in spans]
    content = {"answer": answer, "comment": comment, "spans": quoted}
    session.execute(
        insert(CorrectionRow).values(
            id=correction_id,
            response_id=response_id,
            user_id=user_id,
            changes=changes_between(original, answer),
            **correction_columns(session, correction_id, content),
        )
    )
    return _read(session, session.execute(_corrections().where(CorrectionRow.id == correction_id)).all())[0]


def of_response(session: Session, response_id: UUID, *, history: bool = False) -> list[Correction]:
    """The corrections of a response, oldest first; with `history` also those that were superseded."""
    statement = _corrections().where(CorrectionRow.response_id == response_id)
    if not history:
        statement = statement.where(CorrectionRow.superseded_at.is_(None))
    ordered = statement.order_by(CorrectionRow.created_at, CorrectionRow.id)
    return _read(session, session.execute(ordered).all())


def of_responses(session: Session, response_ids: Sequence[UUID]) -> dict[UUID, list[Correction]]:
    """The corrections of each of the responses as they stand, oldest first."""
    statement = _corrections().where(
        among(CorrectionRow.response_id, response_ids), CorrectionRow.superseded_at.is_(None)
    )
    ordered = statement.order_by(CorrectionRow.created_at, CorrectionRow.id)
    found: dict[UUID, list[Correction]] = {response_id: [] for response_id in response_ids}
    for correction in _read(session, session.execute(ordered).all()):
        found[correction.response_id].append(correction)
    return found


def page(
    session: Session,
    *,
    after: str | None,
    limit: int,
    user: str | None = None,
    reader: Reader | None = None,
) -> Batch[Correction]:
    """The next `limit` corrections of what the reader may see, newest first; `user` None takes everybody's.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _corrections().where(
        CorrectionRow.superseded_at.is_(None), CorrectionRow.response_id.in_(visible_responses(reader))
    )
    if user is not None:
        statement = statement.where(UserRow.name == user)
    order = (CorrectionRow.created_at, CorrectionRow.id)
    rows = newest_first(session, statement, *order, after=after, limit=limit)
    return Batch(_read(session, rows.items), rows.next)


def changes_between(original: str, answer: str) -> list[list[int]]:
    """Where two texts differ, by words: `[start, end, corrected_start, corrected_end]` each, in order."""
    before, after = (_pieces(text) for text in (original, answer))
    matcher = SequenceMatcher(None, [text for _, text in before], [text for _, text in after], autojunk=False)
    return [
        [*_reach(before, a, b, len(original)), *_reach(after, c, d, len(answer))]
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]


def _pieces(text: str) -> list[tuple[int, str]]:
    return [(m.start(), m[0]) for m in PIECE.finditer(text)]


def _reach(pieces: Sequence[tuple[int, str]], first: int, last: int, length: int) -> tuple[int, int]:
    """Characters of the pieces `first` to `last`."""
    start = pieces[first][0] if first < len(pieces) else length
    end = pieces[last][0] if last < len(pieces) else length
    return start, end


def _quoted(session: Session, span: NewSpan) -> dict[str, Any]:
    """A span with the text that stands there."""
    wanted = span.end - span.start
    if span.start < 0 or wanted <= 0:
        raise CorrectionError(
            f"The span {span.start} to {span.end} of document {span.document_id} is empty: give the first "
            "character, and the one after the last."
        )
    quote = documents.excerpt(session, span.document_id, span.document_version, span.start, span.end)
    if len(quote) < wanted:
        raise CorrectionError(
            f"The span {span.start} to {span.end} reaches beyond document {span.document_id} version "
            f"{span.document_version}. Give characters of that version's text."
        )
    return {
        "document_id": str(span.document_id),
        "document_version": span.document_version,
        "start": span.start,
        "end": span.end,
        "quote": quote,
    }


def _corrections() -> Select[*tuple[Any, ...]]:
    return select(
        CorrectionRow.id,
        CorrectionRow.response_id,
        UserRow.name,
        CorrectionRow.answer,
        CorrectionRow.changes,
        CorrectionRow.spans,
        CorrectionRow.comment,
        CorrectionRow.created_at,
        CorrectionRow.superseded_at,
    ).join(UserRow, UserRow.id == CorrectionRow.user_id)


def _answers(session: Session, response_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The answer of each of the responses, as it was given."""
    columns = (ResponseRow.id, ResponseRow.answer, ResponseRow.sealed, ResponseRow.data_key_id)
    found = {}
    for row in session.execute(select(*columns).where(among(ResponseRow.id, response_ids))):
        content = open_response(session, row)
        found[row.id] = row.answer if content is None else content.answer
    return found


def _read(session: Session, rows: Sequence[Row[*tuple[Any, ...]]]) -> list[Correction]:
    answers = _answers(session, list({row.response_id for row in rows}))
    return [_to_correction(row, open_correction(session, row), answers[row.response_id]) for row in rows]


def _to_correction(row: Row[*tuple[Any, ...]], content: dict[str, Any], original: str) -> Correction:
    answer = content["answer"]
    changes = [Change(a, b, c, d, original[a:b], answer[c:d]) for a, b, c, d in row.changes]
    spans = [
        CorrectionSpan(UUID(s["document_id"]), s["document_version"], s["start"], s["end"], s["quote"])
        for s in content["spans"]
    ]
    return Correction(
        id=row.id,
        response_id=row.response_id,
        user=row.name,
        original=original,
        answer=answer,
        changes=tuple(changes),
        spans=tuple(spans),
        comment=content["comment"],
        created_at=row.created_at,
        superseded_at=row.superseded_at,
    )
