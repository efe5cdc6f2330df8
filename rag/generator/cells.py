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

from rag.generator.passages import Passage
from rag.generator.stems import ContentStems
from rag.generator.style import wants_explanation, wants_verdict
from rag.generator.tables import Cell, Table, prose, tables
from rag.generator.words import FUNCTION_WORDS, WORD

UNIT = re.compile(r"\(.+\)\s*$")
PLAIN = """
many much long high large big old far often number name list give tell show called currently value hold live
have bring contain keep work belong use find located situated stand come get
deliver supply sell make produce offer
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
    "employees": "headcount staff",
    "people": "headcount staff",
}
"""Columns that answer a word of the question though they do not have it in their name."""
LISTING = re.compile(
    r"(?:please )?(?:list|name|enumerate|show|give me)\b|(?:which|what) are (?:all )?the\b|"
    r"(?:which|what)\b.*\b(?:are there|are listed|exist|are available|do we have)\W*$",
    re.IGNORECASE,
)
"""Asks for all of a column."""
SEVERAL = re.compile(
    r"\b(?:and|or|with|without|not|than|most|more|less|least|except|by|per|who|whose)\b", re.IGNORECASE
)
"""Asks for some of it, or for more than it."""
MOST_DIFFERENT = 3
"""Where more tables than this differ, the question does not say which of them it is about."""
AND = re.compile(r"\band\b", re.IGNORECASE)
MOST_LISTED = 40


@dataclass(frozen=True)
class Found:
    """A cell of a passage that a question asks for."""

    passage: int
    start: int
    end: int
    agreement: int
    """How many words of the question its row and its column have."""


@dataclass(frozen=True)
class _Held:
    """What the cells of a row but one have of a question."""

    stems: frozenset[str]
    whole: frozenset[str]
    """Cells that stand in the question from end to end."""

    def agreement(self, rest: frozenset[str]) -> int:
        """How well the row fits to what a question says besides its column."""
        return 2 * len(self.whole) + len(self.stems & rest)


class TableReader:
    """Looks cells up."""

    def __init__(self) -> None:
        self._stems = ContentStems()
        self._plain = self._stems.of(PLAIN)
        self._listing = self._stems.of("all there exist exists available different listed enumerate please")
        self._kinds = {word: self._stems.of(names) for word, names in KINDS.items()}

    def look_up(self, question: str, passages: Sequence[Passage]) -> tuple[Found, ...]:
        """The cell that a question asks for, or those of several rows that it joins with *and*.

        Where tables that fit equally well differ, the cell of each, the best passage's first. Empty where
        there is none, or too many differ.
        """
        if WEIGHING.search(question) or wants_verdict(question) or wants_explanation(question):
            return ()
        found = [
            cells
            for number, passage in enumerate(passages)
            if "|" in passage.text or ":" in passage.text
            for cells in self._in_passage(question, number, passage)
        ]
        if not found:
            return ()
        most = max(cells[0].agreement for cells in found)
        best = [cells for cells in found if cells[0].agreement == most]
        said: dict[tuple[str, ...], tuple[Found, ...]] = {}
        for cells in best:
            text = tuple(passages[c.passage].text[c.start : c.end].casefold() for c in cells)
            said.setdefault(text, cells)
        if len(said) > 1 and (len(said) > MOST_DIFFERENT or any(len(cells) > 1 for cells in best)):
            return ()
        return tuple(cell for cells in said.values() for cell in cells)

    def list_column(self, question: str, passages: Sequence[Passage]) -> tuple[Found, ...]:
        """All cells of the column that a question asks to list, each text once; empty where none is.

        Tables with the same names count as one: a long one is cut into several passages.
        """
        if not LISTING.match(question) or SEVERAL.search(question):
            return ()
        columns = [
            (number, table, column)
            for number, passage in enumerate(passages)
            if "|" in passage.text or ":" in passage.text
            for table, column in self._listed(question, passage)
        ]
        found: dict[str, Found] = {}
        for number, table, column in columns:
            if (table.names, column) == (columns[0][1].names, columns[0][2]):
                for cell in (row[column] for row in table.rows):
                    said = passages[number].text[cell.start : cell.end]
                    found.setdefault(said.casefold(), Found(number, cell.start, cell.end, 1))
        found.pop("", None)
        return tuple(found.values()) if 2 <= len(found) <= MOST_LISTED else ()

    def _listed(self, question: str, passage: Passage) -> Iterator[tuple[Table, int]]:
        """Tables with the column that the question names first, where no word of it is left over."""
        asked = self._stems.of(question)
        parts = tables(passage.text)
        for table in parts:
            names = [self._stems.of(name) for name in table.names]
            left = asked - frozenset().union(*names) - self._around(passage, parts) - self._listing
            if left or not any(name & asked for name in names):
                continue
            for word in WORD.findall(question):
                stem = self._stems.of(word)
                fitting = [column for column, name in enumerate(names) if name & stem]
                if fitting:
                    yield from [(table, fitting[0])] if len(fitting) == 1 else []
                    break

    def _in_passage(self, question: str, number: int, passage: Passage) -> Iterator[tuple[Found, ...]]:
        asked = self._stems.of(question)
        parts = tables(passage.text)
        around: frozenset[str] = frozenset()
        for table in parts:
            for column, named in self._columns(table, question, asked):
                around = around or self._around(passage, parts)
                held = [self._held(question, passage.text, row, column) for row in table.rows]
                rest = asked - named - self._stems.of(" ".join(table.names)) - around
                rows = _rows(question, held, asked - named)
                stems = frozenset().union(*(held[row].stems for row in rows))
                if not rows or not all(_near(stem, stems) for stem in rest - stems):
                    continue
                cells = [(self._start(table, row, column), table.rows[row][column]) for row in rows]
                agreement = max(held[row].agreement(asked - named) for row in rows) + 2 * len(named)
                if all(cell.end > cell.start for _, cell in cells):
                    yield tuple(Found(number, start, cell.end, agreement) for start, cell in cells)

    def _around(self, passage: Passage, parts: Sequence[Table]) -> frozenset[str]:
        """What need not stand in a row: words of the text around its table, and those that say nothing."""
        return self._stems.of(f"{passage.title} {prose(passage.text, parts)}") | self._plain

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
        whole = frozenset(other for other in others if _mentions(question, other))
        return _Held(self._stems.of(" ".join(others)), whole)

    def _start(self, table: Table, row: int, column: int) -> int:
        """A figure is given with its name where that has the unit."""
        if table.fields and UNIT.search(table.names[column]):
            return table.fields[row * len(table.names) + column]
        return table.rows[row][column].start


def _rows(question: str, held: Sequence[_Held], rest: frozenset[str]) -> list[int]:
    """The row that agrees best, or all that are named, in the order of the question, with *and* between.

    Nothing where several agree equally well.
    """
    agreements = [row.agreement(rest) for row in held]
    best = max(agreements)
    number = agreements.index(best)
    if any(row.whole - held[number].whole for row in held):
        named = [n for n, row in enumerate(held) if row.whole]
        apart = len(set().union(*(held[n].whole for n in named))) == len(named)
        if not (apart and AND.search(question)):
            return []
        return sorted(named, key=lambda n: question.casefold().find(min(held[n].whole).casefold()))
    return [number] if best > 0 and agreements.count(best) == 1 else []


def _mentions(question: str, cell: str) -> bool:
    """Whether a question has the whole of a cell; a cell such as `IT`, a common word, in its very letters."""
    exact = cell.lower() in FUNCTION_WORDS
    flags = 0 if exact else re.IGNORECASE
    return bool(cell) and bool(re.search(rf"(?<!\w){re.escape(cell)}(?!\w)", question, flags))


def _near(stem: str, stems: frozenset[str]) -> bool:
    """Whether a stem is another one but for its last letter, as those of `lens` and `lenses` are."""
    return any(a[:-1] == b for other in stems if len(other) > 2 for a, b in ((stem, other), (other, stem)))
