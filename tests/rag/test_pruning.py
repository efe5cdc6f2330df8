"""Windows that promise little are not read to the end, and what is read is read as if all were."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rag.errors import CheckpointError, TrainingError
from rag.generator import checkpoint
from rag.generator.actions import copy_of
from rag.generator.config import GeneratorConfig
from rag.generator.decode import Task, collated
from rag.generator.evidence import Evidence
from rag.generator.generate import LocalGenerator
from rag.generator.model import Generator
from rag.generator.passages import Passage, Reader, Reading
from rag.generator.pruning import Pruning, Sieve
from rag.generator.settings import GenerationSettings, Style
from rag.training.data import Source
from rag.training.mixture import Mixture
from rag.training.pruning import Sift, Windows, fit, prune
from rag.training.train import TrainSettings
from tests.rag.conftest import TINY, decode
from tests.rag.test_data import line

D = TINY.dimension
TEXTS = tuple(f"Ship {name} left the harbour {at}." for at, name in enumerate(("Ada", "Ben", "Cleo", "Dot")))


def chosen(mass: list[float], least: int = 2) -> Pruning:
    return Pruning(1, 0.5, least, tuple(mass), tuple([0.0] * len(mass)), -3.0)


@pytest.fixture
def model() -> Generator:
    torch.manual_seed(1)
    return Generator(replace(TINY, encoder_layers=3)).eval()


def evidence_of(model: Generator, *readings: Reading) -> Evidence:
    inputs = collated(readings, torch.device("cpu"))
    with torch.inference_mode():
        return model.encode(inputs.ids, inputs.segments, inputs.copyable)


def test_the_first_window_and_those_with_most_mass_are_kept_of_each_question() -> None:
    sieve = Sieve(chosen([1.0, 0.0]))
    signals = torch.tensor([[[0.1, 9], [0.9, 9], [0.5, 9], [0.7, 9]], [[0.2, 9], [0.1, 9], [9, 9], [9, 9]]])
    present = torch.tensor([[True] * 4, [True, True, False, False]])
    sifted = sieve.sift(signals, present)
    assert sifted.kept.tolist() == [[True, True, False, False], [True, True, False, False]]
    assert sifted.relevance.tolist() == [[-3.0] * 4] * 2
    assert [sieve.pruning.kept_of(n) for n in (1, 2, 3, 4, 5, 20)] == [1, 2, 2, 2, 3, 10]


def test_kept_windows_are_read_as_if_all_were_and_only_they_are_copied_from(
    model: Generator, reader: Reader
) -> None:
    readings = [reader.read("Which ship?", [Passage(t) for t in TEXTS[:n]]) for n in (4, 1)]
    whole = evidence_of(model, *readings)
    model.prune(chosen(torch.randn(2 * D, generator=torch.Generator().manual_seed(7)).tolist()))
    pruned = evidence_of(model, *readings)
    kept = pruned.read
    assert kept.sum(dim=1).tolist() == [2, 1] and whole.read.sum(dim=1).tolist() == [4, 1]
    assert pruned.windows.shape == (2, 2) and pruned.tokens == whole.tokens
    for question, of_reading in enumerate(kept):
        windows = of_reading.nonzero().view(-1)
        assert pruned.windows[question, : len(windows)].tolist() == windows.tolist()
        some = slice(0, len(windows) * pruned.tokens)
        all_of = (windows[:, None] * pruned.tokens + torch.arange(pruned.tokens)).view(-1)
        pairs = [(pruned.states, whole.states)]
        for memory, of_whole in zip(pruned.memories, whole.memories, strict=True):
            pairs += [(m.transpose(1, 2), w.transpose(1, 2)) for m, w in zip(memory, of_whole, strict=True)]
        for part, of_all in pairs:
            torch.testing.assert_close(part[question, some], of_all[question, all_of], atol=1e-5, rtol=1e-4)
            assert not part[question, some.stop :].any()
        assert torch.equal(pruned.starts[question, some], whole.starts[question, all_of])
        assert torch.equal(pruned.bias[question, 0, 0, some], whole.bias[question, 0, 0, all_of])
        assert not pruned.starts[question, some.stop :].any()
        assert (pruned.bias[question, 0, 0, some.stop :] < 0).all()
    torch.testing.assert_close(pruned.relevance[kept], whole.relevance[kept], atol=1e-5, rtol=1e-4)
    assert (pruned.relevance[~kept] == -3.0).all()


def test_places_of_pruned_windows_are_told_by_the_windows_of_the_reading(
    model: Generator, reader: Reader
) -> None:
    """Four questions, so that each keeps other windows; nothing is written, so all is copied."""
    torch.nn.init.constant_(model.gate.bias, -30.0)
    model.prune(chosen(torch.randn(2 * D, generator=torch.Generator().manual_seed(7)).tolist(), least=1))
    readings = [
        reader.read("Which ship?", [Passage(t) for t in (*TEXTS[n:], *TEXTS[:n])[: 4 - n % 2]])
        for n in range(4)
    ]
    tasks = [Task(r, GenerationSettings(max_tokens=12), Style.SPAN) for r in readings]
    together = decode(model, reader, tasks)
    for task, decoded in zip(tasks, together, strict=True):
        (alone,) = decode(model, reader, [task])
        assert alone.actions == decoded.actions and alone.outlook.focus == decoded.outlook.focus
        assert decoded.outlook.read[decoded.outlook.focus[0]]
        for action in decoded.actions:
            if action.window is not None:
                assert decoded.outlook.read[action.window]
                assert action == copy_of(task.reading, action.window, action.first, action.last)
    assert any(a.window for d in together for a in d.actions), "not all copies are of the first window"


def test_what_there_is_of_tokens_is_told_for_all_windows() -> None:
    none = torch.zeros(0)
    windows, read = torch.tensor([[1, 3], [0, 2]]), torch.ones(2, 4, dtype=torch.bool)
    evidence = Evidence(torch.zeros(2, 6, 1), [], none, none, none, windows, torch.zeros(2, 4), read)
    masses = torch.tensor([1.0, 2, 3, 4, 5, 6])
    assert evidence.by_window(0, masses).tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0], [4, 5, 6]]


def test_few_windows_are_all_read(model: Generator, reader: Reader) -> None:
    reading = reader.read("Which ship?", [Passage(t) for t in TEXTS[:2]])
    whole = evidence_of(model, reading)
    model.prune(chosen([1.0] * 2 * D))
    torch.testing.assert_close(evidence_of(model, reading).states, whole.states, atol=1e-5, rtol=1e-4)


def test_a_probe_finds_what_the_start_pointer_will_point_at() -> None:
    chance = torch.Generator().manual_seed(7)
    seen = []
    for _ in range(60):
        signals = torch.randn(8, 6, generator=chance)
        masses = (4 * signals[:, 2]).log_softmax(dim=0)
        seen.append(Windows(signals * 10 + 3, masses, signals[:, 4] - 1))
    pruning, figures = fit(seen, Sift(layer=2, share=0.5, least=2), seed=7)
    assert figures["questions"] == 12
    assert figures["kept_best"] == 1.0 and figures["kept_mass"] > 0.95
    sifted = Sieve(pruning).sift(seen[0].signals[None], torch.ones(1, 8, dtype=torch.bool))
    torch.testing.assert_close(sifted.relevance[0], seen[0].relevance, atol=0.1, rtol=0.1)
    assert fit(seen, Sift(layer=2, share=0.5, least=2), seed=7)[0] == pruning


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    """A checkpoint that nothing was learned in, and questions on passages long enough to be asked about."""
    sea = " It was a long journey over a calm sea." * 8
    records = [line(n, passage=line(n)["passage"] + sea) for n in range(40)]
    path = tmp_path / "ships.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    config = GeneratorConfig(encoder_layers=2, decoder_layers=1, window=96, question_tokens=16)
    torch.manual_seed(1)
    checkpoint.save(Generator(config), tmp_path / "out", {})
    return TrainSettings((Source(path),), tmp_path / "out", mixture=Mixture(0.0, 0.0, 0.5), config=config)


def test_a_checkpoint_is_given_its_pruning_and_reads_by_it(settings: TrainSettings) -> None:
    weights = (settings.out / checkpoint.WEIGHTS).read_bytes()
    told: list[tuple[int, int]] = []
    sift = Sift(layer=1, share=0.2, least=2, questions=8)
    description = prune(settings, sift, report=lambda *at: told.append(at))
    assert told[-1] == (8, 8) and description["pruning_dev"]["questions"] == 2
    assert (settings.out / checkpoint.WEIGHTS).read_bytes() == weights
    passages = [Passage(text) for text in TEXTS]
    pruned = LocalGenerator(settings.out).generate("Which ship left first?", passages)
    whole = LocalGenerator(settings.out, prunes=False).generate("Which ship left first?", passages)
    assert (pruned.passages_read, whole.passages_read) == (2, 4)
    assert len(pruned.relevance) == 4 and 0 < pruned.answerable_probability < 1
    assert {s.passage for s in pruned.segments if s.passage is not None} <= {-1, 0, 1, 2, 3}


def test_a_layer_that_the_encoder_does_not_have_is_named(settings: TrainSettings) -> None:
    with pytest.raises(TrainingError, match="--after is 2: a layer from 1 to 1 of 2 is needed"):
        prune(settings, Sift(layer=2))


@pytest.mark.parametrize("change", [{"layer": 6}, {"mass_weights": [1.0]}, {"share": "all"}, {"odd": 1}])
def test_a_pruning_that_does_not_fit_is_told_with_the_mend(
    settings: TrainSettings, change: dict[str, object]
) -> None:
    values = chosen([0.0] * 768).to_dict() | change
    checkpoint.write_description(settings.out, checkpoint.describe(settings.out) | {"pruning": values})
    with pytest.raises(CheckpointError, match="Fit it again: rag fit-pruning"):
        LocalGenerator(settings.out)
