"""What a workbook keeps beside the cells of a sheet: comments, and the charts that stand on it."""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.charts import chart_rows
from ingest.readers.office import main_part, relations
from ingest.readers.packages import local_name, parse_xml, read_member

_WORKBOOK = "xl/workbook.xml"
_THREADED, _NOTES, _PERSONS = "threadedComment", "comments", "person"
_CHART_SHEET = "chartsheet"


@dataclass(frozen=True)
class Comment:
    """What somebody wrote beside a cell, such as `B3`; `author` is empty where the file has none."""

    cell: str
    author: str
    text: str


@dataclass(frozen=True)
class SheetParts:
    """A sheet by its name; `charts` has the rows of each: see `chart_rows`. `has_cells`: no chart sheet."""

    name: str
    has_cells: bool
    comments: tuple[Comment, ...]
    charts: tuple[list[list[str]], ...]


def sheet_parts(package: zipfile.ZipFile, what: str) -> Iterator[SheetParts]:
    """Gives what stands beside the cells of each sheet, in the workbook's order."""
    book = main_part(package, _WORKBOOK, what)
    referred = {relation.id: relation for relation in relations(package, book, what)}
    persons = _persons(package, [r.target for r in referred.values() if r.kind == _PERSONS], what)
    for node in parse_xml(read_member(package, book, what), what).iter():
        if local_name(node) != "sheet":
            continue
        numbers = (value for name, value in node.attrib.items() if etree.QName(str(name)).localname == "id")
        relation = next((referred[str(number)] for number in numbers if str(number) in referred), None)
        if relation is not None:
            comments = tuple(_comments(package, relation.target, persons, what))
            charts = tuple(_charts(package, relation.target, what))
            yield SheetParts(str(node.get("name")), relation.kind != _CHART_SHEET, comments, charts)


def _persons(package: zipfile.ZipFile, parts: list[str], what: str) -> dict[str, str]:
    """Names of those who wrote threaded comments, by id."""
    return {
        str(node.get("id")): normalise_line(node.get("displayName") or "")
        for part in parts
        for node in parse_xml(read_member(package, part, what), what)
    }


def _comments(
    package: zipfile.ZipFile, sheet: str, persons: Mapping[str, str], what: str
) -> Iterator[Comment]:
    """Gives threads first; the note that stands for a thread in older programs only points at it."""
    listed = relations(package, sheet, what)
    threads: set[str] = set()
    for part in (relation.target for relation in listed if relation.kind == _THREADED):
        for node in parse_xml(read_member(package, part, what), what):
            threads.add(str(node.get("ref")))
            author = persons.get(str(node.get("personId")), "")
            yield Comment(str(node.get("ref")), author, _text(node))
    for part in (relation.target for relation in listed if relation.kind == _NOTES):
        root = parse_xml(read_member(package, part, what), what)
        authors = [normalise_line(node.text or "") for node in root.iter() if local_name(node) == "author"]
        for node in root.iter():
            if local_name(node) == "comment" and node.get("ref") not in threads:
                number = int(node.get("authorId") or 0)
                author = authors[number] if number < len(authors) else ""
                yield Comment(str(node.get("ref")), author, _text(node))


def _charts(package: zipfile.ZipFile, sheet: str, what: str) -> Iterator[list[list[str]]]:
    for drawing in (r.target for r in relations(package, sheet, what) if r.kind == "drawing"):
        for relation in relations(package, drawing, what):
            if relation.kind == "chart":
                yield chart_rows(parse_xml(read_member(package, relation.target, what), what))


def _text(node: etree._Element) -> str:
    return "".join(found.text or "" for found in node.iter() if local_name(found) in ("t", "text"))
