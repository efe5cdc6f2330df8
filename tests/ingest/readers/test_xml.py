from ingest.readers import ProblemKind
from tests.ingest.readers.conftest import Read, only_document, only_problem

ARTICLE = """<?xml version="1.0"?><article xmlns="urn:a"><title>On  ducks</title>
<sec><title>Food</title><p>They eat <b>grass</b>.</p><p>And more.</p></sec></article>"""


def test_article_has_headings_and_paragraphs(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.xml", ARTICLE))
    assert document.text == "On ducks\n\nFood\n\nThey eat grass.\n\nAnd more."
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "On ducks"), (2, "Food")]
    assert document.title == "On ducks"


def test_records_are_named_facts(read_bytes: Read) -> None:
    content = (
        "<list><item><name>Pen</name><price>2</price></item><item><name>Ink</name><price/></item></list>"
    )
    assert only_document(read_bytes("a.xml", content)).text == "name: Pen\nprice: 2\n\nname: Ink"


def test_declared_encoding_is_used(read_bytes: Read) -> None:
    content = '<?xml version="1.0" encoding="iso-8859-1"?><p>Café</p>'.encode("latin-1")
    assert only_document(read_bytes("a.xml", content)).text == "Café"


def test_entities_are_not_fetched_or_expanded(read_bytes: Read) -> None:
    content = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]><p>a&x;b</p>'
    assert only_document(read_bytes("a.xml", content)).text == "a&x;b"


def test_broken_file_is_a_problem(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.xml", "<p>Text")).kind == ProblemKind.MALFORMED


def test_deep_nesting_is_a_problem(read_bytes: Read) -> None:
    assert only_problem(read_bytes("a.xml", "<a>" * 250 + "x" + "</a>" * 250)).kind == ProblemKind.MALFORMED
