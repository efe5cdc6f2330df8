"""Tables in a text: lines of cells with `|` between them, and lines of `name: value`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

GRID_ROW = re.compile(r"\s\|\s|^\|\s|^\|.*\|\s*$")
RULE = re.compile(r"^[\s|:+-]*-[\s|:+-]*$")
FIELD = re.compile(r"([^\W\d_][^:|\n]{0,59}?)\s*:[ \t]+(?=\S)")
NAME = re.compile(r"[^\W\d_]|^\d{4}$")


@dataclass(frozen=True)
class Cell:
    """A cell in its passage: its text is `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class Table:
    """Rows of one table under the same names; every row has as many cells as there are names."""

    names: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    fields: tuple[int, ...] = ()
    """Where the name before each first cell begins, row by row, in tables that repeat the names."""


def tables(text: str) -> list[Table]:
    """The tables of a passage: lines of cells with `|` between them, and lines of `name: value`."""
    found: list[Table] = []
    for kind, lines in _groups(text):
        if kind == "grid":
            found += _grid(text, lines)
        elif kind == "field":
            found += _records(text, lines)
    return found


def _groups(text: str) -> Iterator[tuple[str, list[Cell]]]:
    """Lines of one kind behind each other."""
    for kind, lines in groupby(_lines(text), key=lambda line: _kind(text[line.start : line.end])):
        yield kind, list(lines)


def _kind(line: str) -> str:
    if GRID_ROW.search(line):
        return "grid"
    return "field" if FIELD.match(line) or not line.strip() else ""


def _lines(text: str) -> Iterator[Cell]:
    for match in re.finditer(r"[^\n]*\n?", text):
        if match.group():
            yield Cell(match.start(), match.start() + len(match.group().rstrip("\n")))


def _grid(text: str, lines: Sequence[Cell]) -> list[Table]:
    """The first line has the names; nothing where it does not, or a line has another number of cells."""
    rows = _grid_rows(text, lines)
    if not rows or _goes_on([text[line.start : line.end].strip() for line in lines]):
        return []
    names = tuple(text[cell.start : cell.end] for cell in rows[0])
    if any(not NAME.search(name) or name.endswith(":") for name in names[1:]) or names[0].endswith(":"):
        return []  # only the corner may be empty
    return [Table(names, tuple(rows[1:]))]


def _grid_rows(text: str, lines: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """The cells of two lines or more; nothing where a line has another number of them than the first."""
    rows = [_cells(text, line) for line in lines if not RULE.match(text[line.start : line.end])]
    counts = {len(row) for row in rows}
    return rows if len(rows) > 1 and len(counts) == 1 and counts != {1} else []


def _goes_on(lines: Sequence[str]) -> bool:
    """Whether a table of Markdown began in a passage before: it has no rule under its first line."""
    bordered = all(line.startswith("|") and line.endswith("|") for line in lines)
    return bordered and not RULE.match(lines[1])


def _cells(text: str, line: Cell) -> tuple[Cell, ...]:
    """The cells of a line; the outer signs of a line that has both are none between cells."""
    whole = text[line.start : line.end]
    bare = whole.strip()
    start, end = line.start, line.end
    if bare.startswith("|") and bare.endswith("|") and len(bare) > 1:
        start += whole.index("|") + 1
        end = line.start + whole.rindex("|")
    signs = [at for at in range(start, end) if text[at] == "|"]
    return tuple(_stripped(text, before + 1, at) for before, at in pairwise([start - 1, *signs, end]))


def _stripped(text: str, start: int, end: int) -> Cell:
    whole = text[start:end]
    begin = start + len(whole) - len(whole.lstrip()) if whole.strip() else start
    return Cell(begin, begin + len(whole.strip()))


def _records(text: str, lines: Sequence[Cell]) -> list[Table]:
    """One table of each run of records that have the same names."""
    records: list[list[tuple[str, int, Cell]]] = [[]]
    for line in lines:
        match = FIELD.match(text, line.start, line.end)
        if match is None:
            records.append([])
        else:
            cell = _stripped(text, match.end(), line.end)
            records[-1].append((match[1], line.start, cell))
    full = [record for record in records if len(record) > 1]
    found = []
    for names, group in groupby(full, key=lambda record: tuple(name for name, _, _ in record)):
        same = list(group)
        cells = tuple(tuple(cell for _, _, cell in record) for record in same)
        found.append(Table(names, cells, tuple(start for record in same for _, start, _ in record)))
    return found


def prose(text: str, parts: Sequence[Table]) -> str:
    """What of a text stands in no row."""
    inside = sorted((row[0].start, row[-1].end) for table in parts for row in table.rows)
    kept, at = [], 0
    for start, end in inside:
        kept.append(text[at:start])
        at = max(at, end)
    return " ".join([*kept, text[at:]])


def cell_bounds(text: str) -> list[int]:
    """Where cells, and the names before them, begin and end: no short answer goes over these."""
    found = tables(text)
    rows = [row for table in found for row in table.rows]
    rows += [row for kind, lines in _groups(text) if kind == "grid" for row in _grid_rows(text, lines)]
    bounds = {at for row in rows for cell in row for at in (cell.start, cell.end)}
    return sorted(bounds.union(*(table.fields for table in found)))
