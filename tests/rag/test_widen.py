from dataclasses import replace

from rag.retriever.hits import Hit
from rag.retriever.widen import Expand, widen
from store import corpora, documents
from store.places import Place
from store.postgres import Database
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document

TEXT = "owls hunt at night\nthe fox hunts hens\nelk live in the north\nhens lay eggs"


def test_a_widened_text_has_the_places_of_all_its_chunks(database: Database) -> None:
    encoder = FakeEncoder()
    chunks = [
        replace(chunk, places=(Place(chunk.start, {"page": page}),))
        for page, chunk in enumerate(encoder.chunks_of(TEXT), start=1)
    ]
    with database.transaction() as session:
        corpus = corpora.create(session, "zoo", encoder.name, encoder.revision, encoder.dimension)
        document = documents.put(session, corpus.id, new_document("zoo", TEXT), chunks)
        fox = documents.chunks_of(session, document.id, 1)[1]
    pages = {}
    for expand in Expand:
        [wide] = widen(database, [Hit(fox, 1.0, 1.0, 1.0)], expand).hits
        pages[expand] = [place.facts["page"] for place in wide.chunk.places]
    assert pages == {Expand.NONE: [2], Expand.NEIGHBOURS: [1, 2, 3], Expand.SECTION: [1, 2, 3, 4]}
