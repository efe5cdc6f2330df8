"""The measurements of the indexes, on little data."""

import argparse

import numpy as np

from bench import keywords, vectors


def test_the_vector_bench_measures_recall_and_speed() -> None:
    arguments = argparse.Namespace(dimension=32, queries=10, batch=70, recall=0.9)
    made = vectors.Mixture(3000, 32, seed=1)
    flat = vectors.flat_figures(made, arguments)
    ours = vectors.our_figures(made, arguments, "cpu", flat)
    assert ours["recall@10"] == 1.0  # so few are searched exactly
    assert ours["measured_at_build"]["vectors"] == 3000
    assert ours["ratio_to_flat"] == flat["flat_p50_ms"] / ours["p50_ms"]
    assert flat.get("bfloat16_recall", 1.0) == 1.0


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


def test_the_keyword_bench_measures_all_three() -> None:
    draw = np.random.default_rng(3)
    texts, queries = keywords.make_texts(2000, draw), keywords.make_queries(5, draw)
    for measured in (keywords.ours, keywords.by_bm25s, keywords.by_rank_bm25):
        figures = measured(texts, queries)
        assert figures["queries_per_s"] > 0 and figures["p50_ms"] <= figures["p99_ms"]
        assert keywords.ratio(figures, figures) == {"queries_per_s": 1.0, "per_cpu_time": 1.0}
