"""Nobody is told of what is hidden from them, however they ask, also when rights change between requests."""

import random

import pytest

from tests.api.conftest import Clients
from tests.api.leaks import Installation, Prober, World


def probe(installation: Installation, operations: int, changes: float) -> None:
    """Let people try things at random; before some of the operations a right is changed."""
    choose = installation.world.random
    prober = Prober(installation)
    for number in range(operations):
        if choose.random() < changes:
            installation.change_a_right()
        person = choose.choice(installation.people)
        corpus = choose.choice(sorted(installation.world.corpora))
        prober.attempts[number % len(prober.attempts)](person, corpus)


def test_nothing_hidden_is_told(clients: Clients) -> None:
    world = World(random.Random(5))
    installation = Installation(clients, world, users=10, corpora=5, documents=6)
    probe(installation, 100, changes=0.0)
    probe(installation, 100, changes=0.3)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_nothing_hidden_is_told_in_a_large_installation(clients: Clients) -> None:
    world = World(random.Random(7))
    installation = Installation(clients, world, users=200, corpora=50, documents=12)
    probe(installation, 5_000, changes=0.0)
    probe(installation, 5_000, changes=0.3)
