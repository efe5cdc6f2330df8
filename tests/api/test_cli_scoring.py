import json
from pathlib import Path

from tests.api.command_line import Rag

LEAVE = "Thirty days of leave are granted to everyone."


def write(path: Path) -> Path:
    claims = [(LEAVE, True), ("Leave of thirty days is granted.", True), ("I love trains!", False)]
    lines = [
        json.dumps({"id": str(n), "evidence": LEAVE, "claim": text, "supported": supported})
        for n, (text, supported) in enumerate(claims)
    ]
    path.write_text("\n".join(lines))
    return path


def test_scorer_is_measured_on_files(rag: Rag, tmp_path: Path) -> None:
    file, out, predictions = write(tmp_path / "leave-dev.jsonl"), tmp_path / "out.json", tmp_path / "p.jsonl"
    done = rag("evaluate", "--groundedness", file, "--json", out, "--predictions", predictions)
    assert done.code == 0, done.err
    figures = json.loads(out.read_text())["sets"]["leave-dev"]
    assert {"n", "balanced_accuracy", "f1", "auc", "calibration_error"} <= set(figures)
    assert (figures["n"], figures["auc"]) == (3, 1)
    told = [json.loads(line)["probability"] for line in predictions.read_text().splitlines()]
    assert told[0] >= 0.95
    assert told[2] <= 0.05


def test_nothing_is_trained_on_files_for_measuring(rag: Rag, tmp_path: Path) -> None:
    done = rag("train-scorer", "--groundedness", write(tmp_path / "x-test.jsonl"), "--out", tmp_path / "out")
    assert done.code == 2
    assert "x-test.jsonl" in done.err
    assert not (tmp_path / "out").exists()


def test_rescoring_an_empty_log_does_nothing(rag: Rag) -> None:
    assert json.loads(rag("rescore", "--since", "2026-01-01", "--json").out) == {"responses": 0}
