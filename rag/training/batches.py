"""Batches of similar work in an order that depends on the seed and the epoch alone."""

import random
from collections.abc import Iterator, Sequence

from rag.training.targets import Target

POOL_BATCHES = 40
"""How many batches' worth of targets are sorted together: more saves padding, fewer mixes better."""


def batches(targets: Sequence[Target], batch_tokens: int, seed: int, epoch: int) -> Iterator[list[Target]]:
    """Yield every target once, in batches whose padded encoder input has at most batch_tokens tokens."""
    order = list(range(len(targets)))
    rng = random.Random(f"{seed}/{epoch}")
    rng.shuffle(order)
    mean = sum(targets[i].cost[0] for i in order) / max(1, len(order))
    pool = max(1, int(POOL_BATCHES * batch_tokens / max(1.0, mean)))
    made: list[list[Target]] = []
    for begin in range(0, len(order), pool):
        ready = sorted((targets[i] for i in order[begin : begin + pool]), key=lambda t: t.cost)
        made += _cut(ready, batch_tokens)
    rng.shuffle(made)
    yield from made


def _cut(ordered: Sequence[Target], batch_tokens: int) -> Iterator[list[Target]]:
    batch: list[Target] = []
    longest = windows = 0
    for target in ordered:
        new_longest = max(longest, *(len(w.ids) for w in target.reading.windows))
        new_windows = max(windows, len(target.reading.windows))
        if batch and new_longest * new_windows * (len(batch) + 1) > batch_tokens:
            yield batch
            batch, longest, windows = [], 0, 0
            new_longest = max(len(w.ids) for w in target.reading.windows)
            new_windows = len(target.reading.windows)
        batch.append(target)
        longest, windows = new_longest, new_windows
    if batch:
        yield batch
