import json
from pathlib import Path

import pytest
import zstandard

from rag.errors import DataError
from rag.training.corpus import Article, choose_paragraphs, is_prose, read_articles, titles_in

PROSE = "The ferry to Selsund was built in 1904 and carried coal for sixty years. " * 7
ARTICLES = [Article(f"Ferry {n}", tuple(f"{PROSE}It had {n}{p} cabins." for p in range(4))) for n in range(5)]


def write(path: Path, articles: list[Article]) -> Path:
    text = "\n\n".join("\n".join([a.title, *a.paragraphs]) for a in articles) + "\n"
    path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    return path


def test_articles_are_read_from_zstandard(tmp_path: Path) -> None:
    assert list(read_articles(write(tmp_path / "c.txt.zst", ARTICLES))) == ARTICLES


def test_a_corpus_of_several_frames_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "c.txt.zst", ARTICLES[:2])
    more = write(tmp_path / "d.txt.zst", ARTICLES[2:]).read_bytes()
    path.write_bytes(path.read_bytes() + zstandard.ZstdCompressor().compress(b"\n") + more)
    assert list(read_articles(path)) == ARTICLES


def test_a_corpus_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "c.txt.zst", ARTICLES)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="ends before its content does"):
        list(read_articles(path))


def test_two_paragraphs_of_each_article_are_chosen_with_their_neighbours() -> None:
    chosen = choose_paragraphs(iter(ARTICLES), [], seed=3)
    assert sorted(p.passage.title for p in chosen) == sorted(2 * [a.title for a in ARTICLES])
    for paragraph in chosen:
        assert paragraph.neighbour is not None and paragraph.neighbour.title == paragraph.passage.title
        assert paragraph.neighbour.text != paragraph.passage.text
    assert chosen == choose_paragraphs(iter(ARTICLES), [], seed=3) != choose_paragraphs(iter(ARTICLES), [], 4)


def test_articles_that_are_measured_on_are_left_out(tmp_path: Path) -> None:
    record = {
        "id": "1",
        "question": "?",
        "passage": "p",
        "title": "ferry_2",
        "answers": [],
        "answerable": False,
    }
    questions = tmp_path / "x-dev.jsonl"
    questions.write_text(json.dumps(record) + "\n")
    chosen = choose_paragraphs(iter(ARTICLES), titles_in([questions]), seed=3)
    assert {p.passage.title for p in chosen} == {"Ferry 0", "Ferry 1", "Ferry 3", "Ferry 4"}


@pytest.mark.parametrize(
    "text",
    ["Too short.", PROSE.rstrip(" .") + ":", f"1. {PROSE}", f"{PROSE}It is called __ here.", PROSE * 4],
)
def test_lists_holes_and_stubs_are_not_prose(text: str) -> None:
    assert is_prose(PROSE.strip()) and not is_prose(text.strip())
