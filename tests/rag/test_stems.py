"""Stems of content words."""

from rag.generator.stems import ContentStems


def test_share_missing_compares_stems_of_content_words() -> None:
    stems = ContentStems()
    # ships, sail and odessa claim something; "ship" and "sailed" have the same stems.
    assert stems.share_missing("Where did the ships sail to Odessa?", "A ship sailed.") == 1 / 3
    assert stems.share_missing("What is it?", "A ship sailed.") == 0.0
