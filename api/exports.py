"""What is exported of the log, row by row, and the forms in which rows go out.

Nothing is ever held whole: rows are read and written a batch at a time. Each form ends with a mark, so that
a file that was cut off is known by its lack: JSON Lines with a line {"complete": true, "rows": n}, CSV with a
line "# complete: n rows", Parquet with its footer, without which nothing can read it.
"""

import csv
import io
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from sqlalchemy.orm import Session

from ingest.anonymize import anonymize, recognisers
from ingest.personal.finding import Kind, Recogniser
from store import conversations, corrections, scores
from store.corrections import Correction
from store.evaluations import EVALUATOR
from store.postgres import Database
from store.response_query import parse
from store.responses import ResponseFilter, ResponseSummary
from store.visibility import Reader, hidden_documents

RESPONSES_AT_ONCE = 1_000
PSEUDONYM_BYTES = 6

Row = dict[str, Any]
Change = Callable[[Row], Row]


class Exported(StrEnum):
    """What a row is."""

    RESPONSES = "responses"
    SCORES = "scores"
    CORRECTIONS = "corrections"
    CHAT = "chat"
    """A question with its answer, as corrected where it was, for fine-tuning of chat models."""


class ExportFormat(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


COLUMNS: Mapping[Exported, Mapping[str, type]] = {
    Exported.RESPONSES: {
        "id": str, "created_at": str, "user": str, "corpus": str, "session_id": str, "parent_id": str,
        "model": str, "question": str, "answer": str, "abstained": bool, "abstain_reason": str,
        "answerable_probability": float, "scores": str,
    },
    Exported.SCORES: {
        "id": str, "response_id": str, "definition": str, "kind": str, "number": float, "value": str,
        "source": str, "user": str, "evaluator": str, "evaluator_version": str, "comment": str,
        "created_at": str,
    },
    Exported.CORRECTIONS: {
        "id": str, "response_id": str, "user": str, "question": str, "original": str, "answer": str,
        "spans": str, "comment": str, "created_at": str, "corpus": str,
    },
}  # fmt: skip
"""The columns of each kind of row, in order; what is nested is JSON in a table."""


def batches(
    database: Database, wanted: ResponseFilter, what: Exported, change: Change | None
) -> Iterator[list[Row]]:
    """The rows of the responses that a filter lets through, the newest first."""
    if what is Exported.CORRECTIONS:
        wanted = replace(wanted, terms=(*wanted.terms, *parse("corrected")))
    after, more = None, True
    while more:
        with database.transaction() as session:
            page = conversations.list_responses(session, wanted, after=after, limit=RESPONSES_AT_ONCE)
            rows = list(ROWS[what](session, page.responses, wanted.reader))
        yield [change(row) for row in rows] if change else rows
        after, more = page.next, page.next is not None


def _responses(session: Session, found: Sequence[ResponseSummary], reader: Reader | None) -> Iterator[Row]:
    given = scores.values_of(session, [r.id for r in found], evaluator=EVALUATOR)
    for r in found:
        yield {
            "id": str(r.id),
            "created_at": r.created_at.isoformat(),
            "user": r.user,
            "corpus": r.corpus,
            "session_id": str(r.session_id),
            "parent_id": None if r.parent_id is None else str(r.parent_id),
            "model": r.model,
            "question": r.question,
            "answer": r.answer,
            "abstained": r.abstained,
            "abstain_reason": r.abstain_reason,
            "answerable_probability": r.answerable_probability,
            "scores": given[r.id],
        }


def _scores(session: Session, found: Sequence[ResponseSummary], reader: Reader | None) -> Iterator[Row]:
    for each in scores.of_responses(session, [r.id for r in found]).values():
        for s in each:
            yield {
                "id": str(s.id),
                "response_id": str(s.response_id),
                "definition": s.definition,
                "kind": s.kind.value,
                "number": None if isinstance(s.value, str) else float(s.value),
                "value": str(s.value),
                "source": s.source.value,
                "user": s.user,
                "evaluator": s.evaluator,
                "evaluator_version": s.evaluator_version,
                "comment": s.comment,
                "created_at": s.created_at.isoformat(),
            }


def _corrected(
    session: Session, found: Sequence[ResponseSummary], reader: Reader | None
) -> Iterator[tuple[ResponseSummary, list[Correction]]]:
    """Responses with those of their corrections that quote nothing hidden."""
    kept = corrections.of_responses(session, [r.id for r in found])
    quoted = {span.document_id for each in kept.values() for c in each for span in c.spans}
    hidden = hidden_documents(session, quoted, reader)
    for response in found:
        shown = [c for c in kept[response.id] if hidden.isdisjoint(span.document_id for span in c.spans)]
        yield response, shown


def _corrections(session: Session, found: Sequence[ResponseSummary], reader: Reader | None) -> Iterator[Row]:
    for response, corrected in _corrected(session, found, reader):
        for c in corrected:
            spans = [{**vars(span), "document_id": str(span.document_id)} for span in c.spans]
            yield {
                "id": str(c.id),
                "response_id": str(c.response_id),
                "user": c.user,
                "question": response.question,
                "original": c.original,
                "answer": c.answer,
                "spans": spans,
                "comment": c.comment,
                "created_at": c.created_at.isoformat(),
                "corpus": response.corpus,
            }


def _chat(session: Session, found: Sequence[ResponseSummary], reader: Reader | None) -> Iterator[Row]:
    for response, corrected in _corrected(session, found, reader):
        if corrected or not response.abstained:
            answer = corrected[-1].answer if corrected else response.answer
            yield {
                "messages": [
                    {"role": "user", "content": response.question},
                    {"role": "assistant", "content": answer},
                ]
            }


ROWS: Mapping[Exported, Callable[[Session, Sequence[ResponseSummary], Reader | None], Iterable[Row]]] = {
    Exported.RESPONSES: _responses,
    Exported.SCORES: _scores,
    Exported.CORRECTIONS: _corrections,
    Exported.CHAT: _chat,
}

TEXTS = frozenset(
    {"question", "answer", "original", "comment", "value", "quote", "content", "abstain_reason"}
)
"""Where rows hold what people wrote."""


def anonymiser(names: Recogniser | None) -> Change:
    """What makes rows anonymous: personal data and the names of users become pseudonyms.

    They are made with a key that is forgotten with the export, so that the same datum has the same one in all
    of it and nobody can tell whose it is. Names of persons within texts are found where `names` finds them.
    """
    found = recognisers(list(Kind), names=names)
    key = secrets.token_bytes(32)

    def pseudonym(kind: str, value: str) -> str:
        digest = blake2b(f"{kind}\0{value}".encode(), key=key, digest_size=PSEUDONYM_BYTES)
        return f"[{kind.upper()}_{digest.hexdigest()}]"

    def clean(value: Any, name: str) -> Any:
        if isinstance(value, str) and name in TEXTS:
            return anonymize(value, found, pseudonym).text
        if isinstance(value, str) and name == "user":
            return pseudonym("user", value)
        if isinstance(value, list):
            return [clean(part, name) for part in value]
        if isinstance(value, dict):
            return {inner: clean(part, inner) for inner, part in value.items()}
        return value

    return lambda row: {name: clean(value, name) for name, value in row.items()}


def as_jsonl(rows: Iterable[list[Row]]) -> Iterator[bytes]:
    """A JSON object a line; the last says that the export is complete."""
    count = 0
    for batch in rows:
        count += len(batch)
        yield b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in batch)
    yield json.dumps({"complete": True, "rows": count}).encode() + b"\n"


