"""What rows of the log hold, sealed or as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    SelectBase,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from store.sealed_text import MARK, read_text, stored_text
from store.sealing import Sealed, opener_of, sealer_of
from store.tables import ResponseRow, SessionRow

TRIGRAM_BYTES = 3
FEW = 10_000
"""Responses: as long as it takes to look at so many, so long it takes to find a page of the newest."""
SAMPLED, COMMON = 200, 20
"""Of so many responses, the newest, so many hold what is common: a page of them is found at once."""


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
    integers: ARRAY[int] = ARRAY(Integer)
    held = type_coerce(func.text_trigrams(*columns), integers)
    trigrams: ColumnElement[bool] = held.contains(type_coerce(func.text_trigrams(words), integers))
    if (
        len(words.encode()) >= TRIGRAM_BYTES
        and not _is_common(session, as_it_is)
        and gives_few(session, select(ResponseRow.id).where(trigrams))
    ):
        as_it_is = and_(as_it_is, trigrams)
    sealer = sealer_of(session)
    if sealer is None:
        return as_it_is
    by_words = [ResponseRow.words.contains(hashes) for hashes in sealer.words_to_find(words)]
    return or_(and_(ResponseRow.sealed.is_(None), as_it_is), *by_words)


def _is_common(session: Session, condition: ColumnElement[bool]) -> bool:
    """Whether many of the newest responses meet a condition.

    To count what is common takes long: the index gives all of a word's responses before the first.
    """
    newest = select(condition.label("met")).order_by(ResponseRow.created_at.desc(), ResponseRow.id.desc())
    met = newest.limit(SAMPLED).subquery("newest").c.met
    return (session.scalar(select(func.count()).where(met)) or 0) >= COMMON


def gives_few(session: Session, rows: SelectBase) -> bool:
    """Whether a statement gives so few rows that it is best to look at all of their responses.

    Of many, the newest are soon found without it, and the rest need not be looked at.
    """
    some = select(literal(1)).select_from(rows.subquery("rows")).limit(FEW + 1).subquery("some")
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def title_columns(session: Session, session_id: UUID, title: str | None) -> dict[str, Any]:
    """The columns of a session with this title: sealed where the database has a key, else as it is."""
    if title is None:
        return {"title": None, "title_words": None}
    sealer = sealer_of(session)
    return {
        "title": stored_text(session, _of_title(session_id), title),
        "title_words": None if sealer is None else sealer.words(title),
    }


def open_title(session: Session, session_id: UUID, stored: str | None) -> str | None:
    """The title of a session, sealed or not.

    Raises:
        EncryptionKeyError: It is sealed, and there is no key, or it is another.
    """
    return None if stored is None else read_text(session, _of_title(session_id), stored)


def holds_title(session: Session, words: str) -> ColumnElement[bool]:
    """The condition that a session's title holds these words, as `holds_text` looks for them."""
    is_sealed = SessionRow.title.startswith(MARK, autoescape=True)
    as_it_is = and_(not_(is_sealed), SessionRow.title.icontains(words, autoescape=True))
    sealer = sealer_of(session)
    if sealer is None:
        return as_it_is
    return or_(as_it_is, *(SessionRow.title_words.contains(hashes) for hashes in sealer.words_to_find(words)))


def correction_columns(session: Session, correction_id: UUID, content: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a correction with this content (`answer`, `comment`, `spans` with their quotes)."""
    comment = content["comment"]
    return {
        "answer": stored_text(session, f"corrections {correction_id} answer", content["answer"]),
        "comment": None
        if comment is None
        else stored_text(session, f"corrections {correction_id} comment", comment),
        "spans": [
            {**span, "quote": stored_text(session, f"corrections {correction_id} span {n}", span["quote"])}
            for n, span in enumerate(content["spans"])
        ],
    }


def open_correction(session: Session, row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """The content of a correction (`answer`, `comment`, `spans` with their quotes), sealed or not.

    Raises:
        EncryptionKeyError: It is sealed, and there is no key, or it is another.
    """
    return {
        "answer": read_text(session, f"corrections {row.id} answer", row.answer),
        "comment": None
        if row.comment is None
        else read_text(session, f"corrections {row.id} comment", row.comment),
        "spans": [
            {**span, "quote": read_text(session, f"corrections {row.id} span {n}", span["quote"])}
            for n, span in enumerate(row.spans)
        ],
    }


def score_columns(session: Session, score_id: UUID, content: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a score with this content: its `comment`, and its `label` where that is free text."""
    return {
        name: None if text is None else stored_text(session, f"scores {score_id} {name}", text)
        for name, text in content.items()
    }


def open_score(session: Session, score_id: UUID, stored: Mapping[str, str | None]) -> dict[str, Any]:
    """The content of a score (`comment`, `label`), sealed or not.

    Raises:
        EncryptionKeyError: It is sealed, and there is no key, or it is another.
    """
    return {
        name: None if text is None else read_text(session, f"scores {score_id} {name}", text)
        for name, text in stored.items()
    }


def _of_title(session_id: UUID) -> str:
    return f"sessions {session_id} title"


def _of_response(response_id: UUID) -> str:
    return f"responses {response_id}"


def _of_feedback(response_id: UUID, user_id: UUID) -> str:
    return f"feedback {response_id} {user_id}"
