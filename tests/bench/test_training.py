from pathlib import Path

import pytest

from bench.training import Rates, compare, sample
from rag.training.data import Source
from tests.rag.test_train import settings, source

__all__ = ["source"]  # a fixture


def test_the_ratio_is_that_of_the_middle_round() -> None:
    figures = Rates(ours=[30.0, 40.0, 20.0], naive=[10.0, 10.0, 10.0]).figures()
    assert (figures["ratio"], figures["ratio_lowest"], figures["ours_examples_per_s"]) == (3.0, 2.0, 30.0)


@pytest.mark.slow
def test_both_loops_learn_in_turns(source: Source, tmp_path: Path) -> None:
    small = settings(source, tmp_path)
    rates = compare(sample([source.path], 6, small), rounds=1, settings=small)
    assert len(rates.ours) == len(rates.naive) == 1
    assert min(rates.ours + rates.naive) > 0
