"""What every vector index must do; a backend's test class inherits `VectorContract` and makes the backend."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DIMENSION = 8


def numbers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def units(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class VectorContract:
    changes = 50
    """How many times a test changes the index while others search it."""

    def make(self, folder: Path) -> Any:
        raise NotImplementedError

    def reload(self, index: Any, path: Path) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def index(self, tmp_path: Path) -> Any:
        return self.make(tmp_path)

    def test_search_gives_the_largest_inner_products(self, index: Any):
        vectors, queries = units(100), units(30, seed=1)
        index.add(np.arange(100) + 5, vectors)
        for query, found in zip(queries, index.search(queries, 7), strict=True):
            products = vectors @ query
            expected = np.argsort(-products)[:7]
            assert found.ids.tolist() == (expected + 5).tolist()
            assert found.scores.tolist() == pytest.approx(products[expected].tolist(), abs=1e-5)

    def test_equal_vectors_come_in_the_order_of_their_ids(self, index: Any):
        same = np.repeat(units(1), 20, axis=0)
        index.add(np.random.default_rng(0).permutation(20), same)
        assert index.search(same[:1], 5)[0].ids.tolist() == [0, 1, 2, 3, 4]
        assert index.search(np.repeat(same[:1], 25, axis=0), 5)[24].ids.tolist() == [0, 1, 2, 3, 4]

    def test_search_drops_padding_ids(self, index: Any):
        index.add(numbers(4, 2), units(2))
        found = index.search(units(1), 100)[0]
        assert sorted(found.ids.tolist()) == [2, 4]
        assert len(found.scores) == 2

    def test_an_empty_index_finds_nothing(self, index: Any):
        assert len(index) == 0
        assert [len(found) for found in index.search(units(3), 5)] == [0, 0, 0]
        assert len(index.search(units(1), 5, numbers(1))[0]) == 0

    def test_no_queries_give_no_rankings(self, index: Any):
        index.add(numbers(1), units(1))
        assert index.search(np.zeros((0, DIMENSION), dtype=np.float32), 5) == []

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_must_be_positive(self, index: Any, k: int):
        index.add(numbers(1), units(1))
        with pytest.raises(ValueError, match="at least 1"):
            index.search(units(1), k)

    @pytest.mark.parametrize("offset", [0, 2**40])
    def test_only_allowed_ids_are_found_and_as_many_as_there_are(self, index: Any, offset: int):
        vectors, query = units(200), units(1, seed=2)
        index.add(np.arange(200) + offset, vectors)
        worst = np.argsort(vectors @ query[0])[:50]
        allowed = np.concatenate([worst + offset, numbers(-1, 2**41)])
        assert index.search(query, 40, allowed)[0].ids.tolist() == (worst[::-1][:40] + offset).tolist()
        assert len(index.search(query, 100, allowed)[0]) == 50

    def test_allowing_nothing_finds_nothing(self, index: Any):
        index.add(numbers(0, 1), units(2))
        assert len(index.search(units(1), 5, numbers())[0]) == 0

    def test_adding_an_id_again_replaces_its_vector(self, index: Any):
        first, second, third = units(3)
        index.add(numbers(1, 2), np.array([first, second]))
        index.add(numbers(1), third[None])
        assert len(index) == 2
        assert index.search(third[None], 1)[0].ids.tolist() == [1]
        assert index.search(third[None], 1)[0].scores[0] == pytest.approx(1, abs=1e-5)

    def test_the_last_of_equal_ids_counts(self, index: Any):
        vectors = units(3)
        index.add(numbers(1, 2, 1), vectors)
        assert len(index) == 2
        assert index.search(vectors[2:], 1)[0].scores[0] == pytest.approx(1, abs=1e-5)

    def test_removed_vectors_are_not_found(self, index: Any):
        vectors = units(10)
        index.add(np.arange(10), vectors)
        index.remove(numbers(3, 4, 99))
        index.remove(numbers())
        assert len(index) == 8
        for i in (0, 2, 5, 9):  # the others stay with their own ids
            assert index.search(vectors[i : i + 1], 1)[0].ids.tolist() == [i]
        assert not {3, 4} & set(index.search(vectors[3:4], 10)[0].ids.tolist())

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_vectors_that_are_not_numbers_are_refused(self, index: Any, bad: float):
        vectors = units(3)
        vectors[1, 2] = bad
        with pytest.raises(ValueError, match="vector 1 holds NaN or infinity"):
            index.add(numbers(1, 2, 3), vectors)
        with pytest.raises(ValueError, match="NaN or infinity"):
            index.search(vectors, 1)
        assert len(index) == 0

    def test_a_query_without_length_finds_nothing(self, index: Any):
        index.add(numbers(1, 2), units(2))
        found = index.search(np.stack([np.zeros(DIMENSION, dtype=np.float32), units(1)[0]]), 5)
        assert [len(ranking) for ranking in found] == [0, 2]

    def test_a_vector_without_length_does_no_harm(self, index: Any):
        index.add(numbers(1, 2), np.stack([np.zeros(DIMENSION, dtype=np.float32), units(1)[0]]))
        assert index.search(units(1), 5)[0].ids.tolist() == [2, 1]

    @pytest.mark.parametrize("shape", [(2, DIMENSION + 1), (DIMENSION,), (1, 2, DIMENSION)])
    def test_another_shape_is_refused(self, index: Any, shape: tuple[int, ...]):
        with pytest.raises(ValueError, match=f"expected \\(n, {DIMENSION}\\)"):
            index.add(numbers(1, 2), np.ones(shape, dtype=np.float32))
        with pytest.raises(ValueError, match=f"expected \\(n, {DIMENSION}\\)"):
            index.search(np.ones(shape, dtype=np.float32), 1)

    def test_ids_that_do_not_fit_are_refused(self, index: Any):
        with pytest.raises(ValueError, match="give each an id"):
            index.add(numbers(1), units(2))
        with pytest.raises(ValueError, match="id -1 is negative"):
            index.add(numbers(1, -1), units(2))
        assert len(index) == 0

    def test_a_loaded_index_gives_the_same_answer(self, index: Any, tmp_path: Path):
        index.add(np.arange(50) * 3, units(50))
        index.remove(numbers(9, 12))
        loaded = self.reload(index, tmp_path)
        before, after = index.search(units(5, seed=3), 10), loaded.search(units(5, seed=3), 10)
        assert [found.ids.tolist() for found in after] == [found.ids.tolist() for found in before]
        assert [found.scores.tolist() for found in after] == [found.scores.tolist() for found in before]
        loaded.add(numbers(9), units(1))
        loaded.remove(numbers(0))
        assert len(loaded) == len(index) == 48

    def test_searches_go_on_while_another_thread_changes_the_index(self, index: Any):
        vectors = units(500)
        index.add(np.arange(500), vectors)
        wrong: list[Any] = []
        done = threading.Event()

        def search() -> None:
            while not done.is_set():
                found = index.search(vectors[:1], 500, np.arange(100))[0].ids
                if len(found) != 100 or found[0] != 0:
                    wrong.append(found)

        threads = [threading.Thread(target=search) for _ in range(3)]
        for thread in threads:
            thread.start()
        for i in range(self.changes):
            index.add(np.arange(1000 + 100 * i, 1100 + 100 * i), units(100, seed=i))
            index.remove(np.arange(1000 + 100 * i, 1050 + 100 * i))
        done.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert len(index) == 500 + 50 * self.changes
