"""The measurements of the indexes, on little data."""

import argparse
from pathlib import Path

import numpy as np

from bench import keywords, vectors


def test_the_vector_bench_measures_recall_and_speed(tmp_path: Path) -> None:
    arguments = argparse.Namespace(queries=10, batch=70, recall=0.9, device="cpu")
    made = vectors.Mixture(3000, 32, seed=1)
    vectors.build(made, tmp_path / "cpu", arguments.recall, "cpu")
    figures = vectors.measure(made, tmp_path, arguments)
    ours = figures["cpu"]
    assert ours["recall@10"] == 1.0  # so few are searched exactly
    assert ours["measured_at_build"]["vectors"] == 3000
    assert ours["ratio_to_flat"] == figures["flat_p50_ms"] / ours["p50_ms"]
    assert figures.get("bfloat16_recall", 1.0) == 1.0


def test_made_up_vectors_are_the_same_for_a_seed() -> None:
    one, other = vectors.Mixture(500, 16, seed=1), vectors.Mixture(500, 16, seed=1)
    (ids, rows), (_, again) = next(one.blocks()), next(other.blocks())
    assert ids.tolist() == list(range(500))
    assert (rows == again).all() and not (rows[:100] == one.queries(100)).all()
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_the_shares_of_a_gpu_are_worked_out_from_what_it_can() -> None:
    limits = {"bytes_per_s": 4e9, "operations_per_s": 1e12}
    shares = vectors.share_of_limits(1000, 100, {"p50_ms": 1.0, "exact_batch_queries_per_s": 1e6}, limits)
    assert shares == {"bandwidth_single": 0.1, "arithmetic_batch": 0.2}


def test_the_keyword_bench_asks_all_three_in_turns(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    texts, queries = keywords.make_texts(2000, draw), keywords.make_queries(5, draw)
    figures = keywords.measure(texts, queries, tmp_path, ("bm25s", "rank_bm25"))
    for name in ("ours", "bm25s", "rank_bm25"):
        assert figures[name]["queries_per_s"] > 0 and figures[name]["p50_ms"] <= figures[name]["p99_ms"]
    assert keywords.ratio([1.0, 2.0, 3.0], [4.0, 8.0, 12.0]) == {"queries_per_s": 4.0, "by_median": 4.0}


def test_asking_in_turns_asks_every_query_once_of_each() -> None:
    asked: list[str] = []
    times = keywords.in_turns({"a": asked.append}, ["0", "1", "2", "3", "4", "5", "6"], rounds=3)
    assert asked == ["0", "0", "3", "6", "1", "4", "2", "5"]  # the first time to warm up
    assert len(times["a"]) == 7
