"""Texts that are cut between cores: evenly, and read as alone."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from rag.cores import Cores, Piece, cut_evenly
from rag.generator.config import GeneratorConfig
from rag.generator.layers import EncoderLayer
from rag.generator.packed import packed_layers, put, read_packed, read_windows

CONFIG = GeneratorConfig(dimension=16, heads=2, feed_forward=32, encoder_layers=3)


@pytest.fixture
def cores() -> Iterator[Cores]:
    """Two, though the machine may have others."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield Cores("test")
    torch.set_num_threads(before)


def lengths_of(part: Sequence[Piece]) -> int:
    return sum(piece.length for piece in part)


@pytest.mark.parametrize("number_of", [2, 3, 4])
def test_texts_are_cut_so_that_all_cores_have_as_much_to_do(number_of: int) -> None:
    lengths = [200, 190, 256, 210, 180]
    parts = cut_evenly(lengths, number_of)
    assert len(parts) == number_of
    tokens = sorted((p.text, at) for part in parts for p in part for at in range(p.first, p.end))
    assert tokens == [(text, at) for text, length in enumerate(lengths) for at in range(length)]
    assert max(map(lengths_of, parts)) - min(map(lengths_of, parts)) <= 2 * 32
    assert min(p.length for part in parts for p in part) >= 32


@pytest.mark.parametrize("lengths", [[200, 200, 200, 200], [30, 40], [150] * 3, [256] * 200, []])
def test_texts_stay_whole_where_they_can_be_dealt_out_or_are_few_or_very_many(lengths: list[int]) -> None:
    pieces = [p for part in cut_evenly(lengths, 2) for p in part]
    assert sorted(pieces, key=lambda p: p.text) == [Piece(n, 0, length) for n, length in enumerate(lengths)]


@pytest.mark.parametrize(("precision", "near"), [(torch.float32, 1e-4), (torch.bfloat16, 0.06)])
def test_windows_that_are_cut_are_read_as_alone(precision: torch.dtype, near: float, cores: Cores) -> None:
    torch.manual_seed(7)
    layers = packed_layers(EncoderLayer(CONFIG).to(precision) for _ in range(3))
    lengths = [200, 190, 0, 256, 210, 180]
    ids = (torch.arange(256) < torch.tensor(lengths)[:, None]).long()
    states = torch.randn(ids.numel(), CONFIG.dimension).to(precision)
    assert any(p.first for part in cut_evenly([x for x in lengths if x], 2) for p in part)
    read = torch.zeros(*ids.shape, CONFIG.dimension)
    with torch.inference_mode():
        read_windows(layers, ids, states.__getitem__, lambda pieces, x: put(pieces, x, read), cores)
        for number, length in enumerate(lengths):
            if length:
                begin = number * 256
                alone = read_packed(layers, states[begin : begin + length], [length]).float()
                torch.testing.assert_close(read[number, :length], alone, atol=near, rtol=near)
            assert not read[number, length:].any()


def test_cut_windows_beyond_the_range_of_exponents_are_attended_to_in_the_usual_way(cores: Cores) -> None:
    torch.manual_seed(7)
    layer = EncoderLayer(CONFIG)
    with torch.no_grad():
        layer.attention.query.weight.mul_(60)
    layers = packed_layers([layer.bfloat16()])
    states = torch.randn(3 * 256, CONFIG.dimension).bfloat16()
    read = torch.zeros(3, 256, CONFIG.dimension)
    with torch.inference_mode():
        ids = torch.ones(3, 256, dtype=torch.long)
        read_windows(layers, ids, states.__getitem__, lambda pieces, x: put(pieces, x, read), cores)
        alone = [read_packed(layers, states[n * 256 :][:256], [256]).float() for n in range(3)]
    torch.testing.assert_close(read, torch.stack(alone), atol=0.06, rtol=0.06)


def test_a_part_that_fails_fails_all_and_nobody_waits(cores: Cores) -> None:
    def work(part: int, meet: Callable[[], object]) -> None:
        if part == 1:
            raise ValueError("part 1")
        meet()

    with pytest.raises(ValueError, match="part 1"):
        cores.meet(work, [0, 1])
    cores.meet(lambda part, meet: None, [0, 1])


def test_works_of_several_threads_whose_parts_meet_do_not_wait_for_each_other(cores: Cores) -> None:
    def work(part: Tensor, meet: Callable[[], object]) -> None:
        for _ in range(20):
            part += 1
            meet()

    counts = torch.zeros(8, 2)
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(cores.meet, work, list(count)) for count in counts]:
            done.result(20)
    assert counts.tolist() == [[20, 20]] * 8
