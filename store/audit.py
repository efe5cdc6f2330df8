"""The audit log: who did what, append-only, each row chained to the one before it.

A row's hash is the SHA-256 of the hash before it and of the row in a fixed form, so that a row that was
changed, taken away or moved breaks the chain from there on. What the chain itself cannot show is that its
last rows were cut off: for that its end is noted now and then outside of the database (`Anchor`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from store.errors import InvalidCursorError
from store.positions import Batch
from store.tables import AuditRow

LOCK = 0x47574155444954
"""The advisory lock that puts the writers of the chain in order; the bytes spell GWAUDIT."""

BEFORE_THE_FIRST = "0" * 64
"""What stands for the hash before that of row 1."""

MOST_BREAKS = 100
ROWS_PER_FETCH = 1_000


@dataclass(frozen=True)
class Act:
    """One row of the log: at that time `actor` did `action` to `object`."""

    number: int
    at: datetime
    actor: str
    action: str
    object: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True)
class ActFilter:
    """Which acts to list; None leaves a field open.

    `action` also takes all that begin with it and a dot: `key` is `key.create` and `key.revoke`. `since` is
    inclusive, `until` exclusive.
    """

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Anchor:
    """That row `number` had this hash, as somebody noted outside of the database."""

    number: int
    hash: str


@dataclass(frozen=True)
class Break:
    """A place where the log is not what was written, and why that is known."""

    number: int
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a look at the whole log found: how many rows, the last of them, and at most 100 breaks."""

    rows: int
    end: Anchor | None
    anchors: int
    breaks: Sequence[Break] = field(default_factory=tuple)


def record(
    session: Session, actor: str, action: str, object: str, details: Mapping[str, Any] | None = None
) -> None:
    """Write down that `actor` did `action` (a word or two with a dot) to `object`.

    It counts if the session is committed, like the act itself. Call it last: until then nobody else can
    write to the log. No text of a document or question belongs into `details`.
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    last = session.execute(
        select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
    ).one_or_none()
    at = session.scalars(select(func.clock_timestamp())).one()
    number, previous = (1, BEFORE_THE_FIRST) if last is None else (last.number + 1, last.hash)
    act = Act(number, at, actor, action, object, dict(details or {}), previous, "")
    session.execute(insert(AuditRow).values(**(vars(act) | {"hash": hash_of(act)})))


def hash_of(act: Act) -> str:
    """The hash that an act has after `act.previous`."""
    at = act.at.astimezone(UTC).isoformat(timespec="microseconds")
    content = [act.number, at, act.actor, act.action, act.object, dict(act.details)]
    form = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(bytes.fromhex(act.previous) + form.encode()).hexdigest()


def page(session: Session, filter: ActFilter, *, after: str | None, limit: int) -> Batch[Act]:
    """The next `limit` acts, the newest first.

    Raises:
        InvalidCursorError: `after` is no position in this list.
    """
    statement = _acts(filter)
    if after is not None:
        if not after.isdecimal() or len(after) > 18:
            raise InvalidCursorError(after)
        statement = statement.where(AuditRow.number < int(after))
    rows = session.execute(statement.order_by(AuditRow.number.desc()).limit(limit + 1)).all()
    found = [_act(row) for row in rows[:limit]]
    return Batch(found, str(found[-1].number) if len(rows) > limit else None)


def acts(session: Session, filter: ActFilter) -> Iterator[Act]:
    """All acts, the oldest first, streamed."""
    statement = _acts(filter).order_by(AuditRow.number).execution_options(yield_per=ROWS_PER_FETCH)
    for row in session.execute(statement):
        yield _act(row)


def end(session: Session) -> Anchor | None:
    """The last row; None while there is none."""
    row = session.execute(
        select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Anchor(row.number, row.hash)


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Look at the whole log: is every row there, as it was written, in its place, up to the last anchor?"""
    breaks: list[Break] = []
    noted: dict[int, list[str]] = {}
    for anchor in anchors:
        noted.setdefault(anchor.number, []).append(anchor.hash)
    count, last = 0, Anchor(0, BEFORE_THE_FIRST)
    for act in acts(session, ActFilter()):
        breaks += [Break(act.number, reason) for reason in _faults(act, last)]
        if any(hash != act.hash for hash in noted.pop(act.number, [])):
            breaks.append(Break(act.number, "is another row than the anchor file says"))
        count, last = count + 1, Anchor(act.number, act.hash)
    breaks += [Break(number, "is missing, though the anchor file knows of it") for number in sorted(noted)]
    return Verdict(count, last if count else None, len(anchors), tuple(breaks[:MOST_BREAKS]))


def _faults(act: Act, before: Anchor) -> Iterator[str]:
    """What is wrong with a row that comes after another."""
    if act.number != before.number + 1:
        missing = f"{before.number + 1}" + (f" to {act.number - 1}" if act.number - before.number > 2 else "")
        yield f"comes after row {before.number}: {missing} missing"
    elif act.previous != before.hash:
        yield "does not follow the row before it: one of the two was changed or moved"
    if hash_of(act) != act.hash:
        yield "was changed: its hash is not that of its content"


def _acts(filter: ActFilter) -> Select[*tuple[Any, ...]]:
    statement = select(
        AuditRow.number,
        AuditRow.at,
        AuditRow.actor,
        AuditRow.action,
        AuditRow.object,
        AuditRow.details,
        AuditRow.previous,
        AuditRow.hash,
    )
    if filter.actor is not None:
        statement = statement.where(AuditRow.actor == filter.actor)
    if filter.action is not None:
        begins = AuditRow.action.startswith(f"{filter.action}.", autoescape=True)
        statement = statement.where(or_(AuditRow.action == filter.action, begins))
    if filter.since is not None:
        statement = statement.where(AuditRow.at >= filter.since)
    if filter.until is not None:
        statement = statement.where(AuditRow.at < filter.until)
    return statement


def _act(row: Row[*tuple[Any, ...]]) -> Act:
    return Act(*row)
