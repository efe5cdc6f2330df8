from datetime import date
from io import BytesIO

from openpyxl import Workbook
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import place_of


def workbook(**sheets: list[list[object]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def test_rows_name_their_columns(read_bytes: Read) -> None:
    content = workbook(People=[["Name", "Born"], ["Ann", date(1990, 5, 1)], ["Bob", None]])
    document = only_document(read_bytes("a.xlsx", content))
    assert document.text == "People\n\nName: Ann\nBorn: 1990-05-01\n\nName: Bob"
    assert [heading.title for heading in document.headings] == ["People"]


def test_place_is_sheet_and_row(read_bytes: Read) -> None:
    content = workbook(A=[["Name", "N"], ["Ann", 1]], B=[["Name", "N"], ["Bob", 2], ["Cy", 3]])
    document = only_document(read_bytes("a.xlsx", content))
    assert place_of(document.places, document.text, "Ann") == {"sheet": "A", "row": 2}
    assert place_of(document.places, document.text, "Cy") == {"sheet": "B", "row": 3}


def test_tables_beside_and_under_each_other_are_parted(read_bytes: Read) -> None:
    rows: list[list[object]] = [
        ["Name", "Age", None, "City", "Size"],
        ["Ann", 30, None, "Rome", 2],
        [],
        ["Total", 2],
    ]
    document = only_document(read_bytes("a.xlsx", workbook(S=rows)))
    assert document.text == "S\n\nName: Ann\nAge: 30\n\nCity: Rome\nSize: 2\n\nTotal | 2"


def test_caption_over_a_table_is_no_row_of_it(read_bytes: Read) -> None:
    document = only_document(
        read_bytes("a.xlsx", workbook(S=[["Sales 2024"], ["Item", "Sum"], ["Pen", 2.5]]))
    )
    assert document.text == "S\n\nSales 2024\n\nItem: Pen\nSum: 2.5"


def test_table_without_names_is_written_row_by_row(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.xlsx", workbook(S=[[1, 2.5], [True, 3.0]])))
    assert document.text == "S\n\n1 | 2.5\nTRUE | 3"


def test_shares_are_shown_as_people_see_them(read_bytes: Read) -> None:
    book = Workbook()
    book.active["A1"] = 0.125
    book.active["A1"].number_format = "0.0%"
    file = BytesIO()
    book.save(file)
    assert only_document(read_bytes("a.xlsx", file.getvalue())).text == "Sheet\n\n12.5%"


def test_empty_workbook_is_a_problem(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.xlsx", workbook(S=[]))).kind == ProblemKind.EMPTY


def test_text_under_another_name_is_malformed(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.xlsx", "Name;Born\nAnn;1990\n")).kind == ProblemKind.MALFORMED


def test_comments_follow_the_tables_with_their_row(read_bytes: Read) -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Plan"
    sheet.append(["Name", "Days"])
    sheet.append(["Ann", 30])
    sheet["B2"].comment = Comment("Agreed in May.", "Bob")
    file = BytesIO()
    book.save(file)
    document = only_document(read_bytes("a.xlsx", file.getvalue()))
    assert document.text == "Plan\n\nName: Ann\nDays: 30\n\nComment on B2 by Bob: Agreed in May."
    assert place_of(document.places, document.text, "Agreed") == {"sheet": "Plan", "row": 2}


def test_charts_are_read_where_their_numbers_are_not(read_bytes: Read) -> None:
    book = Workbook()
    cells = book.worksheets[0]
    cells.title = "Cells"
    for row in (["Year", "Ducks"], [2019, 200], [2020, 230]):
        cells.append(row)
    for sheet in (cells, book.create_chartsheet("Alone")):
        chart = BarChart()
        chart.title = "Ducks by year"
        chart.add_data(Reference(cells, min_col=2, min_row=1, max_row=3), titles_from_data=True)
        sheet.add_chart(chart)
    file = BytesIO()
    book.save(file)
    text = only_document(read_bytes("a.xlsx", file.getvalue())).text
    assert text.startswith(
        "Cells\n\nYear: 2019\nDucks: 200\n\nYear: 2020\nDucks: 230\n\nDucks by year\n\nAlone"
    )
    assert text.endswith("Alone\n\nDucks by year")  # openpyxl saves charts without their numbers
