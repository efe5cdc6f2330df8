"""`rag synthesize` from the command line: files made of a small corpus."""

import json
from pathlib import Path

import pytest

from rag.training.data import read_examples
from tests.api.command_line import Rag, assert_one_line
from tests.rag.test_claims import record
from tests.rag.test_recurring import TEXT


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "harbours.txt"
    more = "cranes and a dry dock that takes ships of ninety metres"
    path.write_text("".join(f"Harbour {n}\n{TEXT} It has {n + 20} {more}.\n\n" for n in range(6)))
    return path


def test_spans_are_blanked_until_there_are_enough(rag: Rag, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "spans.jsonl.gz"
    done = rag("synthesize", "spans", "--corpus", corpus, "--out", out, "--count", "2", "--json")
    assert done.code == 0, done.err
    examples = list(read_examples(out))
    assert len(examples) == done.json["answerable"] >= 2
    assert all(e.synthetic and e.source == "harbours" for e in examples)


def test_questions_are_asked_and_counted(
    rag: Rag, corpus: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    out = tmp_path / "questions.jsonl.gz"
    done = rag(
        "synthesize", "questions", "--corpus", corpus, "--questioner", checkpoint_folder, "--out", out,
        "--count", "1", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["tried"] >= 6 and "tried/s" in done.err
    assert all(e.synthetic for e in read_examples(out))


def test_a_corpus_that_is_not_there_is_named(rag: Rag, tmp_path: Path) -> None:
    missing = tmp_path / "none.txt.zst"
    done = rag("synthesize", "spans", "--corpus", missing, "--out", tmp_path / "x.jsonl.gz")
    assert_one_line(done, 2, "none.txt.zst")


def test_claims_become_questions(rag: Rag, tmp_path: Path) -> None:
    out = tmp_path / "asked.jsonl.gz"
    claims = tmp_path / "claims.jsonl"
    claims.write_text(json.dumps(record("Poldark airs every day on HBO.", False)) + "\n")
    done = rag("synthesize", "claims", "--claims", claims, "--out", out, "--json")
    assert (done.code, done.json) == (0, {"examples": 1, "answerable": 0}), done.err
    assert [e.answerable for e in read_examples(out)] == [False]
