"""Queries over the log of responses, in one line of text:

    user:ada corpus:handbook,travel abstained:true probability:<0.5 -commented since:7d text:"refund"

Terms stand between spaces and must all hold; `-` before one turns it round. A term is FIELD:VALUE, a field
that is true or false alone, or words to look for in question and answer. Values with spaces stand in double
quotes; commas between values mean any of them. Figures and times take `<`, `<=`, `>` and `>=`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    SelectBase,
    Uuid,
    and_,
    any_,
    false,
    func,
    not_,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from store.errors import StoreError
from store.tables import (
    CorpusRow,
    CorrectionRow,
    FeedbackRow,
    ResponseCitationRow,
    ResponseRow,
    ScoreRow,
    UserRow,
)

MAX_TERMS = 30

TERM = re.compile(r'(?P<minus>-?)(?:(?P<field>[\w.-]+):)?(?P<value>(?:"(?:[^"\\]|\\.)*"|[^\s"])*)')
VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",]+)')
AGO = re.compile(r"(\d{1,6})([mhdw])$")
SCORE = "score."
ANY_SCORE = "score.NAME"
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
OPERATORS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "<=": lambda column, bound: column <= bound,
    ">=": lambda column, bound: column >= bound,
    "<": lambda column, bound: column < bound,
    ">": lambda column, bound: column > bound,
    "": lambda column, bound: column == bound,
}


@dataclass(frozen=True)
class Field:
    """A field that queries know: what it means, and what its value looks like."""

    name: str
    kind: str
    means: str
    example: str


@dataclass(frozen=True)
class Term:
    """A term of a query, with the characters `start` to `end` where it stands."""

    field: str
    operator: str
    values: tuple[str, ...]
    negated: bool
    start: int
    end: int


@dataclass(frozen=True)
class Meanings:
    """What terms mean that only the database knows."""

    holds_text: Callable[[str], ColumnElement[bool]]
    """The condition that question or answer holds a text."""
    definition_of: Callable[[str], UUID | None]
    """The id of the score definition of a name; None: there is none."""
    is_small: Callable[[SelectBase], bool]
    """Whether a statement gives so few rows that it is best to begin with them."""


class QueryError(StoreError):
    """A query has a term that means nothing; `start` and `end` are the characters where it stands."""

    def __init__(self, reason: str, start: int, end: int):
        self.reason = reason
        self.start = start
        self.end = end
        super().__init__(f"The query cannot be used at character {start + 1}: {reason}")


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("user", "name", "who asked", "user:ada"),
        Field("corpus", "name", "which corpus was asked", "corpus:handbook"),
        Field("model", "name", "which generator answered", "model:groundwork-1c9ad0e4b2"),
        Field("session", "id", "in which conversation", "session:0d2b6a0c-93a3-4c57-8f0e-61b6a2d3b1aa"),
        Field("document", "id", "which document is cited", "document:8a6f7b0e-7c53-4f43-8d0a-2a9c3c1f0d11"),
        Field("abstained", "flag", "whether there was no answer", "abstained:true"),
        Field("thumb", "name", "a verdict of the one who asked: up, down or any", "thumb:down"),
        Field("commented", "flag", "whether somebody left a comment", "commented"),
        Field("corrected", "flag", "whether somebody corrected the answer", "corrected"),
        Field("reviewed", "flag", "whether a person scored or corrected it", "-reviewed"),
        Field("score.NAME", "score", "a score: a figure, true or false, or a category", "score.overall:<0.5"),
        Field("probability", "figure", "that the documents hold the answer, 0 to 1", "probability:<0.5"),
        Field("latency", "figure", "milliseconds that the answer took", "latency:>2000"),
        Field("since", "time", "asked then or later: a date, or so long ago", "since:7d"),
        Field("until", "time", "asked before then", "until:2026-01-31"),
        Field("text", "text", "words in question or answer, in any case", 'text:"parental leave"'),
    )
}

OF_TIME = frozenset({"since", "until"})
OF_RESPONSES = OF_TIME | {"user", "corpus", "model", "abstained", "probability", "latency"}
"""Fields that the index of figures is enough for."""


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a query.

    Raises:
        QueryError: A term means nothing; it says which and why.
    """
    found: list[Term] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = TERM.match(text, place)
        end = place if match is None else match.end()
        if match is None or end == place or (end < len(text) and not text[end].isspace()):
            raise QueryError('a quotation mark is not closed; write " after the value too', place, len(text))
        found.append(_term(match))
        place = end
    if len(found) > MAX_TERMS:
        over = found[MAX_TERMS]
        raise QueryError(f"there are more than {MAX_TERMS} terms; leave some out", over.start, over.end)
    for term in found:
        _check(term)
    return tuple(found)


