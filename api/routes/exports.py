"""Exports of the log: responses, scores, corrections, conversations for fine-tuning."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from api.audit import by_key
from api.auth import Parts, ReaderKey
from api.errors import OF_EVERY_ROUTE, problems
from api.exports import (
    COLUMNS,
    Exported,
    ExportFormat,
    anonymiser,
    as_csv,
    as_jsonl,
    as_parquet,
    batches,
)
from api.paging import JSONL
from api.refusals import BodyError
from api.routes.responses import Wanted, told
from ingest.errors import NamesModelError
from store.response_query import QueryError

router = APIRouter(prefix="/v1/exports", tags=["review"], responses=OF_EVERY_ROUTE)

MEDIA_TYPES = {
    ExportFormat.JSONL: JSONL,
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


@router.get(
    "/{what}",
    summary="Export the log",
    response_class=Response,
    responses={
        200: {"content": {name.partition(";")[0]: {} for name in MEDIA_TYPES.values()}},
        **problems(BodyError, QueryError, NamesModelError),
    },
)
def export_log(
    *,
    what: Exported,
    parts: Parts,
    key: ReaderKey,
    wanted: Wanted,
    format: Annotated[ExportFormat, Query(description="chat is always jsonl")] = ExportFormat.JSONL,
    anonymise: Annotated[bool, Query(description="put pseudonyms in the place of personal data")] = False,
) -> Any:
    """Responses, scores or corrections as a table, or questions with their right answers for fine-tuning.

    Filters and rights are those of the list. The newest come first. A file is complete if it ends with its
    mark: a line `{"complete": true, …}`, a line `# complete: …`, or Parquet's footer.
    """
    if what is Exported.CHAT and format is not ExportFormat.JSONL:
        raise BodyError(f"format: chat goes out as jsonl, not as {format}. Leave the format out.")
    names = parts.name_recogniser if anonymise and parts.settings.names_model else None
    with parts.database.transaction() as session:
        details = {**told(wanted), "format": format.value, "anonymise": str(anonymise)}
        by_key(session, key, "responses.export", what.value, details)
    rows = batches(parts.database, wanted, what, anonymiser(names) if anonymise else None)
    if format is ExportFormat.JSONL:
        content = as_jsonl(rows)
    elif format is ExportFormat.CSV:
        content = as_csv(rows, COLUMNS[what])
    else:
        content = as_parquet(rows, COLUMNS[what])
    name = f'attachment; filename="{what}.{format}"'
    return StreamingResponse(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": name})
