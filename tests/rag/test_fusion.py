import numpy as np
import pytest

from rag.retriever.fusion import hybrid, min_max_weighted, reciprocal_rank
from store.index.ranking import Ranking


def ranking(**scores: float) -> Ranking:
    ids = np.array([ord(letter) for letter in scores], dtype=np.int64)
    return Ranking(ids, np.array(list(scores.values()), dtype=np.float32))


def letters(fused: Ranking) -> str:
    return "".join(chr(number) for number in fused.ids)


EMPTY = ranking()


def test_reciprocal_rank_adds_the_inverse_of_sixty_plus_rank():
    fused = reciprocal_rank([ranking(a=9.0, b=8.0, c=7.0), ranking(c=0.9, a=0.8)])
    assert letters(fused) == "acb"
    assert fused.scores.tolist() == pytest.approx([1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62], abs=1e-6)


def test_reciprocal_rank_ignores_the_size_of_scores():
    one = reciprocal_rank([ranking(a=1000.0, b=1.0), ranking(b=0.2, c=0.1)])
    other = reciprocal_rank([ranking(a=0.3, b=0.2), ranking(b=9.0, c=8.0)])
    assert one.ids.tolist() == other.ids.tolist()
    assert one.scores.tolist() == other.scores.tolist()


def test_reciprocal_rank_gives_ties_to_the_smaller_id():
    assert letters(reciprocal_rank([ranking(b=2.0), ranking(a=2.0)])) == "ab"


def test_a_smaller_k_favours_the_first_places():
    rankings = [ranking(a=3.0, b=2.0, c=1.0), ranking(d=3.0, b=2.0, c=1.0)]
    assert letters(reciprocal_rank(rankings, k=60)) == "bcad"
    assert letters(reciprocal_rank(rankings, k=0)) == "abdc"  # 1, 1/2 + 1/2, 1, 1/3 + 1/3


def test_min_max_weighted_adds_scores_brought_to_zero_to_one():
    fused = min_max_weighted([ranking(a=10.0, b=6.0, c=2.0), ranking(c=0.9, d=0.4)], [0.5, 0.5])
    assert letters(fused) == "acbd"  # a: 0.5, b: 0.25, c: 0 + 0.5, d: 0
    assert fused.scores.tolist() == pytest.approx([0.5, 0.5, 0.25, 0.0])


def test_min_max_weighted_adds_up_what_both_rankings_have():
    """By its formula, one chunk after the other."""
    choose = np.random.default_rng(7)
    one, other = (
        Ranking(choose.permutation(300)[:200], -np.sort(-choose.random(200)).astype(np.float32))
        for _ in range(2)
    )
    expected = dict.fromkeys({*one.ids.tolist(), *other.ids.tolist()}, 0.0)
    for found, w in ((one, 0.3), (other, 0.7)):
        least, most = float(found.scores.min()), float(found.scores.max())
        for number, score in zip(found.ids.tolist(), found.scores.tolist(), strict=True):
            expected[number] += w * (score - least) / (most - least)
    fused = min_max_weighted([one, other], [0.3, 0.7])
    assert sorted(expected, key=lambda number: (-round(expected[number], 7), number)) == fused.ids.tolist()
    assert fused.scores.tolist() == pytest.approx(
        [expected[number] for number in fused.ids.tolist()], abs=1e-6
    )


def test_min_max_weighted_follows_the_weights():
    keyword, vector = ranking(a=2.0, b=1.0, c=0.0), ranking(c=2.0, b=1.0, a=0.0)
    assert letters(min_max_weighted([keyword, vector], [0.9, 0.1])) == "abc"
    assert letters(min_max_weighted([keyword, vector], [0.1, 0.9])) == "cba"


def test_min_max_weighted_counts_equal_scores_as_one():
    assert min_max_weighted([ranking(a=0.7, b=0.7), EMPTY], [0.3, 0.7]).scores.tolist() == pytest.approx(
        [0.3, 0.3]
    )


def test_keyword_scores_are_scaled_from_zero_and_cosines_from_the_last_candidate():
    fused = hybrid(ranking(a=10.0, b=5.0), ranking(c=1.0, b=0.75, a=0.5), [0.5, 0.5])
    assert letters(fused) == "abc"  # a: 0.5, b: 0.25 + 0.25, c: 0.5
    assert fused.scores.tolist() == pytest.approx([0.5, 0.5, 0.5])
    below_zero = hybrid(ranking(a=1.0, b=-1.0), EMPTY, [1.0, 0.0])
    assert below_zero.scores.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -0.1], [1.0, 1.0, 1.0]])
def test_min_max_weighted_refuses_weights_that_do_not_fit(weights: list[float]):
    with pytest.raises(ValueError, match="give each one"):
        min_max_weighted([EMPTY, EMPTY], weights)


def test_fusing_nothing_gives_nothing():
    assert len(reciprocal_rank([])) == len(reciprocal_rank([EMPTY, EMPTY])) == 0
    assert len(min_max_weighted([EMPTY], [1.0])) == 0