def compile_terms(terms: Sequence[Term], means: Meanings) -> list[ColumnElement[bool]]:
    """The conditions on responses that the terms state."""
    conditions = []
    for term in terms:
        if term.field in FEEDBACK and len(term.values) == 1:
            conditions.append(_of_feedback(term, means))
            continue
        condition = or_(false(), *(_condition(term, value, means) for value in term.values))
        conditions.append(not_(func.coalesce(condition, false())) if term.negated else condition)
    return conditions


def _term(match: re.Match[str]) -> Term:
    start, end = match.span()
    field, written = match["field"], match["value"]
    negated = bool(match["minus"])
    if field is None:
        if written in FIELDS and FIELDS[written].kind == "flag":
            return Term(written, "", ("true",), negated, start, end)
        return Term("text", "", (_unquoted(written),) if written else (), negated, start, end)
    operator = next(sign for sign in OPERATORS if written.startswith(sign))
    rest = written[len(operator) :]
    if field == "text":
        values: tuple[str, ...] = (_unquoted(rest),) if rest else ()
    else:
        values = tuple(_unquoted(part[0]) for part in VALUE.finditer(rest))
    return Term(field, operator, values, negated, start, end)


def _unquoted(written: str) -> str:
    if len(written) >= 2 and written[0] == written[-1] == '"':
        return re.sub(r"\\(.)", r"\1", written[1:-1])
    return written


def _field(name: str) -> Field | None:
    return FIELDS[ANY_SCORE] if name.startswith(SCORE) and len(name) > len(SCORE) else FIELDS.get(name)


def _check(term: Term) -> None:
    """Refuse what has no meaning, where it stands."""
    field = _field(term.field)
    if field is None:
        raise _refusal(term, f"there is no field {term.field!r}; there are {', '.join(FIELDS)}")
    if not any(term.values):
        raise _refusal(term, f"{term.field} has no value; write for example {field.example}")
    if term.operator and field.kind not in ("figure", "time", "score"):
        raise _refusal(term, f"{term.field} has no order; write for example {field.example}")
    for value in term.values:
        if "\0" in value:
            raise _refusal(term, "the character NUL is in no response")
        READ[field.kind](term, value)


def _refusal(term: Term, reason: str) -> QueryError:
    return QueryError(reason, term.start, term.end)


def _name(term: Term, value: str) -> str:
    if term.field == "thumb" and value not in ("up", "down", "any"):
        raise _refusal(term, f"thumb is up, down or any, not {value!r}")
    return value


def _flag(term: Term, value: str) -> bool:
    if value not in ("true", "false"):
        raise _refusal(term, f"{term.field} is true or false, not {value!r}")
    return value == "true"


