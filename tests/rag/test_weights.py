import numpy as np
import pytest

from rag.errors import DataError
from rag.retriever.weights import (
    KEYWORD_WEIGHTS,
    Candidates,
    best,
    choose,
    learn_keyword_weight,
    learn_nearness_weight,
    learn_rerank_weight,
)
from store.index.ranking import Ranking

GRID = (0.0, 0.5, 1.0)


def ranking(*ids: int) -> Ranking:
    return Ranking(np.array(ids), np.linspace(1, 0, len(ids), dtype=np.float32))


def query(keyword: Ranking, vector: Ranking) -> Candidates:
    documents = {1: "right", 2: "wrong", 3: "other"}
    return Candidates(keyword, vector, documents, {"right": 1.0})


def test_the_weight_with_the_best_scores_is_chosen() -> None:
    scores = np.tile([0.2, 0.5, 0.9], (20, 1))
    learned = choose(scores, GRID, 0.5, seed=1)
    assert (learned.weight, learned.usual_ndcg) == (1.0, pytest.approx(0.5))
    assert learned.cross_validated_ndcg == pytest.approx(0.9)


def test_a_difference_within_the_standard_error_changes_nothing() -> None:
    # The last weight wins 11 queries and loses 9: a mean gain of 0.1 with a standard error of 0.22.
    scores = np.array([[0.0, 0.0, 1.0]] * 11 + [[0.0, 1.0, 0.0]] * 9)
    assert choose(scores, GRID, 0.5, seed=1).weight == 0.5


def test_what_gains_nothing_on_other_queries_is_not_chosen() -> None:
    # One query wants the first weight very much, all others lose a little by it.
    scores = np.array([[1.0, 0.0, 0.0]] + [[0.49, 0.5, 0.5]] * 19)
    learned = choose(scores, GRID, 0.5, seed=1)
    assert learned.weight == 0.5
    assert learned.cross_validated_ndcg <= learned.usual_ndcg + 1e-9


def test_a_corpus_whose_keywords_mislead_gives_them_no_weight() -> None:
    queries = [query(ranking(2, 3, 1), ranking(1, 2, 3)) for _ in range(12)]
    learned = learn_keyword_weight(queries)
    # 2 has w + (1 - w) / 2 and 1 has 1 - w: the right one is first below a third.
    assert learned.weight == max(w for w in KEYWORD_WEIGHTS if w < 1 / 3)
    assert learned.cross_validated_ndcg == 1.0 > learned.usual_ndcg


def test_a_good_reranker_gets_weight_and_a_bad_one_loses_it() -> None:
    queries = [query(ranking(2, 3, 1), ranking(2, 3, 1)) for _ in range(12)]
    assert best(queries[0], 0.5) == [2, 3, 1]
    good = learn_rerank_weight(queries, 0.5, [[0.0, 0.0, 1.0]] * 12)
    assert good.weight > 1.0 and good.cross_validated_ndcg == 1.0
    right_first = [query(ranking(1, 2, 3), ranking(1, 2, 3)) for _ in range(12)]
    bad = learn_rerank_weight(right_first, 0.5, [[0.0, 1.0, 1.0]] * 12)
    assert bad.weight <= 0.5 and bad.cross_validated_ndcg == 1.0 > bad.usual_ndcg


def test_nearness_loses_weight_where_what_is_right_lies_apart() -> None:
    documents = {1: "right", 2: "also right", 3: "wrong"}
    found = Candidates(ranking(1, 2, 3), ranking(1, 2, 3), documents, {"right": 1.0, "also right": 1.0})
    # The wrong one points where the best does. Of 1, 0.5 and 0 that makes up for the half above 0.5.
    apart = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32)
    learned = learn_nearness_weight([found] * 12, (0.5, 0.0), [[0.0] * 3] * 12, [apart] * 12)
    assert learned.weight <= 0.5 and learned.cross_validated_ndcg == 1.0 > learned.usual_ndcg


def test_documents_stand_where_their_best_chunk_does() -> None:
    documents = {1: "a", 2: "a", 3: "right"}
    found = Candidates(ranking(1, 2, 3), ranking(1, 2, 3), documents, {"right": 1.0})
    learned = learn_keyword_weight([found] * 10)
    assert learned.usual_ndcg == pytest.approx(1 / np.log2(3))


def test_too_few_queries_are_refused() -> None:
    with pytest.raises(DataError, match="9 judged queries are too few"):
        learn_keyword_weight([query(ranking(1), ranking(1))] * 9)
