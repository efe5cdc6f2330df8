"""Claims in which a name or a number was exchanged: how many the scorer lets through.

    python -m bench.exchanges FILE… --out FILE

The files are those that the scorer was trained on; what is read of them are the claims that were held out,
as they are, and the supported ones with one name or number exchanged for another of the same kind. Each is
scored with several factors for what the evidence has not; the factor in use was chosen by these figures.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.settings import shipped_scorer
from bench.environment import environment, report
from rag.evaluation.groundedness import set_name
from rag.scoring import groundedness
from rag.scoring.data import Claim, read_claims, split_claims
from rag.scoring.groundedness import GroundednessScorer
from rag.scoring.negatives import exchange, find_cues

HELD_OUT, SEED = 0.2, 7
"""As the scorer that is shipped was trained."""
FACTORS = (1.0, 0.7, 0.5, 0.3)
AT_ONCE = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--claims", type=int, default=450, help="of each file, at most")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    env = environment(SEED)
    claims = [c for file in arguments.files for c in gather(file, arguments.claims)]
    report("Exchanged names and numbers", measure(claims), arguments.out, env)


def gather(file: Path, most: int) -> list[tuple[str, Claim]]:
    """Held-out claims of a file, and those with an exchange, each with the name of its kind."""
    held_out = split_claims(read_claims(file), HELD_OUT, SEED).dev
    rng = random.Random(f"{SEED}/{set_name(file)}")
    chosen = rng.sample(held_out, min(most, len(held_out)))
    supported = [c for c in chosen if c.supported]
    cues = find_cues(supported)
    made = [(c, exchange(c.text, c.evidence, cues, rng)) for c in supported]
    exchanged = [
        Claim(c.id, c.source, c.evidence, text, supported=False, synthetic=True) for c, text in made if text
    ]
    return [(set_name(file), c) for c in chosen] + [("exchanged", c) for c in exchanged]


def measure(claims: Sequence[tuple[str, Claim]]) -> dict[str, Any]:
    """Balanced accuracy of each kind with each factor; of exchanged claims the share that is let through."""
    scorer = GroundednessScorer(shipped_scorer())
    figures: dict[str, Any] = {"claims": len(claims)}
    in_use = groundedness.STRANGE
    groundedness.STRANGE = 1.0
    plain = _scores(scorer, [c for _, c in claims])
    groundedness.STRANGE = 0.0
    is_strange = [score == 0.0 for score in _scores(scorer, [c for _, c in claims])]
    groundedness.STRANGE = in_use
    for factor in FACTORS:
        passed = [
            score * (factor if strange else 1) >= scorer.calibration.threshold
            for score, strange in zip(plain, is_strange, strict=True)
        ]
        for kind in dict.fromkeys(kind for kind, _ in claims):
            rows = [(c.supported, p) for (k, c), p in zip(claims, passed, strict=True) if k == kind]
            name = f"{kind}_let_through" if kind == "exchanged" else f"{kind}_balanced_accuracy"
            figures[f"{name}_{factor:g}"] = _share(rows) if kind == "exchanged" else _balanced(rows)
        every = [(c.supported, p) for (_, c), p in zip(claims, passed, strict=True)]
        figures[f"all_balanced_accuracy_{factor:g}"] = _balanced(every)
    return figures


def _scores(scorer: GroundednessScorer, claims: Sequence[Claim]) -> list[float]:
    found: list[float] = []
    for begin in range(0, len(claims), AT_ONCE):
        found += scorer.score([(c.evidence, c.text) for c in claims[begin : begin + AT_ONCE]])
    return found


def _share(rows: Sequence[tuple[bool, bool]]) -> float:
    return sum(passed for _, passed in rows) / len(rows)


def _balanced(rows: Sequence[tuple[bool, bool]]) -> float:
    right = _share([row for row in rows if row[0]])
    return (right + 1 - _share([row for row in rows if not row[0]])) / 2


if __name__ == "__main__":
    main()
