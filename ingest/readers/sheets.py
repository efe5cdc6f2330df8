"""Excel workbooks (xlsx): sheet by sheet, the rows of each table with the names of its columns.

A sheet can hold several tables beside and under each other: an empty row or column parts them. A table whose
first row names its columns gives `name: value` for each cell, so that a row can be understood by itself; any
other is written row by row. After its tables a sheet has the titles of its charts, and its comments.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.cell import coordinate_to_tuple

from ingest.clean import normalise_line
from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.office import properties
from ingest.readers.packages import open_package, parsing
from ingest.readers.sheet_parts import SheetParts, sheet_parts

SHEETS = "an Excel workbook"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_MAX_CELL_CHARACTERS = 32_767  # Excel's own limit


@dataclass(frozen=True)
class _Row:
    """A row of a sheet; cells without content are empty strings."""

    number: int
    cells: tuple[str, ...]
    are_words: tuple[bool, ...]
    """Which cells hold text, not numbers or dates."""


def read_sheets(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the workbook as one document with a heading for each sheet.

    Formulas give the values that were saved with them.
    """
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    composer = Composer()
    with open_package(path, SHEETS, options) as package, parsing(SHEETS):
        facts = properties(package, SHEETS)
        assert package.filename is not None
        workbook = load_workbook(package.filename, read_only=True, data_only=True)
        try:
            for parts in sheet_parts(package, SHEETS):
                found = (
                    workbook[parts.name] if parts.has_cells and parts.name in workbook.sheetnames else None
                )
                _sheet(found, parts, composer, options)
        finally:
            workbook.close()
    return composer.document(source, facts.title or title, MEDIA_TYPE, facts.metadata)


def _sheet(sheet: Any | None, parts: SheetParts, composer: Composer, options: ReadOptions) -> None:
    """Renders the tables of a sheet, then its charts and comments; `sheet` None has no cells."""
    name = normalise_line(parts.name)
    has_cells = False
    for band in _bands(_rows(sheet)) if sheet is not None else ():
        if not has_cells:
            _begin(name, composer)
            has_cells = True
        for first, last in _column_ranges(band):
            _table([_cut(row, first, last) for row in band], name, composer)
            composer.check_size(options)
    if not has_cells and (parts.charts or parts.comments):
        _begin(name, composer)
    composer.move_to(sheet=name)
    for rows in parts.charts:
        # What a chart shows stands in cells, mostly of its own sheet; elsewhere it would be missed here.
        shown = [row for row in rows if any(row) and (len(row) == 1 or not has_cells)]
        composer.add("\n".join(" | ".join(row) for row in shown))
    for comment in parts.comments:
        composer.move_to(sheet=name, row=coordinate_to_tuple(comment.cell)[0])
        by = f" by {comment.author}" if comment.author else ""
        composer.add(f"Comment on {comment.cell}{by}: {comment.text}")
    composer.check_size(options)


def _begin(name: str, composer: Composer) -> None:
    composer.move_to(sheet=name)
    composer.add_heading(name, 1)


def _table(rows: Sequence[_Row], sheet: str, composer: Composer) -> None:
    """Renders a table, a block for each row; the row that names the columns is not repeated by itself."""
    rows = [row for row in rows if any(row.cells)]
    while rows and len(rows) > 1 and _is_caption(rows[0]):
        composer.move_to(sheet=sheet, row=rows[0].number)
        composer.add(" ".join(filter(None, rows[0].cells)))
        rows = rows[1:]
    names = rows[0].cells if rows and _names_columns(rows) else None
    for position, row in enumerate(rows if names is None else rows[1:]):
        composer.move_to(sheet=sheet, row=row.number)
        if names is None:
            composer.add(" | ".join(row.cells), separator="\n" if position else "\n\n")
        else:
            pairs = zip(names, row.cells, strict=True)
            composer.add("\n".join(f"{name}: {cell}" for name, cell in pairs if cell))


def _is_caption(row: _Row) -> bool:
    """Whether a row holds a single text over a table that is wider."""
    return len(row.cells) > 1 and sum(map(bool, row.cells)) == 1 and row.are_words[_first(row)]


def _names_columns(rows: Sequence[_Row]) -> bool:
    """Whether the first row names the columns: all of them, in words, each name once."""
    first = rows[0]
    is_full = all(first.cells) and all(first.are_words) and len(set(first.cells)) == len(first.cells)
    return len(rows) > 1 and len(first.cells) > 1 and is_full


def _first(row: _Row) -> int:
    return next(index for index, cell in enumerate(row.cells) if cell)


def _rows(sheet: Any) -> Iterator[_Row]:
    sheet.reset_dimensions()  # what files state of their size is often wrong
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        values = [_shown(cell) for cell in cells]
        while values and not values[-1]:
            values.pop()
        words = tuple(isinstance(cell.value, str) for cell in cells[: len(values)])
        yield _Row(number, tuple(values), words)


def _bands(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Gives the stretches of rows between empty ones, all rows of a stretch equally wide."""
    band: list[_Row] = []
    for row in rows:
        if row.cells:
            band.append(row)
        elif band:
            yield _evened(band)
            band = []
    if band:
        yield _evened(band)


def _evened(band: Sequence[_Row]) -> list[_Row]:
    width = max(len(row.cells) for row in band)
    return [
        _Row(
            row.number,
            row.cells + ("",) * (width - len(row.cells)),
            row.are_words + (False,) * (width - len(row.cells)),
        )
        for row in band
    ]


def _column_ranges(band: Sequence[_Row]) -> Iterator[tuple[int, int]]:
    """Gives the ranges of columns between those that are empty in the whole band."""
    width = len(band[0].cells)
    filled = [any(row.cells[column] for row in band) for column in range(width)]
    start = None
    for column, is_filled in enumerate([*filled, False]):
        if is_filled and start is None:
            start = column
        elif not is_filled and start is not None:
            yield start, column
            start = None


def _cut(row: _Row, first: int, last: int) -> _Row:
    return _Row(row.number, row.cells[first:last], row.are_words[first:last])


def _shown(cell: Any) -> str:
    """Returns a cell as a person reads it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, cell.number_format or "")
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return " ".join(str(value)[:_MAX_CELL_CHARACTERS].split())


def _number(value: float, form: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if "%" in form:
        return f"{value * 100:.10g}%"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.15g}"
