from uuid import UUID

import numpy as np

from rag.retriever.diversity import diversify
from rag.retriever.hits import Hit
from store.types import Chunk


def hit(number: int, fused: float) -> Hit:
    chunk = Chunk(number, UUID(int=1), 1, "s", "t", 0, 1, "x", (), {})
    return Hit(chunk, None, None, fused)


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float16)


def ids(hits: list[Hit]) -> list[int]:
    return [h.chunk.id for h in hits]


def test_near_identical_hits_are_folded_into_the_best() -> None:
    vectors = {1: vector(1, 0), 2: vector(0, 1), 3: vector(2, 0.01), 4: vector(1, 0.02)}
    found = diversify([hit(1, 4), hit(2, 3), hit(3, 2), hit(4, 1)], vectors, 3, 0.1)
    assert ids(found) == [1, 2]
    assert [h.folded for h in found] == [(3, 4), ()]


def test_marginal_relevance_by_hand() -> None:
    # Scaled relevances are 1, 0.9 and 0; cosines to the first are 0.8 and 0. With diversity 0.5 the second
    # choice is between 0.45 - 0.4 and 0 - 0, with 0.6 between 0.36 - 0.48 and 0 - 0.
    vectors = {1: vector(1, 0), 2: vector(0.8, 0.6), 3: vector(0, 1)}
    hits = [hit(1, 2.0), hit(2, 1.9), hit(3, 1.0)]
    assert ids(diversify(hits, vectors, 3, 0.5)) == [1, 2, 3]
    assert ids(diversify(hits, vectors, 3, 0.6)) == [1, 3, 2]


def test_no_more_hits_than_wanted_and_none_without_a_vector() -> None:
    vectors = {1: vector(1, 0), 3: vector(0, 1)}
    assert ids(diversify([hit(1, 3), hit(2, 2), hit(3, 1)], vectors, 5, 0.5)) == [1, 3]
    assert ids(diversify([hit(1, 3), hit(3, 1)], vectors, 1, 0.5)) == [1]
    assert diversify([], {}, 5, 0.5) == []


def test_a_vector_of_zeros_is_like_nothing() -> None:
    found = diversify([hit(1, 2), hit(2, 1)], {1: vector(0, 0), 2: vector(0, 0)}, 5, 1.0)
    assert ids(found) == [1, 2]
