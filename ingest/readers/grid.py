"""Tables with merged cells as rows of equal meaning: a merged cell's words stand in all that it covers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MAX_SPAN = 200
REPEATED_CHARACTERS = 60
"""Longer texts than names and numbers stand only in the first place that they cover."""


@dataclass(frozen=True)
class Cell:
    """A cell that covers so many columns and rows."""

    text: str
    columns: int = 1
    rows: int = 1


def table_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Returns a table row by row, its cells parted by bars; empty rows are left out."""
    lines = []
    below: dict[int, Cell] = {}  # by column: what reaches down from the rows above, and how far
    for row in rows:
        texts = _row(row, below)
        if any(texts):
            is_one = len(row) == 1 and len(texts) == row[0].columns
            lines.append(row[0].text if is_one else " | ".join(texts))
    return "\n".join(lines)


def _row(row: Sequence[Cell], below: dict[int, Cell]) -> list[str]:
    """Returns the texts of a row, and notes what reaches down from it."""
    texts: list[str] = []
    for cell in (*row, None):
        while (above := below.pop(len(texts), None)) is not None:
            if above.rows > 1:
                below[len(texts)] = Cell(above.text, rows=above.rows - 1)
            texts.append(above.text)
        if cell is not None:
            again = cell.text if len(cell.text) <= REPEATED_CHARACTERS else ""
            for number in range(min(max(cell.columns, 1), _MAX_SPAN)):
                if cell.rows > 1:
                    below[len(texts)] = Cell(again, rows=min(cell.rows, _MAX_SPAN) - 1)
                texts.append(again if number else cell.text)
    return texts