def as_csv(rows: Iterable[list[Row]], columns: Mapping[str, type]) -> Iterator[bytes]:
    """A table with its header; the last line says that the export is complete."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    count = 0
    for batch in rows:
        count += len(batch)
        writer.writerows([_cell(row[name]) for name in columns] for row in batch)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield f"# complete: {count} rows\r\n".encode()


def as_parquet(rows: Iterable[list[Row]], columns: Mapping[str, type]) -> Iterator[bytes]:
    """A row group for each batch; the footer comes last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    sink = io.BytesIO()
    with pq.ParquetWriter(pa.PythonFile(_Pipe(sink), mode="w"), schema) as writer:
        for batch in rows:
            if batch:
                arrays = {name: [_nested(row[name]) for row in batch] for name in columns}
                writer.write_table(pa.table(arrays, schema=schema))
            yield _drained(sink)
    yield _drained(sink)


class _Pipe(io.RawIOBase):
    """What Parquet is written to: it knows how much went through, and keeps what was not taken yet."""

    def __init__(self, sink: io.BytesIO) -> None:
        super().__init__()
        self._sink, self._written = sink, 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """How many bytes were written in all: the footer has the places of what came before."""
        return self._written

    def write(self, data: Any) -> int:
        """Keep bytes until they are taken."""
        count = self._sink.write(bytes(data))
        self._written += count
        return count


def _drained(sink: io.BytesIO) -> bytes:
    taken = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return taken


def _nested(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _cell(value: Any) -> Any:
    """A value in a table of text; one that a spreadsheet would take for a formula is marked as text."""
    value = _nested(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value
