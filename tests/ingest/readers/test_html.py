import pytest

from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem

PAGE = """<!doctype html><html lang=en><head><title>The  page</title><style>p {}</style></head><body>
<nav><a href=/>Home</a></nav>
<main><h1>Big <em>title</em></h1><p>First   paragraph<br>on two lines.</p>
<ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>
<ol><li>first<li>second</ol>
<h2>Data</h2><table><tr><th>a<th>b<tr><td>1<td>2</table>
<pre>x = 1
  y = 2</pre><script>alert(1)</script></main><footer>Imprint</footer></body></html>"""

TEXT = """Big title

First paragraph
on two lines.

- one
  - inner
- two

1. first
2. second

Data

a | b
1 | 2

x = 1
  y = 2"""


def test_page_is_rendered_as_blocks(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.html", PAGE))
    assert document.text == TEXT
    assert document.title == "The page"
    assert document.metadata == {"language": "en"}


def test_headings_have_offsets(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.html", PAGE))
    found = [(heading.level, document.text[heading.start : heading.end]) for heading in document.headings]
    assert found == [(1, "Big title"), (2, "Data")]


def test_page_without_main_is_read_from_its_body(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.html", "<div>One <b>two</b><p>three</div>four"))
    assert document.text == "One two\n\nthree\n\nfour"


def test_declared_encoding_is_used(read_bytes: Read) -> None:
    page = "<meta charset='iso-8859-1'><p>Café".encode("latin-1")
    assert only_document(read_bytes("a.html", page)).text == "Café"


def test_page_of_scripts_is_empty(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.html", "<script>alert(1)</script><nav>Menu</nav>"))
    assert problem.kind == ProblemKind.EMPTY


def test_page_nested_too_deeply_is_a_problem(read_bytes: Read) -> None:
    items = read_bytes("a.html", "<div>" * 20_000 + "deep")
    assert len(items) == 1


@pytest.mark.parametrize("name", ["base64", "undefined", "rot13", "idna", "utf-32", "klingon"])
def test_declared_codec_that_is_no_encoding_is_passed_over(read_bytes: Read, name: str) -> None:
    assert only_document(read_bytes("a.html", f"<meta charset={name}><p>Café")).text == "Café"


@pytest.mark.parametrize("name", ["iso-8859-1", "latin-1", "us-ascii", "windows-1252"])
def test_declared_latin_1_is_read_as_windows_1252(read_bytes: Read, name: str) -> None:
    page = f"<meta charset={name}><p>".encode() + b"\x93Caf\xe9\x94\x81 \x80 5"
    assert only_document(read_bytes("a.html", page)).text == "“Café” € 5"


def test_declared_encoding_that_does_not_fit_is_a_problem(read_bytes: Read) -> None:
    problem = only_problem(read_bytes("a.html", b"<meta charset=shift_jis><p>\xff\xff"))
    assert problem.kind == ProblemKind.ENCODING
    assert "--encoding cp1252" in problem.reason


@pytest.mark.parametrize("tags", ["<html hidden>", "<html aria-hidden=true>", "<html><body hidden>"])
def test_page_hidden_as_a_whole_is_read(read_bytes: Read, tags: str) -> None:
    assert only_document(read_bytes("a.html", tags + "<p>Text<p hidden>no")).text == "Text"


def test_blocks_in_a_cell_stand_apart(read_bytes: Read) -> None:
    page = "<table><tr><td>a<ul><li>b</li><li>c</li></ul></td><td rowspan=2>d</td></tr><tr><td>e</table>"
    assert only_document(read_bytes("a.html", page)).text == "a b c | d\ne | d"
