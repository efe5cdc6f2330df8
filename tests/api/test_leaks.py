"""Nobody is told of what is hidden from them, however they ask, also when rights change between requests.

The generator of these tests copies from every passage that it is given: whatever reaches it comes out. Both
models take no time here, so that ten thousand attempts are a matter of minutes.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from api.build import Application, build
from api.encoders import SharedEncoder
from api.lazy import Lazy
from api.settings import Settings
from rag.scoring.answer import AnswerScorer
from tests.api.conftest import Clients
from tests.api.leaks import Installation, Quoting, World
from tests.api.probing import Prober
from tests.fake_encoder import FakeEncoder


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"encoder": "fake"})


@pytest.fixture
def application(settings: Settings) -> Iterator[Application]:
    """All the real parts but the models."""
    made: Any = FakeEncoder()
    encoder = SharedEncoder(made)
    quoting: Lazy[Any] = Lazy(Quoting)
    scorer = Lazy(lambda: AnswerScorer(None, encoder.encode))
    application = build(settings, encoder=Lazy(lambda: encoder), generator=quoting, scorer=scorer)
    yield application
    application.close()


def probe(prober: Prober, operations: int, changes: float) -> None:
    """Let people try things at random; before some of the operations a right is changed."""
    installation = prober.installation
    choose = installation.world.random
    for number in range(operations):
        if choose.random() < changes:
            installation.change_a_right()
        person = choose.choice(installation.people)
        corpus = choose.choice(sorted(installation.world.corpora))
        prober.attempts[number % len(prober.attempts)](person, corpus)


def test_nothing_hidden_is_told(clients: Clients) -> None:
    world = World(random.Random(5))
    prober = Prober(Installation(clients, world, users=10, corpora=5, documents=6))
    probe(prober, 72, changes=0.0)
    probe(prober, 72, changes=0.3)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_hidden_is_told_in_a_large_installation(clients: Clients, seed: int) -> None:
    world = World(random.Random(seed))
    prober = Prober(Installation(clients, world, users=200, corpora=50, documents=12))
    probe(prober, 1_250, changes=0.0)
    probe(prober, 1_250, changes=0.3)
