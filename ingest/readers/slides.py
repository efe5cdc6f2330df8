"""PowerPoint presentations (pptx): slide by slide, with titles, tables, charts, diagrams and notes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pptx import Presentation

from ingest.clean import normalise_line
from ingest.readers.charts import chart_rows
from ingest.readers.compose import Composer
from ingest.readers.document import RawDocument, Reading, ReadOptions
from ingest.readers.grid import Cell, table_text
from ingest.readers.office import properties
from ingest.readers.packages import local_name, open_package, parse_xml, parsing

SLIDES = "a PowerPoint presentation"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

_BULLETS = frozenset({"buChar", "buAutoNum", "buBlip"})
_BODY_TYPES = frozenset({"BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT"})


def read_slides(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the presentation as one document, a heading for each slide that has a title."""
    yield _read(path, options, source, title)


def _read(path: Path, options: ReadOptions, source: str, title: str) -> RawDocument:
    composer = Composer()
    with open_package(path, SLIDES, options) as package, parsing(SLIDES):
        facts = properties(package, SLIDES)
        assert package.filename is not None
        for number, slide in enumerate(Presentation(package.filename).slides, start=1):
            composer.move_to(slide=number)
            _slide(slide, composer)
            composer.check_size(options)
    headings = composer.headings
    named = facts.title if facts.title.lower() != "powerpoint presentation" else ""
    top = headings[0].title if headings else ""
    return composer.document(source, named or top or title, MEDIA_TYPE, facts.metadata)


def _slide(slide: Any, composer: Composer) -> None:
    title = slide.shapes.title
    if title is not None and title.has_text_frame:
        composer.add_heading(title.text_frame.text, 1)
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            _shape(shape, composer)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        composer.add(frame.text.strip(), mark="Notes: ")


def _shape(shape: Any, composer: Composer) -> None:
    if hasattr(shape, "shapes"):  # a group
        for inner in shape.shapes:
            _shape(inner, composer)
    elif getattr(shape, "has_table", False):
        composer.add(table_text(_cells(row) for row in shape.table.rows))
    elif getattr(shape, "has_chart", False):
        composer.add(_rows(chart_rows(parse_xml(shape.chart_part.blob, SLIDES))))
    elif getattr(shape, "has_text_frame", False):
        _paragraphs(shape, composer)
    else:
        _diagram(shape, composer)


def _cells(row: Any) -> list[Cell]:
    """Returns the cells of a row, without those that another one covers."""
    return [
        Cell(normalise_line(cell.text, 10_000), cell.span_width, cell.span_height)
        for cell in row.cells
        if not cell.is_spanned
    ]


def _paragraphs(shape: Any, composer: Composer) -> None:
    """Renders the paragraphs of a text frame, those with bullets as a list."""
    listed = shape.is_placeholder and shape.placeholder_format.type.name in _BODY_TYPES
    after_item = False
    for paragraph in shape.text_frame.paragraphs:
        text = paragraph.text.strip()
        if text:
            is_item = _is_item(paragraph, listed)
            mark = "  " * paragraph.level + "- " if is_item else ""
            composer.add(text, mark=mark, separator="\n" if is_item and after_item else "\n\n")
            after_item = is_item


def _is_item(paragraph: Any, listed: bool) -> bool:
    """Whether a paragraph has a bullet: its own, or that of the placeholder that it stands in."""
    own = paragraph._p.pPr  # the library has no public way to ask for bullets
    marks = {local_name(node) for node in own} if own is not None else set()
    return bool(marks & _BULLETS) or (listed and "buNone" not in marks)


def _diagram(shape: Any, composer: Composer) -> None:
    """Renders the texts of a SmartArt diagram, which stand in a part of their own."""
    for node in shape._element.iter():
        if local_name(node) == "relIds":
            data = next((value for key, value in node.items() if key.endswith("}dm")), None)
            if data in shape.part.rels:
                _points(parse_xml(shape.part.related_part(data).blob, SLIDES).iter(), composer)


def _points(nodes: Iterable[Any], composer: Composer) -> None:
    for node in nodes:
        if local_name(node) == "pt":
            composer.add("".join(_runs(node)), mark="- ", separator="\n")


def _runs(node: Any) -> Iterator[str]:
    return (found.text or "" for found in node.iter() if local_name(found) == "t")


def _rows(rows: Iterable[list[str]]) -> str:
    return "\n".join(" | ".join(row) for row in rows if any(row))
