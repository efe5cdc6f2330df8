"""How far persons who scored the same things agree beyond chance.

    Cohen's kappa         (p_o − p_e) / (1 − p_e) of two persons (Cohen 1960)
    Krippendorff's alpha  1 − D_o / D_e of any number of persons, with gaps (Krippendorff 2004, chapter 11)

Both are 1 where all agree, 0 at what chance would give, and less where they agree less than that. None where
they say nothing: no two scores of one thing, or all scores alike.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

V = TypeVar("V", bound=Hashable)
Distance = Callable[[V, V], float]


@dataclass(frozen=True)
class PairAgreement:
    """How two persons agree in the `n` things that both scored."""

    users: tuple[str, str]
    n: int
    agreed: float
    """The share of things in which they said the same."""
    kappa: float | None


def cohen_kappa(first: Sequence[V], second: Sequence[V]) -> float | None:
    """Cohen's kappa of two persons' verdicts on the same things, in the same order."""
    n = len(first)
    if n == 0:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    one, other = Counter(first), Counter(second)
    expected = sum(one[value] * other[value] for value in one) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(units: Sequence[Sequence[V]], distance: Distance[V]) -> float | None:
    """Krippendorff's alpha over things, each with the values that were given to it.

    Args:
        units: the values of each thing; things with fewer than two count for nothing.
        distance: how far two values are apart, squared where the scale is an interval: `nominal`, `interval`.
    """
    paired = [unit for unit in units if len(unit) > 1]
    counts = Counter(value for unit in paired for value in unit)
    n = sum(counts.values())
    if n == 0:
        return None
    observed = sum(_within(Counter(unit), distance) / (len(unit) - 1) for unit in paired) / n
    expected = _within(counts, distance) / (n * (n - 1))
    return None if expected == 0 else 1 - observed / expected


def nominal(a: Hashable, b: Hashable) -> float:
    """0 for the same value, 1 for another."""
    return float(a != b)


def interval(a: float, b: float) -> float:
    """The squared difference."""
    return (a - b) ** 2


def pairwise_agreement(verdicts: dict[str, dict[Hashable, V]]) -> list[PairAgreement]:
    """Every two persons who scored something in common, by name; `verdicts` are person → thing → value."""
    found = []
    for one, other in combinations(sorted(verdicts), 2):
        common = [thing for thing in verdicts[one] if thing in verdicts[other]]
        first = [verdicts[one][thing] for thing in common]
        second = [verdicts[other][thing] for thing in common]
        if common:
            agreed = sum(a == b for a, b in zip(first, second, strict=True)) / len(common)
            found.append(PairAgreement((one, other), len(common), agreed, cohen_kappa(first, second)))
    return found


def _within(counts: Counter[V], distance: Distance[V]) -> float:
    """The sum of the distances of all ordered pairs of different values."""
    return 2 * sum(counts[a] * counts[b] * distance(a, b) for a, b in combinations(counts, 2))
