import math
import random
from dataclasses import replace

import pytest
import torch

from rag.generator.model import Generator
from rag.generator.passages import SEP, Passage, Reader, collate
from rag.training.data import Answer, Example
from rag.training.loss import batch_loss, weight
from rag.training.targets import Target, make_target


def target_of(
    reader: Reader, full: str | None, answers: tuple[Answer, ...] = (), gold: int | None = 0
) -> Target:
    passage = "Red wine comes from red grapes. White wine does not."
    made = make_target(
        Example("1", "test", "Where from?", (Passage(passage),), gold, answers, full),
        reader,
        random.Random(0),
    )
    assert made is not None
    return made


def by_enumeration(model: Generator, target: Target) -> float:
    """The probability of a target as the plain sum over every sequence of actions that produces it."""
    inputs = collate([target.reading])
    evidence = model.encode(
        torch.from_numpy(inputs.ids), torch.from_numpy(inputs.segments), torch.from_numpy(inputs.copyable)
    )
    step, _ = model.decode(torch.tensor([[target.start, *target.ids]]), evidence)
    writes = model.write(step.states[0])

    def from_position(k: int) -> float:
        gate = math.exp(step.write_gate[0, k])
        if k == len(target.ids):
            return gate * math.exp(writes[k, SEP])
        total = gate * math.exp(writes[k, target.ids[k]]) * from_position(k + 1) if target.may_write else 0.0
        for arc in target.arcs:
            if arc.begin == k:
                start = torch.tensor([arc.first])
                end = model.ends(step.states[0, k : k + 1], start, torch.tensor([0]), evidence)
                p = math.exp(
                    step.copy_gate[0, k] + step.starts[0, k, arc.first] + end[0, arc.last - arc.first]
                )
                total += p * from_position(arc.end)
        return total

    return from_position(0)


@pytest.mark.parametrize("full", ["red wine comes from grapes", "From red grapes, not white."])
def test_the_loss_sums_over_every_way_to_write_and_copy(
    reader: Reader, tiny_model: Generator, full: str
) -> None:
    tiny_model.eval()
    target = target_of(reader, full)
    assert target.arcs
    with torch.no_grad():
        expected = -math.log(by_enumeration(tiny_model, target)) * weight(target)
        assert batch_loss(tiny_model, [target]).answer.item() == pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_sentence_begins_at_its_own_start(reader: Reader, tiny_model: Generator) -> None:
    tiny_model.eval()
    target = target_of(reader, "From red grapes, not white.")
    other = replace(target, start=1)
    with torch.no_grad():
        expected = -math.log(by_enumeration(tiny_model, other)) * weight(other)
        assert batch_loss(tiny_model, [other]).answer.item() == pytest.approx(expected, rel=1e-4)
        assert batch_loss(tiny_model, [target]).answer.item() != pytest.approx(expected, rel=1e-4)


def test_the_loss_of_a_batch_is_the_mean_of_its_parts(reader: Reader, tiny_model: Generator) -> None:
    targets = [
        target_of(reader, "From red grapes."),
        target_of(reader, None, (Answer("red grapes", 20),)),
        target_of(reader, None, gold=None),
    ]
    with torch.no_grad():
        single = [batch_loss(tiny_model, [t]).answer.item() for t in targets]
        together = batch_loss(tiny_model, targets).answer.item()
    assert together == pytest.approx(sum(single) / 3, rel=1e-4)


def test_an_empty_batch_is_refused(tiny_model: Generator) -> None:
    with pytest.raises(ValueError, match="at least one"):
        batch_loss(tiny_model, [])


def test_the_loss_is_nearly_the_same_in_bfloat16(reader: Reader, tiny_model: Generator) -> None:
    targets = [target_of(reader, "From red grapes."), target_of(reader, None, gold=None)]
    whole = batch_loss(tiny_model, targets).total
    with torch.autocast("cpu", torch.bfloat16):
        half = batch_loss(tiny_model, targets).total
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(whole.item(), rel=0.02)
