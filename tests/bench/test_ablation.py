"""The variants of the ablation: what they change, and that each trains and is measured."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.ablation import (
    Budget,
    PerPassageGenerator,
    labelled,
    measure_into_file,
    measured,
    print_table,
    result,
    variants,
    without_distractors,
    word_by_word,
    written,
)
from rag.generator.model import Generator
from rag.generator.passages import CLS, Passage, Reader, collate
from rag.training.data import Answer, Example, Source
from rag.training.targets import Target, make_target
from tests.rag.conftest import TINY, reader, tiny_model
from tests.rag.test_train import settings, source

__all__ = ["reader", "source", "tiny_model"]  # fixtures


def target_of(reader: Reader, text: str, passages: int = 1) -> Target:
    passage = "Umbrellas from Yokohama are blue."
    example = Example(
        "1", "test", "Which?", (Passage(passage),) * passages, 0, (Answer(text, passage.index(text)),), None
    )
    made = make_target(example, reader, random.Random(0))
    assert made is not None
    return made


def test_words_are_copied_one_by_one(reader: Reader) -> None:
    target = target_of(reader, "from Yokohama are")
    words = word_by_word(target).arcs
    pieces = [reader.word(i) for i in target.ids]
    spelled = ["".join(pieces[a.begin : a.end]).replace("##", "") for a in words]
    assert spelled == ["from", "yokohama", "are"]
    assert (words[0].first, words[-1].last) == (target.arcs[0].first, target.arcs[0].last)
    assert all(a.end - a.begin == a.last - a.first + 1 for a in words)


def test_what_is_written_is_not_copied_and_abstaining_stays(reader: Reader) -> None:
    target = target_of(reader, "Yokohama")
    assert (written(target).arcs, written(target).may_write) == ((), True)
    abstains = replace(target, ids=(), arcs=())
    assert written(abstains) == abstains


def test_starts_are_normalised_within_each_passage_in_training_alone(
    reader: Reader, tiny_model: Generator
) -> None:
    model = PerPassageGenerator(TINY)
    model.load_state_dict(tiny_model.state_dict())
    inputs = collate([target_of(reader, "Yokohama", passages=2).reading])
    evidence = model.encode(
        torch.from_numpy(inputs.ids), torch.from_numpy(inputs.segments), torch.from_numpy(inputs.copyable)
    )
    with torch.no_grad():
        step = model.train().decode(torch.tensor([[CLS]]), evidence)[0]
        both = step.starts[0, 0].view(2, -1).exp().sum(dim=1)
        together = model.eval().decode(torch.tensor([[CLS]]), evidence)[0]
    # The two passages differ in nothing but where the question may be copied from.
    assert both[1] + step.null[0, 0].exp() == pytest.approx(1.0, abs=0.05)
    assert together.starts[0, 0].exp().sum() + together.null[0, 0].exp() == pytest.approx(1.0, abs=1e-5)
    assert both.sum() > together.starts[0, 0].exp().sum()


def test_every_part_and_every_data_set_is_left_out_once(source: Source, tmp_path: Path) -> None:
    usual = settings(source, tmp_path)
    assert list(variants(usual)) == [
        "full", "copies word by word", "writes, does not copy", "starts normalised within passages",
        "starts from nothing", "no distractors", "no turned or cut questions", "without ships",
    ]  # fmt: skip
    assert variants(usual)["without ships"].settings(usual).sources == ()
    assert without_distractors(usual).mixture.distractor_share == 0.0


def test_synthetic_sets_are_added_to_a_full_run_without_them(source: Source, tmp_path: Path) -> None:
    spans = Source(tmp_path / "wikipedia-spans.jsonl.gz", 4000)
    usual = replace(settings(source, tmp_path), sources=(source, spans))
    full = labelled(usual)
    assert full.sources == (source,)
    added = variants(usual)["with recurring spans"].settings(full)
    assert added.sources == (source, spans)
    assert "with synthetic questions" not in variants(usual)
    assert "without wikipedia-spans" not in variants(usual)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "copies word by word", "starts normalised within passages"])
def test_a_variant_is_trained_and_measured_once(
    source: Source, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = Budget(steps=2, examples=4, seed=7)
    assert not measured(tmp_path, name, budget)
    measure_into_file(name, settings(source, tmp_path), budget)
    assert measured(tmp_path, name, budget)
    with pytest.raises(SystemExit, match="another budget"):
        measured(tmp_path, name, replace(budget, steps=3))
    figures = json.loads(result(tmp_path, name).read_text())["figures"]
    assert figures["own passage"]["n"] == 4
    print_table({name: figures})
    assert name in capsys.readouterr().out
