import json
import random
from pathlib import Path

import pytest

from rag.errors import DataError
from rag.training.claims import ask, claim_examples, unspaced
from rag.training.data import Answer

EVIDENCE = "Poldark is a drama series that was first broadcast on BBC One on 8 March 2015."


def record(claim: str, supported: bool, evidence: str = EVIDENCE) -> dict[str, object]:
    return {
        "id": claim[:9],
        "source": "checked",
        "evidence": evidence,
        "claim": claim,
        "supported": supported,
    }


def write(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def test_a_true_claim_is_answered_by_its_evidence_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "claims.jsonl",
        record("Poldark was broadcast on television channels.", True),
        record("Poldark airs every day on HBO.", False),
    )
    right, wrong = claim_examples(path, 7)
    assert right.synthetic and wrong.synthetic
    (answer,) = right.answers
    assert EVIDENCE[answer.start : answer.start + len(answer.text)] == answer.text
    assert right.answerable and answer.text not in right.question
    assert (wrong.question, wrong.answerable, wrong.answers) == ("What airs every day on HBO?", False, ())


def test_the_same_seed_asks_the_same(tmp_path: Path) -> None:
    claim = "Poldark was first broadcast on BBC One in 2015."
    path = write(tmp_path / "claims.jsonl", record(claim, True))
    assert list(claim_examples(path, 7)) == list(claim_examples(path, 7))
    asked = {ask(claim, EVIDENCE, random.Random(n)) for n in range(40)}
    assert ("Poldark was first broadcast on BBC One in what year?", Answer("2015", 73)) in asked


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("Elephants never forget where water was.", "nothing is shared"),
        ("Poldark is a series.", "too little would be left"),
        ("Ross Poldark lives in an old house.", "a part of a name is no answer"),
    ],
)
def test_some_claims_ask_for_nothing(claim: str, reason: str) -> None:
    assert ask(claim, EVIDENCE, random.Random(1)) is None, reason


def test_the_spaces_of_a_treebank_are_undone() -> None:
    text = "Kesha -LRB- born 1987 -RRB- , once `` Ke $ ha '' , is n't French ."
    assert unspaced(text) == "Kesha (born 1987), once Ke $ha'', isn't French."


def test_a_line_that_is_no_claim_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "claims.jsonl", record("Poldark airs every day on HBO.", False), {"id": "x"})
    with pytest.raises(DataError, match=r"claims\.jsonl, line 2: not a claim .*source"):
        list(claim_examples(path, 7))
