import numpy as np
import pytest

from rag.retriever.nearness import gather
from rag.retriever.rerank import mix


def test_what_is_near_the_best_hits_gains() -> None:
    placed = mix([3.0, 2.0, 1.0], [0.0, 0.0, 0.0], 0.3)  # final 1, 0.5, 0
    vectors = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
    # The mean is 1 * (1, 0) + 0.5 * (0, 1) = (1, 0.5): cosines up to its length 1, 0.5, 1, scaled 1, 0, 1.
    gathered = gather(placed, vectors, 0.8)
    assert [p.number for p in gathered] == [0, 2, 1]
    assert [p.nearness for p in gathered] == [1.0, 1.0, 0.0]
    assert [p.final for p in gathered] == pytest.approx([1.8, 0.8, 0.5])


def test_vectors_belong_to_the_hits_numbers() -> None:
    placed = mix([2.0, 1.0], [0.0, 1.0], 2.0)  # the second comes first
    assert [p.number for p in placed] == [1, 0]
    gathered = gather(placed, np.array([[0, 1], [1, 0]], dtype=np.float32), 1.0)
    assert {p.number: p.nearness for p in gathered} == {1: 1.0, 0: 0.0}


def test_without_weight_or_hits_nothing_changes() -> None:
    placed = mix([2.0, 1.0], [0.0, 1.0], 0.3)
    assert gather(placed, np.eye(2, dtype=np.float32), 0.0) == placed
    assert gather([], np.zeros((0, 2), dtype=np.float32), 1.0) == []


def test_hits_without_vectors_keep_their_order() -> None:
    placed = mix([3.0, 2.0, 1.0], [0.0, 0.5, 0.0], 0.3)
    gathered = gather(placed, np.zeros((3, 4), dtype=np.float32), 0.5)
    assert [p.number for p in gathered] == [p.number for p in placed]
