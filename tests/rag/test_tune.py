from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rag.errors import DataError
from rag.evaluation.judgements import JudgedQuery, reviewed_queries
from rag.generator.passages import Passage
from rag.retriever.fusion import Fusion
from rag.retriever.retriever import Retriever
from rag.retriever.settings import settings_of, to_json
from rag.retriever.tune import tune
from store import conversations, corpora, corrections, documents
from store.corrections import NewSpan
from store.index.local import LocalIndexes
from store.postgres import Database
from store.types import Corpus
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document
from tests.store.test_conversations import new_response

ANIMALS = ["owl", "fox", "hen", "elk", "bear", "wolf", "seal", "hare", "toad", "carp", "swan", "mole"]


class Misleading(FakeEncoder):
    """Vectors that know only the first letter of a text, and get most queries wrong."""

    def encode(self, texts: Sequence[str]):
        return super().encode([text.strip()[-1:] for text in texts])


class Knows:
    """A reranker that finds relevant what has the query's word."""

    name = "knows"

    def relevance(self, question: str, passages: Sequence[Passage]) -> list[float]:
        return [float(question in p.text) for p in passages]


@pytest.fixture
def corpus(database: Database) -> Corpus:
    encoder = Misleading()
    with database.transaction() as session:
        corpus = corpora.create(session, "zoo", encoder.name, encoder.revision, encoder.dimension)
        for number, animal in enumerate(ANIMALS):
            text = f"the {animal} lives here {'and there ' * number}z"
            source = f"file:///zoo.jsonl#{animal}%20{number}"
            documents.put(session, corpus.id, new_document(source, text), encoder.chunks_of(text))
    return corpus


@pytest.fixture
def retriever(database: Database, tmp_path: Path) -> Iterator[Retriever]:
    indexes = LocalIndexes(tmp_path / "indexes", database)
    yield Retriever(database, indexes, Misleading())
    indexes.close()


def judged() -> list[JudgedQuery]:
    return [JudgedQuery(str(n), animal, {f"{animal} {n}": 1.0}) for n, animal in enumerate(ANIMALS)]


def test_weights_are_learned_kept_and_used(database: Database, corpus: Corpus, retriever: Retriever) -> None:
    told: list[tuple[str, int, int]] = []
    settings = tune(
        database, retriever, corpus, judged(), reranker=Knows(), progress=lambda *how: told.append(how)
    )
    assert settings.fusion == Fusion.WEIGHTED
    assert settings.learned is not None and settings.learned["queries"] == 12
    assert settings.learned["rerank_weight"]["reranker"] == "knows"
    assert told[-1] == ("queries reranked", 12, 12)
    with database.transaction() as session:
        chosen = corpora.change_settings(session, "zoo", "retrieval", to_json(settings))
    assert settings_of(chosen, Fusion.RRF) == settings


def test_weights_are_learned_from_what_reviewers_marked(
    database: Database, corpus: Corpus, retriever: Retriever
) -> None:
    with database.transaction() as session:
        for document in documents.export(session, corpus.id):
            animal = document.source.partition("#")[2].partition("%")[0]
            said = new_response(session, corpus, question=f"where is the {animal}?", body={"query": animal})
            response_id = conversations.record_response(session, said)
            span = NewSpan(document.document_id, 1, 0, 7)
            corrections.record(session, response_id, "rita", "Here.", spans=[span])
    reviewed = reviewed_queries(database, corpus)
    assert sorted(query.text for query in reviewed) == sorted(ANIMALS)
    learned, told = (tune(database, retriever, corpus, queries) for queries in (reviewed, judged()))
    assert learned == told  # the marks say the same as the file would
    assert learned.learned is not None and learned.learned["queries"] == 12


def test_judgements_of_another_corpus_are_refused(
    database: Database, corpus: Corpus, retriever: Retriever
) -> None:
    strange = [JudgedQuery(str(n), "owl", {"nowhere": 1.0}) for n in range(12)]
    with pytest.raises(DataError, match="no judged document, such as 'nowhere', was found in corpus 'zoo'"):
        tune(database, retriever, corpus, strange)
