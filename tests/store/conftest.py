import pytest

from store import corpora
from store.postgres import Database
from store.types import Corpus
from tests.store.samples import DIMENSION


@pytest.fixture
def corpus(database: Database) -> Corpus:
    """A committed, empty corpus."""
    with database.transaction() as session:
        return corpora.create(session, "handbook", "mini", "r1", DIMENSION)


@pytest.fixture
def other_corpus(database: Database) -> Corpus:
    with database.transaction() as session:
        return corpora.create(session, "other", "mini", "r1", DIMENSION)
