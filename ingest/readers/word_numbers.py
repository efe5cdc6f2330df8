"""The numbers that Word shows before list items and headings, which are not part of the text in the file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LEVELS = 9
_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True)
class NumberLevel:
    """How a level is counted: from `start`, in a form (`decimal`, `lowerRoman`, `bullet`), as `%1.%2`."""

    form: str = "decimal"
    pattern: str = ""
    start: int = 1


@dataclass(frozen=True)
class NumberedList:
    """A list; those with one `scheme` count on together, except where this one says where to start."""

    scheme: str
    levels: Mapping[int, NumberLevel]
    starts: Mapping[int, int]


class Numbers:
    """Counts while a document is walked."""

    def __init__(self, lists: Mapping[str, NumberedList]) -> None:
        self._lists = lists
        self._counts: dict[str, dict[int, int]] = {}
        self._started: set[tuple[str, int]] = set()

    def next(self, number_id: str, level: int) -> str:
        """Returns the number of the next paragraph of a list at a level: `2.1`, `b)`; empty for a bullet."""
        found = self._lists.get(number_id)
        if found is None or not 0 <= level < _LEVELS:
            return ""
        counts = self._counts.setdefault(found.scheme, {})
        if level in found.starts and (number_id, level) not in self._started:
            counts[level] = found.starts[level]
        else:
            counts[level] = counts.get(level, self._level(found, level).start - 1) + 1
        self._started.add((number_id, level))
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        return self._shown(found, level, counts)

    def _shown(self, found: NumberedList, level: int, counts: Mapping[int, int]) -> str:
        own = self._level(found, level)
        if own.form in ("bullet", "none"):
            return ""

        def number(match: re.Match[str]) -> str:
            other = int(match.group(1)) - 1
            return _write(counts.get(other, self._level(found, other).start), self._level(found, other).form)

        return _PLACEHOLDER.sub(number, own.pattern).strip()

    def _level(self, found: NumberedList, level: int) -> NumberLevel:
        return found.levels.get(level, NumberLevel(pattern=f"%{level + 1}."))


def _write(number: int, form: str) -> str:
    """Returns a number in one of Word's forms; in those that are not known here, in digits."""
    if form == "decimalZero":
        return f"{number:02}"
    if form.endswith("Letter") and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if form.startswith("upper") else letters
    if form.endswith("Roman") and 0 < number < 4000:
        return _roman(number).upper() if form.startswith("upper") else _roman(number)
    return str(number)


def _roman(number: int) -> str:
    written = ""
    for value, sign in _ROMAN:
        written += sign * (number // value)
        number %= value
    return written
