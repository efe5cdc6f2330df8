"""The numbers behind the charts of office documents, as the rows of a table."""

from collections.abc import Iterator
from itertools import zip_longest

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.packages import local_name

_AXES = ("cat", "xVal")
_VALUES = ("val", "yVal")


def chart_rows(chart: etree._Element) -> list[list[str]]:
    """Returns a chart's title as a row, then one row with the names of the series and one per category."""
    rows = [[title] for node in chart.iter() if local_name(node) == "title" and (title := _words(node))][:1]
    series = [node for node in chart.iter() if local_name(node) == "ser"]
    if not series:
        return rows
    names = ["", *(" ".join(_points(node, ("tx",))) for node in series)]
    categories = next((found for node in series if (found := list(_points(node, _AXES)))), [])
    columns = [list(_points(node, _VALUES)) for node in series]
    return [*rows, names, *(list(row) for row in zip_longest(categories, *columns, fillvalue=""))]


def _points(series: etree._Element, kinds: tuple[str, ...]) -> Iterator[str]:
    """Gives the values of a part of a series that the file keeps with the chart."""
    for part in series:
        if local_name(part) in kinds:
            for value in part.iter():
                if local_name(value) == "v":
                    yield _number(normalise_line(value.text or ""))


def _number(text: str) -> str:
    """Returns a number as it was meant: the file has all the digits that the machine needs."""
    try:
        return f"{float(text):.12g}" if "." in text else text
    except ValueError:
        return text


def _words(node: etree._Element) -> str:
    return normalise_line("".join(found.text or "" for found in node.iter() if local_name(found) == "t"))
