from io import BytesIO

import docx
import pytest

from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import paragraph, place_of, word, zipped

BREAK = "<w:r><w:lastRenderedPageBreak/></w:r>"


def written_by_library() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.core_properties.author = "Ann"
    document.add_heading("Leave", 1)
    document.add_paragraph("Thirty days are granted.")
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Bullet")
    document.add_heading("Pay", 2)
    table = document.add_table(2, 2)
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], ["a", "b", "1", "2"], strict=True):
        cell.text = text
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def test_document_is_read_in_its_order(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.docx", written_by_library()))
    assert document.text == "Leave\n\nThirty days are granted.\n\n- one\n- two\n\nPay\n\na | b\n1 | 2"
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Leave"), (2, "Pay")]
    assert (document.title, document.metadata["author"]) == ("Handbook", "Ann")


def test_changes_read_as_accepted(read_bytes: Read) -> None:
    body = (
        "<w:p><w:r><w:t>Old </w:t></w:r><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )
    assert only_document(read_bytes("a.docx", word(body))).text == "Old new"


def test_footnote_follows_its_paragraph(read_bytes: Read) -> None:
    notes = f'<w:footnote w:id="2">{paragraph("See page 9.")}</w:footnote>'
    body = '<w:p><w:r><w:t>Claim</w:t><w:footnoteReference w:id="2"/></w:r></w:p>' + paragraph("Next")
    document = only_document(read_bytes("a.docx", word(body, footnotes=notes)))
    assert document.text == "Claim[2]\n\n[2] See page 9.\n\nNext"


def test_text_box_is_read_once_after_its_paragraph(read_bytes: Read) -> None:
    box = f"<w:txbxContent>{paragraph('Boxed')}</w:txbxContent>"
    alternate = (
        '<mc:AlternateContent xmlns:mc="urn:mc">'
        f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    )
    body = f"<w:p><w:r>{alternate}</w:r><w:r><w:t>Anchor</w:t></w:r></w:p>"
    assert only_document(read_bytes("a.docx", word(body))).text == "Anchor\n\nBoxed"


def test_pages_are_those_of_the_last_layout(read_bytes: Read) -> None:
    body = paragraph("First") + paragraph("Second", BREAK) + paragraph("Third")
    document = only_document(read_bytes("a.docx", word(body)))
    assert place_of(document.places, document.text, "First") == {"page": 1}
    assert place_of(document.places, document.text, "Third") == {"page": 2}


def test_headings_go_by_the_styles_own_names(read_bytes: Read) -> None:
    styles = (
        '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Kapitel"><w:basedOn w:val="berschrift1"/></w:style>'
    )
    body = paragraph("Anfang", '<w:pPr><w:pStyle w:val="Kapitel"/></w:pPr>') + paragraph("Text")
    document = only_document(read_bytes("a.docx", word(body, styles=styles)))
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Anfang")]
    assert document.title == "Anfang"


def test_truncated_document_is_a_problem(read_bytes: Read) -> None:
    content = written_by_library()
    problem = only_problem(read_bytes("a.docx", content[: len(content) // 2]))
    assert problem.kind == ProblemKind.MALFORMED
    assert "cut off or damaged" in problem.reason


def test_encrypted_document_says_so(read_bytes: Read) -> None:
    content = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    problem = only_problem(read_bytes("a.docx", content))
    assert problem.kind == ProblemKind.ENCRYPTED
    assert "without a password" in problem.reason


def test_old_office_file_under_a_new_name_says_so(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600))
    assert (problem.kind, "before 2007" in problem.reason) == (ProblemKind.UNSUPPORTED, True)


def test_bomb_is_refused_before_it_is_unpacked(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.docx", zipped({"word/document.xml": b" " * 30_000_000})))
    assert problem.kind == ProblemKind.UNSAFE
    assert "times its size" in problem.reason


def test_package_over_the_limit_is_refused(read_bytes: Read) -> None:
    content = word(paragraph("x" * 2_000))
    assert only_problem(read_bytes("a.docx", content, max_document_bytes=100)).kind == ProblemKind.UNSAFE


def test_entities_are_not_expanded(read_bytes: Read) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    content = zipped({"word/document.xml": f"{bomb}<x><body><p><r><t>See &b;</t></r></p></body></x>"})
    items = read_bytes("a.docx", content)
    assert all("aaaa" not in getattr(item, "text", "") for item in items)


@pytest.mark.parametrize("content", ["<w:p/>", "<w:p><w:r/></w:p>"])
def test_document_without_text_is_empty(read_bytes: Read, content: str) -> None:
    assert only_problem(read_bytes("a.docx", word(content))).kind == ProblemKind.EMPTY


def numbered(text: str, number: int, level: int = 0) -> str:
    return paragraph(
        text, f'<w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
    )


def level(number: int, form: str, pattern: str) -> str:
    return f'<w:lvl w:ilvl="{number}"><w:numFmt w:val="{form}"/><w:lvlText w:val="{pattern}"/></w:lvl>'


def test_list_items_have_the_numbers_that_word_shows(read_bytes: Read) -> None:
    numbering = (
        f'<w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1.")}{level(1, "lowerLetter", "%1%2)")}'
        f'</w:abstractNum><w:abstractNum w:abstractNumId="1">{level(0, "bullet", "*")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="1"/></w:lvlOverride></w:num>'
    )
    items = [
        numbered("one", 1),
        numbered("inner", 1, 1),
        numbered("inner", 1, 1),
        numbered("two", 1),
        numbered("inner", 1, 1),
        numbered("bullet", 2),
        numbered("again", 3),
        numbered("no list", 0),
    ]
    document = only_document(read_bytes("a.docx", word("".join(items), numbering=numbering)))
    assert document.text == (
        "1. one\n  1a) inner\n  1b) inner\n2. two\n  2a) inner\n- bullet\n1. again\n\nno list"
    )


def test_merged_cells_of_a_table_are_repeated(read_bytes: Read) -> None:
    def cell(text: str, merge: str = "") -> str:
        return f"<w:tc><w:tcPr>{merge}</w:tcPr>{paragraph(text) if text else '<w:p/>'}</w:tc>"

    wide, top, below = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = (
        f"<w:tr>{cell('A', wide)}{cell('B', top)}</w:tr><w:tr>{cell('1')}{cell('2')}{cell('', below)}</w:tr>"
    )
    assert only_document(read_bytes("a.docx", word(f"<w:tbl>{rows}</w:tbl>"))).text == "A | A | B\n1 | 2 | B"
