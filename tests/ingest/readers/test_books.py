from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem
from tests.ingest.readers.samples import place_of, zipped

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
BOOK = """<package xmlns:dc="urn:dc"><metadata>
<dc:title>Ducks</dc:title><dc:creator>Ann</dc:creator></metadata>
<manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
PARTS: dict[str, str | bytes] = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": BOOK,
    "OPS/nav.xhtml": "<nav>Contents</nav>",
    "OPS/text/one.xhtml": "<html><head><title/></head><body><h1>One</h1><p>First.</p></body></html>",
    "OPS/text/two b.xhtml": "<html><body><h1>Two</h1><p>Second.</p></body></html>",
}


def test_chapters_are_read_in_the_order_of_the_spine(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.epub", zipped(PARTS)))
    assert document.text == "One\n\nFirst.\n\nTwo\n\nSecond."
    assert (document.title, document.metadata) == ("Ducks", {"author": "Ann"})
    assert place_of(document.places, document.text, "Second") == {"chapter": 2}


def test_protected_book_says_so(read_bytes: Read) -> None:
    protection = '<encryption><EncryptionMethod Algorithm="urn:some-drm"/></encryption>'
    problem = only_problem(read_bytes("a.epub", zipped({**PARTS, "META-INF/encryption.xml": protection})))
    assert problem.kind == ProblemKind.ENCRYPTED


def test_missing_chapter_is_named(read_bytes: Read) -> None:
    parts = {name: content for name, content in PARTS.items() if "one" not in name}
    problem = only_problem(read_bytes("a.epub", zipped(parts)))
    assert problem.kind == ProblemKind.MALFORMED
    assert "OPS/text/one.xhtml" in problem.reason
