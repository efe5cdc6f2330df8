"""What the benches of ingestion count, on a few texts."""

import json
from pathlib import Path

import pytest
import zstandard

from bench.ingest_peers import compare, write_texts
from bench.million_records import WORDS, write_pieces, write_records
from store.shingles import similarity


def test_articles_become_records(tmp_path: Path) -> None:
    articles = tmp_path / "articles.txt.zst"
    articles.write_bytes(zstandard.compress(b"Ships\nThey sail.\nThey sink.\n\nBirds\nThey fly.\n"))
    assert write_records(articles, tmp_path / "records", None) == 2
    lines = (tmp_path / "records" / "000.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": 0, "title": "Ships", "text": "They sail.\n\nThey sink."},
        {"id": 1, "title": "Birds", "text": "They fly."},
    ]


def test_pieces_give_out_never_and_some_are_copies(tmp_path: Path) -> None:
    sentences = [f"Sentence {number} of many has seven words." for number in range(2_000)]
    article = "Ships\n" + " ".join(sentences) + "\n"
    articles = tmp_path / "articles.txt.zst"
    articles.write_bytes(zstandard.compress(article.encode()))
    assert write_pieces(articles, tmp_path / "pieces", 1_500) == 1_500
    lines = (tmp_path / "pieces" / "000.jsonl").read_text().splitlines()
    pieces = [json.loads(line) for line in lines]
    assert [piece["id"] for piece in pieces] == list(range(1_500))
    copies = [piece for piece in pieces if "copy_of" in piece]
    assert {piece["copy"] for piece in copies} == {"exact", "near"}
    for piece in copies:
        original = pieces[piece["copy_of"]]["text"]
        assert (piece["text"] == original) == (piece["copy"] == "exact")
        assert similarity(piece["text"], original) >= 0.8
    own = [piece["text"] for piece in pieces if "copy_of" not in piece]
    assert len(set(own)) == len(own)
    assert all(WORDS <= len(text.split()) < WORDS + 7 for text in own)


def test_systems_get_each_text_once(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    source.write_text("".join(json.dumps({"answer": text}) + "\n" for text in ("a b", "a b", "c", "")))
    assert write_texts(source, tmp_path / "chosen.jsonl", 2, seed=7) == 3


def test_ours_is_compared_with_the_best_of_the_others() -> None:
    once = {"groundwork": 2.0, "slow": 8.0, "fast": 4.0}
    rounds = [{name: {"seconds": s, "pieces": 5} for name, s in once.items()}] * 3
    figures = compare(rounds, documents=8)
    assert (figures["best_of_the_others"], figures["ratio_to_it"]) == ("fast", pytest.approx(2.0))
    assert figures["groundwork_documents_per_s"] == pytest.approx(4.0)
