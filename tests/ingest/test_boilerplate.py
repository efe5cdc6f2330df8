from ingest.boilerplate import Pages, find_boilerplate, leave_out, paragraphs
from ingest.corpus_settings import BoilerplateSettings
from ingest.readers.document import Heading
from ingest.split import Span
from store.paragraphs import Repeated

FOOTER = "All rights reserved.\nAsk the office."
SETTINGS = BoilerplateSettings(min_documents=3, min_share=0.5)


def pages(source: str, text: str, *, is_new: bool = True, is_indexed: bool = True) -> Pages:
    return Pages(source, paragraphs(text), is_new, is_indexed)


def left_out(text: str, ranges: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in ranges]


def test_paragraph_of_many_documents_is_left_out_of_all_but_the_first() -> None:
    texts = [f"Only in {n}.\n\n{FOOTER}" for n in "abcd"]
    found = find_boilerplate([pages(f"{n}", text) for n, text in enumerate(texts)], {}, 0, SETTINGS)
    cut = [left_out(text, list(ranges)) for text, ranges in zip(texts, found.ranges, strict=True)]
    assert cut == [[], [FOOTER], [FOOTER], [FOOTER]]
    assert found.holders[paragraphs(FOOTER)[0].key] == "0"


def test_stored_documents_count() -> None:
    [footer] = paragraphs(FOOTER)
    text = f"My own.\n\n{FOOTER}"
    known = {footer.key: Repeated(2, "other")}
    assert find_boilerplate([pages("x", text)], known, 3, SETTINGS).ranges == [[(9, len(text))]]
    assert find_boilerplate([pages("x", text)], known, 9, SETTINGS).ranges == [[]]  # 3 of 10
    assert find_boilerplate([pages("other", text)], known, 3, SETTINGS).ranges == [[]]  # it holds it
    gone = {footer.key: Repeated(2, None)}
    assert find_boilerplate([pages("x", text)], gone, 3, SETTINGS).holders[footer.key] == "x"


def test_changed_document_is_not_counted_again() -> None:
    [footer] = paragraphs(FOOTER)
    text = f"My own.\n\n{FOOTER}"
    known = {footer.key: Repeated(2, "other")}
    assert find_boilerplate([pages("x", text, is_new=False)], known, 3, SETTINGS).ranges == [[]]


def test_near_duplicate_holds_nothing() -> None:
    found = find_boilerplate([pages("x", FOOTER, is_indexed=False)], {}, 0, SETTINGS)
    assert found.holders == {}


def test_document_of_nothing_else_stays_whole() -> None:
    batch = [pages(f"{n}", FOOTER) for n in range(9)]
    assert find_boilerplate(batch, {}, 0, SETTINGS).ranges == [[]] * 9


def test_headings_and_long_paragraphs_are_no_boilerplate() -> None:
    text = "# Leave\n\nText.\n\n" + "long " * 500
    assert [text[p.start : p.end] for p in paragraphs(text, [Heading(0, 7, 1, "Leave")])] == ["Text."]


def test_case_and_spacing_make_no_other_paragraph() -> None:
    assert paragraphs("ALL rights   reserved.")[0].key == paragraphs("All\nrights reserved.")[0].key


def test_spans_are_cut_around_what_is_left_out() -> None:
    text = "Head\n\none two\n\nmiddle\n\nthree\n\nfoot"
    cut = [(text.index(word), text.index(word) + len(word)) for word in ("Head", "middle", "foot")]
    spans = [Span(0, text.index("three"), ("A",)), Span(text.index("three"), len(text), ())]
    left = leave_out(text, spans, cut)
    assert [(text[span.start : span.end], span.heading_path) for span in left] == [
        ("one two", ("A",)),
        ("three", ()),
    ]
    assert leave_out(text, spans[:1], []) == [Span(0, text.index("\n\nthree"), ("A",))]
