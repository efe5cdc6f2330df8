import json
from pathlib import Path
from typing import Any

import pytest

from rag.training.journal import Journal, TrainProgress
from rag.training.runs import recorded


def lines(book: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in book.read_text().splitlines()]


def test_a_run_is_noted_with_what_came_of_it(tmp_path: Path) -> None:
    with recorded(tmp_path / "new" / "runs.jsonl", {"seed": 7}) as figures:
        assert lines(tmp_path / "new" / "runs.jsonl")[0]["seed"] == 7  # also when it is killed from here on
        figures["dev_loss"] = 1.5
    started, ended = lines(tmp_path / "new" / "runs.jsonl")
    assert (started["event"], ended["event"]) == ("started", "ended")
    assert started["run"] == ended["run"]
    assert (ended["outcome"], ended["dev_loss"]) == ("finished", 1.5)


def test_how_a_run_failed_or_was_stopped_is_noted(tmp_path: Path) -> None:
    book = tmp_path / "runs.jsonl"
    with pytest.raises(ValueError, match="no data"), recorded(book, {}):
        raise ValueError("no data")
    with pytest.raises(KeyboardInterrupt), recorded(book, {}):
        raise KeyboardInterrupt
    assert [line.get("outcome") for line in lines(book)] == [
        None, "failed: ValueError: no data", None, "stopped",
    ]  # fmt: skip


def test_the_learning_curve_is_drawn(tmp_path: Path) -> None:
    told: list[TrainProgress] = []
    journal = Journal(tmp_path, steps=4, report_every=2, report=told.append)
    for step in range(1, 5):
        journal.add(step, 4.0 / step, 2.0 / step, examples=3, learning_rate=0.1)
        if step == 2:
            journal.dev(step, 2.5)
    journal.rollback({"step": 3, "back_to": 2, "reason": "the loss is nan"})
    journal.draw()
    assert [(p.step, p.loss, p.dev_loss) for p in told] == [(2, 3.0, None), (4, pytest.approx(7 / 6), 2.5)]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
