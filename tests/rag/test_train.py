"""Short training runs on made-up data, of a model with one layer on each side."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rag import training_record
from rag.errors import TrainingError
from rag.generator import checkpoint
from rag.generator.calibration import Calibration, Judgement, sigmoid
from rag.generator.config import GeneratorConfig
from rag.generator.generate import LocalGenerator
from rag.generator.passages import Passage
from rag.training.calibrate import Signals, calibrate, keep_within
from rag.training.data import Example, Source
from rag.training.journal import TrainProgress
from rag.training.mixture import Mixture, Split, own_passages
from rag.training.run import recalibrate, run
from rag.training.train import TrainSettings, rate, train
from tests.rag.test_data import line


class StopTrainingError(Exception):
    """Stands for the power cut."""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "ships.jsonl"
    sea = " It was a long journey over a calm sea." * 8  # short passages do not calibrate
    records = [line(n, passage=line(n)["passage"] + sea) for n in range(40)]
    for record in records[::3]:
        record |= {"answers": [], "answerable": False}
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return Source(path)


SMALL = GeneratorConfig(encoder_layers=1, decoder_layers=1, window=96, question_tokens=16, span_tokens=16)


def settings(source: Source, out: Path, **changes: Any) -> TrainSettings:
    usual = TrainSettings(
        (source,), out, batch_tokens=600, save_every=1, report_every=1, dev_every=2, dev_examples=6,
        max_steps=4, mixture=Mixture(0.0, 0.0, 0.3), config=SMALL,
    )  # fmt: skip
    return replace(usual, **changes)


def nothing(progress: TrainProgress) -> None:
    pass


def test_a_stopped_run_goes_on_to_the_same_weights(source: Source, tmp_path: Path) -> None:
    whole = train(settings(source, tmp_path / "whole"), nothing)

    def stop(progress: TrainProgress) -> None:
        if progress.step == 2:
            raise StopTrainingError

    with pytest.raises(StopTrainingError):
        train(settings(source, tmp_path / "stopped"), stop)
    resumed = train(settings(source, tmp_path / "stopped"), nothing)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_checkpoint_lists_the_corpora_that_it_learned_from(source: Source, tmp_path: Path) -> None:
    of_corpus = tmp_path / "corrections.jsonl"
    of_corpus.write_text(
        "".join(json.dumps({**line(n), "corpus": name}) + "\n" for n, name in enumerate(["b", "a"]))
    )
    both = (source, Source(of_corpus))
    train(settings(source, tmp_path / "first", sources=both, max_steps=2), nothing)
    assert checkpoint.describe(tmp_path / "first")["corpora"] == ["a", "b"]
    later = settings(source, tmp_path / "later", max_steps=2, start_from=tmp_path / "first")
    train(later, nothing)
    assert checkpoint.describe(tmp_path / "later")["corpora"] == ["a", "b"]


def test_a_stopped_run_does_not_go_on_under_other_settings(source: Source, tmp_path: Path) -> None:
    def stop(progress: TrainProgress) -> None:
        raise StopTrainingError

    changed = replace(settings(source, tmp_path / "out"), report_every=2)
    with pytest.raises(StopTrainingError):
        train(changed, stop)
    with pytest.raises(TrainingError, match="other settings"):
        train(replace(changed, seed=8), nothing)


@pytest.mark.slow
def test_a_checkpoint_answers_as_the_model_that_wrote_it(source: Source, tmp_path: Path) -> None:
    description = run(settings(source, tmp_path / "out"), nothing, "cpu", {"command": "test"})
    generator = LocalGenerator(tmp_path / "out")
    first = generator.generate("Where did ship 7 sail?", [Passage("Ship 7 sailed to port 7.")])
    again = LocalGenerator(tmp_path / "out").generate(
        "Where did ship 7 sail?", [Passage("Ship 7 sailed to port 7.")]
    )
    assert first == again
    assert description["settings"]["seed"] == 7 and description["dev"]["examples"] > 0
    assert not (tmp_path / "out" / "resume.pt").exists()
    assert (tmp_path / "out" / "curve.png").exists()
    events = [json.loads(row) for row in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events] == ["started", "ended"]
    assert events[0]["seed"] == 7 and len(events[0]["settings"]["sources"][0]["sha256"]) == 64
    assert events[1]["outcome"] == "finished" and events[1]["dev_loss"] == description["dev_loss"]
    assert "words.weight" not in checkpoint.load_file(tmp_path / "out" / checkpoint.WEIGHTS)


def test_a_checkpoint_is_calibrated_again_without_training(source: Source, tmp_path: Path) -> None:
    chosen = settings(source, tmp_path / "out", max_steps=2)
    run(chosen, nothing, "cpu", {})
    weights = (tmp_path / "out" / checkpoint.WEIGHTS).read_bytes()
    before = checkpoint.describe(tmp_path / "out")
    checkpoint.write_description(tmp_path / "out", before | {"calibration": {"threshold": 0.9}})
    assert recalibrate(chosen, "cpu")["calibration"] == before["calibration"]
    assert checkpoint.describe(tmp_path / "out") == before
    assert (tmp_path / "out" / checkpoint.WEIGHTS).read_bytes() == weights


class Judge:
    """Bears out a question whose ship the sentence names."""

    version = "1"

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        return [Judgement(4.0 if question.split()[-2] in text else -4.0, 0.5) for question, text in pairs]


def test_a_checkpoint_is_calibrated_with_and_without_a_judge(
    source: Source, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings(source, tmp_path / "out", max_steps=2)
    description = run(chosen, nothing, "cpu", {}, judge=Judge())
    plain, judged = description["calibration"], description["judged_calibration"]
    assert (plain["judge"], judged["judge"]) == ("", "1")
    assert plain["borne_weight"] == 0 != judged["borne_weight"]
    other = Judge()
    other.version = "2"
    by_judge = [LocalGenerator(chosen.out, judge=judge) for judge in (Judge(), other, None)]
    assert [one.calibration.judge for one in by_judge] == ["1", "", ""]
    assert caplog.text.count("rag calibrate") == 1
    assert "judged_calibration" not in recalibrate(chosen, "cpu")


def test_a_judge_decides_where_a_checkpoint_was_calibrated_with_it(source: Source, tmp_path: Path) -> None:
    run(settings(source, tmp_path / "out", max_steps=2), nothing, "cpu", {}, judge=Judge())
    description = checkpoint.describe(tmp_path / "out")
    by_judge = {**description["judged_calibration"], "borne_weight": 9.0}
    checkpoint.write_description(tmp_path / "out", description | {"judged_calibration": by_judge})
    generator = LocalGenerator(tmp_path / "out", judge=Judge())
    passages = [Passage("Ship 7 sailed to port 7.")]
    questions = ["Where did ship 7 sail?", "Where did ship 8 sail?"]
    named, misnamed = generator.generate_many([(question, passages) for question in questions])
    assert named.focus and misnamed.focus
    assert misnamed.answerable_probability < 0.1 and named.answerable_probability > 0.9


def test_a_run_records_what_it_was_trained_on(source: Source, tmp_path: Path) -> None:
    run(settings(source, tmp_path / "out", max_steps=2), nothing, "cpu", {})
    record = training_record.load(tmp_path / "out")
    assert record is not None
    assert record.lacking(checkpoint.describe(tmp_path / "out")) == []
    assert record.held({"ship 7 sailed", "7 sailed away"}) == {"ship 7 sailed"}


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [rate(step, 100, 0.1) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == 1.0 and rates[100] == 0.0
    assert rates[55] == pytest.approx(0.5)


def test_calibration_separates_what_the_signals_separate() -> None:
    signals = [Signals(-2.0 + n / 10, 1.0, 1 + n % 3, True, 1.0) for n in range(10)]
    signals += [Signals(1.0 + n / 10, -1.0, 1 + n % 3, False, 0.0) for n in range(10)]
    fitted = calibrate(signals)
    assert fitted.probability(-2.0, 1.0, 3) > fitted.threshold > fitted.probability(1.0, -1.0, 3)


def test_calibration_counts_passages_and_two_of_three_as_answerable() -> None:
    """Alone, null log-odds part at 0; among ten passages they part at 3. All kinds count alike."""
    steps = [(n / 5 - 1.9, n + noise < 10) for n in range(20) for noise in (-4, -2, 0, 2, 4)]
    alone = [Signals(null, 0.0, 1, answerable, 0.0) for null, answerable in steps]
    many = [Signals(null + 3, 0.0, 10, answerable, 0.0) for null, answerable in steps]
    fitted = calibrate([*alone, *many, *many])
    assert fitted.probability(0.0, 0.0, 1) == pytest.approx(2 / 3, abs=0.1)
    assert fitted.probability(3.0, 0.0, 10) == pytest.approx(2 / 3, abs=0.1)


def test_calibration_sets_aside_what_a_title_alone_does() -> None:
    """Titled passages have null log-odds that are higher by 2, whether they hold the answer or not."""
    steps = [(n / 5 - 1.9, n + noise < 10) for n in range(20) for noise in (-4, -2, 0, 2, 4)]
    bare = [Signals(null, 0.0, 1, answerable, 0.0) for null, answerable in steps]
    titled = [replace(s, null_log_odds=s.null_log_odds + 2, titled_share=1.0) for s in bare]
    fitted = calibrate([*bare, *titled])
    assert fitted.probability(0.0, 0.0, 1) == pytest.approx(2 / 3, abs=0.1)
    assert fitted.probability(2.0, 0.0, 1, titled_share=1.0) == pytest.approx(2 / 3, abs=0.1)


def test_the_threshold_is_where_an_answer_is_worth_its_risk() -> None:
    """Where three of four answers to answerable questions are right, one is given from 1/3 : 3/4 on."""
    signals = [Signals(-n / 10, 0.0, 1, n % 3 > 0, float(n % 4 > 0)) for n in range(60)]
    assert calibrate(signals).threshold == pytest.approx((1 / 3) / (3 / 4))
    never_right = [replace(s, f1=0.0) for s in signals]
    assert calibrate(never_right).threshold == 0.9


def test_calibration_weighs_what_a_judge_says() -> None:
    signals = [
        Signals(n % 5 - 2.0, 0.0, 1, n % 3 > 0, 0.0, judgement=Judgement(float(n % 3) - 1, n % 7 / 7))
        for n in range(70)
    ]
    fitted = calibrate(signals, "1")
    assert fitted.probability(0.0, 0.0, 1, judgement=Judgement(1.0, 0.5)) > 0.9
    assert fitted.probability(0.0, 0.0, 1, judgement=Judgement(-1.0, 0.5)) < 0.1
    assert calibrate(signals).borne_weight == 0


def test_calibration_weighs_what_the_sentence_lacks() -> None:
    signals = [Signals(n % 5 - 2.0, 0.0, 1, n % 3 > 0, 0.0, missing_share=n % 3 / -2 + 1) for n in range(60)]
    fitted = calibrate(signals)
    assert fitted.probability(0.0, 0.0, 1, 0.0) > 0.9
    assert fitted.probability(0.0, 0.0, 1, 1.0) < 0.1


def test_own_passages_are_of_articles_with_unanswerable_questions() -> None:
    sure, doubtful = Passage("A ship sailed.", "Ships"), Passage("A port froze.", "Ports")
    dev = [Example(f"{p.title}{n}", "s", "Q?", (p,), 0, (), "A.") for p in (sure, doubtful) for n in range(3)]
    none = Example("none", "s", "Q?", (doubtful,), None, (), None)
    made = replace(none, id="Ports1#cut", synthetic=True)
    found = own_passages(Split([], [*dev, none, made]), 10, seed=1)
    assert sorted(e.id for e in found) == ["Ports0", "Ports1", "Ports2", "none"]


def test_a_threshold_is_chosen_for_a_risk() -> None:
    signals = [Signals(-2.0 + n / 10, 0.0, 1, True, 1.0) for n in range(10)]
    signals += [Signals(2.0 + n / 10, 0.0, 1, False, 0.0) for n in range(10)]
    chosen = keep_within(Calibration(), signals, risk=0.2)
    # Ten right answers, then wrong ones: with 12 answered, 2 of them are wrong, which is 0.17.
    assert (chosen.risk, chosen.coverage) == (0.2, 0.6)
    assert chosen.threshold == pytest.approx(sigmoid(-2.1))
    with pytest.raises(TrainingError, match=r"lowest .* 1\.000"):
        keep_within(Calibration(), signals[10:], risk=0.2)
