"""Systems that search texts by words and by vectors at once, each put together as its documentation shows it.

One system a process, started by `bench.search_peers` with the Python that has the others installed:

    python -m bench.search_systems NAME FOLDER

The folder holds `texts.jsonl`, their `vectors.npy`, `queries.jsonl` and their `query_vectors.npy`, and
`encoder`, the folder of the model that made the vectors. Every system gets the vectors of the texts; those of
the queries it makes itself, with that model in its own wrapper (`embed`), or it is given them (`given`): one
index, asked in two ways. The process builds it, says so, and asks the queries from one number to another
whenever a line with the way and the two comes; it prints their times in ms.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.encoder import MINILM, minilm_directory

TOP_K = 10
DIMENSION = 384

Search = Callable[[str], Sequence[Any]]
"""A query to its best ten texts."""


@dataclass(frozen=True)
class Ways:
    """A system that embeds queries itself, and one that is given their vectors."""

    embed: Search
    given: Search


class Prepared:
    """What is in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = [record["text"] for record in _lines(folder / "texts.jsonl")]
        self.queries = [record["text"] for record in _lines(folder / "queries.jsonl")]
        self.vectors: NDArray[np.float32] = np.load(folder / "vectors.npy")
        name = (folder / "encoder").read_text()
        self.model = str(minilm_directory() if name == MINILM else name)
        self.of_query: dict[str, NDArray[np.float32]] = dict(
            zip(self.queries, np.load(folder / "query_vectors.npy"), strict=True)
        )

    def vector(self, query: str) -> NDArray[np.float32]:
        """The vector of a query, looked up."""
        return self.of_query[query]


def main() -> None:
    prepared = Prepared(Path(sys.argv[2]))
    begun = time.perf_counter()
    ways = SYSTEMS[sys.argv[1]](prepared)
    print(json.dumps({"build_s": time.perf_counter() - begun}), flush=True)
    for line in sys.stdin:
        way, first, last = line.split()
        search = ways.embed if way == "embed" else ways.given
        times, found = [], []
        for query in prepared.queries[int(first) : int(last)]:
            begun = time.perf_counter()
            hits = search(query)
            times.append(1000 * (time.perf_counter() - begun))
            found.append(len(hits))
        print(json.dumps({"times_ms": times, "hits": found}), flush=True)


def groundwork(prepared: Prepared) -> Ways:
    """This project as a library, on the data folder `data` with the corpus `bench`."""
    from api.build import build
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.retriever.retriever import Retriever
    from rag.search import Searcher, SearchRequest

    set_threads(None)
    application = build(load_settings(data_dir=prepared.folder / "data"))
    application.open_indexes()
    encoder = application.encoder

    class LookedUp:
        name, revision, dimension = encoder.name, encoder.revision, encoder.dimension

        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            known = all(text in prepared.of_query for text in texts)  # else the spelling was corrected
            return np.stack([prepared.of_query[t] for t in texts]) if known else encoder.encode(texts)

        def begin(self, texts: Sequence[str]) -> Future[NDArray[np.float32]]:
            done: Future[NDArray[np.float32]] = Future()
            done.set_result(self.encode(texts))
            return done

    retriever = Retriever(application.database, application.indexes, LookedUp())
    given = Searcher(application.database, retriever, lambda: application.reranker)
    return Ways(
        lambda query: application.searcher.search(SearchRequest(query, "bench", TOP_K)).hits,
        lambda query: given.search(SearchRequest(query, "bench", TOP_K)).hits,
    )


