"""Cells of tables that a question asks for: by the name of the column and by what else stands in the row.

    What is the budget of the IT department?      Department: IT      Version | Released
    When was firmware 2.0 released?               Budget (kEUR): 640  2.0     | 2022-02-28

The generator learned to read prose. In a table a neighbour of the right cell looks like the right one to it,
so a cell is looked up where the question says all that is needed: its words name one column and one row, and
there is no word left that neither the table nor the text around it has. Else nothing is found.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.generator.passages import Passage
from rag.generator.stems import ContentStems
from rag.generator.style import wants_explanation, wants_verdict
from rag.generator.words import FUNCTION_WORDS, WORD

GRID_ROW = re.compile(r"\s\|\s|^\|.*\|\s*$")
RULE = re.compile(r"^[\s|:+-]*-[\s|:+-]*$")
FIELD = re.compile(r"([^\W\d_][^:|\n]{0,59}?)\s*:[ \t]+(?=\S)")
CELL = re.compile(r"[^|]+")
UNIT = re.compile(r"\(.+\)\s*$")
PLAIN = """
many much long high large big old far often number name list give tell show called currently value hold live
have bring contain keep work belong use find located situated stand come get
"""
"""Words of questions that need not stand in a table."""
WEIGHING = re.compile(
    r"\b(?:most|more|less|least|fewest|fewer|than|not|no|without|except|besides|other|both|all|each|every|"
    r"or|total|altogether|average|sum|compared?|difference)\b",
    re.IGNORECASE,
)
"""A question with these is about several rows or columns."""
KINDS = {
    "who": "name head manager owner contact person author responsible",
    "when": "date time day deadline",
    "where": "city location place warehouse address site",
    "cost": "price fee amount",
    "much": "price cost fee amount",
}
"""Columns that answer a word of the question though they do not have it in their name."""


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


@dataclass(frozen=True)
class Found:
    """A cell of a passage that a question asks for."""

    passage: int
    start: int
    end: int
    agreement: int
    """How many words of the question its row and its column have."""


def tables(text: str) -> list[Table]:
    """The tables of a passage: lines of cells with `|` between them, and lines of `name: value`."""
    found: list[Table] = []
    for kind, group in groupby(_lines(text), key=lambda line: _kind(text[line.start : line.end])):
        lines = list(group)
        if kind == "grid":
            found += _grid(text, lines)
        elif kind == "field":
            found += _records(text, lines)
    return found


def _kind(line: str) -> str:
    if GRID_ROW.search(line):
        return "grid"
    return "field" if FIELD.match(line) or not line.strip() else ""


def _lines(text: str) -> Iterator[Cell]:
    for match in re.finditer(r"[^\n]*\n?", text):
        if match.group():
            yield Cell(match.start(), match.start() + len(match.group().rstrip("\n")))


def _grid(text: str, lines: Sequence[Cell]) -> list[Table]:
    """The first line has the names; nothing where a line has another number of cells."""
    rows = [_cells(text, line) for line in lines if not RULE.match(text[line.start : line.end])]
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return []
    names = tuple(text[cell.start : cell.end] for cell in rows[0])
    if any(not re.search(r"[^\W\d_]", name) or name.endswith(":") for name in names):
        return []
    return [Table(names, tuple(rows[1:]))]


def _cells(text: str, line: Cell) -> tuple[Cell, ...]:
    start, end = line.start, line.end
    while start < end and text[start] in " \t|":
        start += 1
    while end > start and text[end - 1] in " \t|":
        end -= 1
    return tuple(_stripped(text, m.start(), m.end()) for m in CELL.finditer(text, start, end))


def _stripped(text: str, start: int, end: int) -> Cell:
    whole = text[start:end]
    return Cell(start + len(whole) - len(whole.lstrip()), start + len(whole.rstrip()))


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


@dataclass(frozen=True)
class _Held:
    """What the cells of a row but one have of a question."""

    stems: frozenset[str]
    whole: int
    """How many of the cells stand in the question from end to end."""

    def agreement(self, rest: frozenset[str]) -> int:
        """How well the row fits to what a question says besides its column."""
        return 2 * self.whole + len(self.stems & rest)

    def explains(self, rest: frozenset[str]) -> bool:
        """Whether there is no word left."""
        return all(_near(stem, self.stems) for stem in rest - self.stems)


class TableReader:
    """Looks cells up."""

    def __init__(self) -> None:
        self._stems = ContentStems()
        self._plain = self._stems.of(PLAIN)
        self._kinds = {word: self._stems.of(names) for word, names in KINDS.items()}

    def look_up(self, question: str, passages: Sequence[Passage]) -> Found | None:
        """The cell that a question asks for; None where there is none, or several that differ."""
        if WEIGHING.search(question) or wants_verdict(question) or wants_explanation(question):
            return None
        found = [
            cell
            for number, passage in enumerate(passages)
            if "|" in passage.text or ":" in passage.text
            for cell in self._in_passage(question, number, passage)
        ]
        if not found:
            return None
        most = max(cell.agreement for cell in found)
        best = [cell for cell in found if cell.agreement == most]
        said = {passages[c.passage].text[c.start : c.end].casefold() for c in best}
        return best[0] if len(said) == 1 else None

    def _in_passage(self, question: str, number: int, passage: Passage) -> Iterator[Found]:
        asked = self._stems.of(question)
        parts = tables(passage.text)
        around: frozenset[str] = frozenset()
        for table in parts:
            for column, named in self._columns(table, question, asked):
                around = (
                    around or self._stems.of(f"{passage.title} {_prose(passage.text, parts)}") | self._plain
                )
                held = [self._held(question, passage.text, row, column) for row in table.rows]
                names = self._stems.of(" ".join(table.names))
                row = _only_best([held_.agreement(asked - named) for held_ in held])
                if row is None or not held[row].explains(asked - named - names - around):
                    continue
                cell = table.rows[row][column]
                agreement = held[row].agreement(asked - named) + 2 * len(named)
                if cell.end > cell.start:
                    yield Found(number, self._start(table, row, column), cell.end, agreement)

    def _columns(
        self, table: Table, question: str, asked: frozenset[str]
    ) -> Iterator[tuple[int, frozenset[str]]]:
        """Columns that may be asked for, each with the words of the question that it answers."""
        names = [self._stems.of(name) for name in table.names]
        for column, name in enumerate(names):
            if name & asked:
                yield column, name & asked
        words = {word.lower() for word in WORD.findall(question)}
        for word, kinds in self._kinds.items():
            fitting = [column for column, name in enumerate(names) if name & kinds and not name & asked]
            if word in words and len(fitting) == 1:
                yield fitting[0], self._stems.of(word)

    def _held(self, question: str, text: str, row: Sequence[Cell], column: int) -> "_Held":
        others = [text[cell.start : cell.end] for number, cell in enumerate(row) if number != column]
        return _Held(self._stems.of(" ".join(others)), sum(_mentions(question, other) for other in others))

    def _start(self, table: Table, row: int, column: int) -> int:
        """A figure is given with its name where that has the unit."""
        if table.fields and UNIT.search(table.names[column]):
            return table.fields[row * len(table.names) + column]
        return table.rows[row][column].start


def _only_best(agreements: Sequence[int]) -> int | None:
    best = max(agreements)
    return agreements.index(best) if best > 0 and agreements.count(best) == 1 else None


def _mentions(question: str, cell: str) -> bool:
    """Whether a question has the whole of a cell; a cell such as `IT`, a common word, in its very letters."""
    exact = cell.lower() in FUNCTION_WORDS
    flags = 0 if exact else re.IGNORECASE
    return bool(cell) and bool(re.search(rf"(?<!\w){re.escape(cell)}(?!\w)", question, flags))


def _near(stem: str, stems: frozenset[str]) -> bool:
    """Whether a stem is another one but for its last letter, as those of `lens` and `lenses` are."""
    return any(a[:-1] == b for other in stems if len(other) > 2 for a, b in ((stem, other), (other, stem)))


def _prose(text: str, parts: Sequence[Table]) -> str:
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
    bounds = {at for table in found for row in table.rows for cell in row for at in (cell.start, cell.end)}
    return sorted(bounds.union(*(table.fields for table in found)))
