from tests.ingest.readers.conftest import Read, only_document

TEXT = """= The Guide
Ann <ann@example.org>
:product: Groundwork
// a comment

[[intro]]
== Use

*{product}* reads `files`, see https://example.org[the page] and <<intro,above>>.

* one
** inner
. first

.Numbers
|===
|Name |Size

|a
|1
|b |2
|===

[source,python]
----
x = [1]  # == not a heading
----

////
hidden
////
image::a.png[A picture,200]
"""

EXPECTED = """The Guide

Ann <ann@example.org>

Use

Groundwork reads files, see the page and above.

- one
  - inner
- first

Numbers

Name | Size
a | 1
b | 2

x = [1]  # == not a heading

A picture"""


def test_document_is_rendered_as_blocks(read_bytes: Read) -> None:
    document = only_document(read_bytes("a.adoc", TEXT))
    assert document.text == EXPECTED
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "The Guide"), (2, "Use")]
    assert document.title == "The Guide"


def test_block_that_is_not_closed_ends_with_the_file(read_bytes: Read) -> None:
    assert only_document(read_bytes("a.adoc", "Text\n\n----\ncode")).text == "Text\n\ncode"


def test_marks_inside_words_stay(read_bytes: Read) -> None:
    assert (
        only_document(read_bytes("a.adoc", "snake_case_name and 2*3*4")).text == "snake_case_name and 2*3*4"
    )
