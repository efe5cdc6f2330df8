import pytest

from rag.evaluation.agreement import cohen_kappa, interval, krippendorff_alpha, nominal, pairwise_agreement


def test_kappa_as_worked_by_hand() -> None:
    # 20 yes together, 15 no together, 5 and 10 apart, of 50: p_o = 0.7, p_e = 0.5 · 0.6 + 0.5 · 0.4 = 0.5
    first = ["yes"] * 20 + ["yes"] * 5 + ["no"] * 10 + ["no"] * 15
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_kappa_says_nothing_without_things_or_choice() -> None:
    assert cohen_kappa([], []) is None
    assert cohen_kappa(["yes"] * 3, ["yes"] * 3) is None
    assert cohen_kappa(["a", "b"], ["b", "a"]) == -1


def test_alpha_as_worked_by_hand() -> None:
    # Pairs (0,0) (1,1) (0,1): D_o = (1 + 1)/6 = 1/3 over n = 6 values, three of each: D_e = 2·3·3/(6·5) = 3/5
    assert krippendorff_alpha([[0, 0], [1, 1], [0, 1], [1]], nominal) == pytest.approx(1 - (1 / 3) / (3 / 5))


def test_alpha_of_the_textbook_with_gaps() -> None:
    # Krippendorff's example of four observers and twelve units: 0.743 nominal, 0.849 interval.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = [[value for value in unit if value is not None] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units, nominal) == pytest.approx(0.743, abs=0.001)
    assert krippendorff_alpha(units, interval) == pytest.approx(0.849, abs=0.001)


def test_alpha_says_nothing_where_all_values_are_alike_or_alone() -> None:
    assert krippendorff_alpha([[1], [2]], nominal) is None
    assert krippendorff_alpha([[1, 1], [1, 1]], interval) is None


def test_pairs_are_compared_in_what_both_scored() -> None:
    [pair] = pairwise_agreement({"bob": {1: "a", 2: "b", 3: "a"}, "ann": {2: "b", 3: "b", 4: "a"}, "eve": {}})
    assert (pair.users, pair.n, pair.agreed) == (("ann", "bob"), 2, 0.5)
    assert pair.kappa == pytest.approx(0.0)