def _id(term: Term, value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise _refusal(term, f"{value!r} is no id; write for example {FIELDS[term.field].example}") from None


def _figure(term: Term, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise _refusal(term, f"{value!r} is no number; write for example {FIELDS[term.field].example}")
    return number


def _score(term: Term, value: str) -> float | str:
    """A score's number, which of true is 1 and of false 0; what is neither is a label."""
    if value in ("true", "false"):
        return float(value == "true")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if isfinite(number):
        return number
    if term.operator:
        raise _refusal(term, f"{value!r} is no number, so nothing is above or below it")
    return value


def _time(term: Term, value: str) -> datetime:
    ago = AGO.match(value)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        reason = f"{value!r} is no time; write a date like 2026-01-31, or 30m, 12h, 7d or 4w for so long ago"
        raise _refusal(term, reason) from None


READ: Mapping[str, Callable[[Term, str], Any]] = {
    "name": _name,
    "flag": _flag,
    "id": _id,
    "figure": _figure,
    "time": _time,
    "text": lambda term, value: value,
    "score": _score,
}
"""How the values of each kind are read; each raises QueryError for what it cannot read."""


def _condition(term: Term, value: str, means: Meanings) -> ColumnElement[bool]:
    field = _field(term.field)
    assert field is not None, "terms are checked when they are parsed"
    read = READ[field.kind](term, value)
    if field.kind == "score":
        return _has_score(term, read, means)
    if term.field == "text":
        return means.holds_text(read)
    if term.field in FEEDBACK:
        has = or_(*(ResponseRow.id.in_(found) for found in _sets(term.field, read)))
        return not_(has) if read is False else has
    if term.field == "document":
        cited = select(ResponseCitationRow.response_id).where(ResponseCitationRow.document_id == read)
        return ResponseRow.id.in_(cited)
    if term.field in ("since", "until"):
        return OPERATORS[">=" if term.field == "since" else "<"](ResponseRow.created_at, read)
    return OPERATORS[term.operator](_columns()[term.field], with_id(term.field, read))


def _columns() -> Mapping[str, Any]:
    return {
        "user": ResponseRow.user_id,
        "corpus": ResponseRow.corpus_id,
        "model": ResponseRow.model,
        "session": ResponseRow.session_id,
        "abstained": ResponseRow.abstained,
        "probability": ResponseRow.answerable_probability,
        "latency": ResponseRow.total_ms,
    }


def with_id(field: str, value: Any) -> Any:
    """What a column is compared with: of a name its id, so that one index gives the newest in order."""
    if field == "user":
        return select(UserRow.id).where(UserRow.name == value).scalar_subquery()
    if field == "corpus":
        return select(CorpusRow.id).where(CorpusRow.name == value).scalar_subquery()
    return value


def _has_score(term: Term, value: float | str, means: Meanings) -> ColumnElement[bool]:
    column = ScoreRow.label if isinstance(value, str) else ScoreRow.number
    definition = means.definition_of(term.field.removeprefix(SCORE))
    if definition is None:
        return false()
    scored = select(ScoreRow.response_id).where(
        ScoreRow.definition_id == definition,
        ScoreRow.superseded_at.is_(None),
        OPERATORS[term.operator](column, value),
    )
    if means.is_small(scored):
        return _is_one_of(scored)
    # OFFSET keeps PostgreSQL, which takes all scores to spread alike, from gathering them first.
    return scored.where(ScoreRow.response_id == ResponseRow.id).correlate(ResponseRow).offset(0).exists()


def _is_one_of(ids: Select[UUID] | CompoundSelect[UUID]) -> ColumnElement[bool]:
    """The condition that a response is one of a few, which are found first.

    For IN, PostgreSQL may go through the newest responses instead and look at each, which pays off only
    where the few are spread evenly.
    """
    return ResponseRow.id == any_(func.array(ids.scalar_subquery(), type_=ARRAY(Uuid())))


FEEDBACK = ("thumb", "commented", "corrected", "reviewed")


def _of_feedback(term: Term, means: Meanings) -> ColumnElement[bool]:
    """The condition of a term with one value.

    Where little has such feedback, it is found from the feedback; where much has it, or much has none, by
    looking at one response after the other.
    """
    wanted = READ[FIELDS[term.field].kind](term, term.values[0])
    found = _sets(term.field, wanted)
    there = [each.where(each.selected_columns[0] == ResponseRow.id).exists() for each in found]
    if term.negated != (wanted is False):
        return and_(*(~each for each in there))
    every = union_all(*found) if len(found) > 1 else found[0]
    return _is_one_of(every) if means.is_small(every) else or_(*there)


def _sets(field: str, wanted: str | bool) -> list[Select[UUID]]:
    """The ids of the responses that have such feedback, in one or two statements."""
    said = select(FeedbackRow.response_id)
    corrected = select(CorrectionRow.response_id).where(CorrectionRow.superseded_at.is_(None))
    scored = select(ScoreRow.response_id).where(ScoreRow.superseded_at.is_(None), ScoreRow.source == "person")
    thumb = FeedbackRow.thumb.is_not(None) if wanted == "any" else FeedbackRow.thumb == wanted
    sets = {
        "thumb": [said.where(thumb)],
        "commented": [said.where(FeedbackRow.comment.is_not(None))],
        "corrected": [said.where(FeedbackRow.correction.is_not(None)), corrected],
        "reviewed": [scored, corrected],
    }
    return sets[field]