def langchain(prepared: Prepared) -> Ways:
    """LangChain: an ensemble of its BM25 retriever and FAISS, fused by reciprocal rank."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings
    from langchain_huggingface import HuggingFaceEmbeddings

    class LookedUp(Embeddings):  # type: ignore[misc]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError("the documents come with their vectors")

        def embed_query(self, text: str) -> list[float]:
            vector: list[float] = prepared.vector(text).tolist()
            return vector

    pairs = list(zip(prepared.texts, prepared.vectors.tolist(), strict=True))
    model = HuggingFaceEmbeddings(model_name=prepared.model, model_kwargs={"device": "cpu"})
    store = FAISS.from_embeddings(pairs, model)
    told = FAISS(LookedUp(), store.index, store.docstore, store.index_to_docstore_id)
    words = BM25Retriever.from_texts(prepared.texts, k=TOP_K)

    def search_in(vectors: FAISS) -> Search:
        nearest = vectors.as_retriever(search_kwargs={"k": TOP_K})
        both = EnsembleRetriever(retrievers=[words, nearest], weights=[0.5, 0.5])
        return lambda query: list(both.invoke(query))[:TOP_K]

    return Ways(search_in(store), search_in(told))


def llama_index(prepared: Prepared) -> Ways:
    """LlamaIndex: its BM25 retriever and a FAISS store, fused by reciprocal rank, one query for each."""
    import faiss
    from llama_index.core import Settings, StorageContext, VectorStoreIndex
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms.mock import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.schema import TextNode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.faiss import FaissVectorStore

    class LookedUp(BaseEmbedding):  # type: ignore[misc]
        def _get_query_embedding(self, query: str) -> list[float]:
            vector: list[float] = prepared.vector(query).tolist()
            return vector

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            raise NotImplementedError("the nodes come with their vectors")

    model = HuggingFaceEmbedding(model_name=prepared.model, device="cpu")
    Settings.embed_model, Settings.llm = model, MockLLM()
    nodes = [
        TextNode(text=text, id_=str(number), embedding=vector)
        for number, (text, vector) in enumerate(zip(prepared.texts, prepared.vectors.tolist(), strict=True))
    ]
    store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(DIMENSION))
    index = VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=store))
    words = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=TOP_K)

    def search_by(embedding: BaseEmbedding) -> Search:
        both = QueryFusionRetriever(
            [index.as_retriever(similarity_top_k=TOP_K, embed_model=embedding), words],
            num_queries=1,
            similarity_top_k=TOP_K,
            mode="reciprocal_rerank",
            use_async=False,
        )
        return lambda query: list(both.retrieve(query))

    return Ways(search_by(model), search_by(LookedUp()))


def haystack(prepared: Prepared) -> Ways:
    """Haystack: a pipeline of both retrievers of its store in memory and a joiner by reciprocal rank."""
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersTextEmbedder,
    )

    store = InMemoryDocumentStore()
    store.write_documents([
        Document(id=str(number), content=text, embedding=vector)
        for number, (text, vector) in enumerate(
            zip(prepared.texts, prepared.vectors.tolist(), strict=True)
        )
    ])  # fmt: skip

    def pipeline() -> Pipeline:
        made = Pipeline()
        made.add_component("words", InMemoryBM25Retriever(store, top_k=TOP_K))
        made.add_component("vectors", InMemoryEmbeddingRetriever(store, top_k=TOP_K))
        made.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=TOP_K))
        made.connect("words", "joiner")
        made.connect("vectors", "joiner")
        return made

    told, own = pipeline(), pipeline()
    cpu = ComponentDevice.from_str("cpu")
    model = SentenceTransformersTextEmbedder(model=prepared.model, device=cpu, progress_bar=False)
    own.add_component("model", model)
    own.connect("model.embedding", "vectors.query_embedding")
    own.warm_up()

    def search(pipeline: Pipeline, query: str, more: dict[str, Any]) -> Sequence[Any]:
        found: Sequence[Any] = pipeline.run({"words": {"query": query}, **more})["joiner"]["documents"]
        return found

    return Ways(
        lambda query: search(own, query, {"model": {"text": query}}),
        lambda query: search(told, query, {"vectors": {"query_embedding": prepared.vector(query).tolist()}}),
    )


def txtai(prepared: Prepared) -> Ways:
    """Txtai: hybrid embeddings with the texts as content."""
    from txtai import Embeddings

    of_text = dict(zip(prepared.texts, prepared.vectors, strict=True))

    def transform(inputs: Sequence[str]) -> NDArray[np.float32]:
        known = (of_text[one] if one in of_text else prepared.vector(one) for one in inputs)
        return np.array(list(known), np.float32)

    told = Embeddings(method="external", transform=transform, hybrid=True, content=True)
    told.index(list(enumerate(prepared.texts)))
    own = Embeddings()
    with tempfile.TemporaryDirectory(prefix="bench-txtai-") as folder:
        told.save(folder)
        own.load(folder, config={"method": None, "transform": None, "path": prepared.model, "gpu": False})
    return Ways(lambda query: list(own.search(query, TOP_K)), lambda query: list(told.search(query, TOP_K)))


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open() as lines:
        return [json.loads(line) for line in lines]


SYSTEMS: dict[str, Callable[[Prepared], Ways]] = {
    "groundwork": groundwork,
    "langchain": langchain,
    "llama-index": llama_index,
    "haystack": haystack,
    "txtai": txtai,
}

if __name__ == "__main__":
    main()
