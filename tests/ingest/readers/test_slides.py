from io import BytesIO
from typing import Any

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import place_of

EDGES = (Inches(1), Inches(1), Inches(4), Inches(2))


def saved(presentation: Any) -> bytes:
    file = BytesIO()
    presentation.save(file)
    return file.getvalue()


def two_slides() -> Any:
    presentation = Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Results"
    first.placeholders[1].text = "Better\nFaster"
    first.notes_slide.notes_text_frame.text = "Speak slowly."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = second.shapes.add_table(2, 2, *EDGES).table
    for cell, text in zip(table.iter_cells(), ["Year", "Sum", "2024", "7"], strict=True):
        cell.text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(*EDGES).text_frame.text = "In a group"
    return presentation


def test_slides_are_read_with_titles_notes_and_tables(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.pptx", saved(two_slides())))
    assert document.text == (
        "Results\n\n- Better\n- Faster\n\nNotes: Speak slowly.\n\nYear | Sum\n2024 | 7\n\nIn a group"
    )
    assert [heading.title for heading in document.headings] == ["Results"]
    assert document.title == "Results"


def test_place_is_the_slide(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.pptx", saved(two_slides())))
    assert place_of(document.places, document.text, "slowly") == {"slide": 1}
    assert place_of(document.places, document.text, "2024") == {"slide": 2}


def test_numbers_of_a_chart_are_rows(read_bytes: Read) -> None:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("Ducks", (4.4, 5))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *EDGES, data)
    document = only_document(read_bytes("a.pptx", saved(presentation)))
    assert document.text.endswith("| Ducks\n2023 | 4.4\n2024 | 5")


def test_damaged_presentation_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.pptx", saved(Presentation())[:-300]))
    assert problem.kind == ProblemKind.MALFORMED
