"""Systems that search texts by words and by vectors at once, each put together as its documentation shows it.

One system a process, started by `bench.search_peers` with the Python that has the others installed:

    python -m bench.search_systems NAME FOLDER

The folder holds `texts.jsonl`, their `vectors.npy`, `queries.jsonl` and their `query_vectors.npy`; the other
systems get every embedding from these files and never compute one. The process builds its index, says so, and
asks the queries from one number to another whenever a line with the two comes; it prints their times in ms.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP_K = 10
DIMENSION = 384

Search = Callable[[str], Sequence[Any]]
"""A query to its best ten texts."""


class Prepared:
    """What is in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = [record["text"] for record in _lines(folder / "texts.jsonl")]
        self.queries = [record["text"] for record in _lines(folder / "queries.jsonl")]
        self.vectors: NDArray[np.float32] = np.load(folder / "vectors.npy")
        self._of_query = dict(zip(self.queries, np.load(folder / "query_vectors.npy"), strict=True))

    def embed(self, query: str) -> list[float]:
        """The vector of a query, looked up."""
        vector: list[float] = self._of_query[query].tolist()
        return vector


def main() -> None:
    prepared = Prepared(Path(sys.argv[2]))
    begun = time.perf_counter()
    search = SYSTEMS[sys.argv[1]](prepared)
    print(json.dumps({"build_s": time.perf_counter() - begun}), flush=True)
    for line in sys.stdin:
        first, last = map(int, line.split())
        times, found = [], []
        for query in prepared.queries[first:last]:
            begun = time.perf_counter()
            hits = search(query)
            times.append(1000 * (time.perf_counter() - begun))
            found.append(len(hits))
        print(json.dumps({"times_ms": times, "hits": found}), flush=True)


def groundwork(prepared: Prepared) -> Search:
    """This project as a library, on the data folder `data` with the corpus `bench`; it embeds the queries."""
    from api.build import build
    from api.settings import load_settings
    from api.threads import set_threads
    from rag.search import SearchRequest

    set_threads(None)
    application = build(load_settings(data_dir=prepared.folder / "data"))
    application.open_indexes()
    searcher = application.searcher
    return lambda query: searcher.search(SearchRequest(query, "bench", TOP_K)).hits


def langchain(prepared: Prepared) -> Search:
    """LangChain: an ensemble of its BM25 retriever and FAISS, fused by reciprocal rank."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings

    class LookedUp(Embeddings):  # type: ignore[misc]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise NotImplementedError("the documents come with their vectors")

        def embed_query(self, text: str) -> list[float]:
            return prepared.embed(text)

    pairs = list(zip(prepared.texts, prepared.vectors.tolist(), strict=True))
    store = FAISS.from_embeddings(pairs, LookedUp())
    words = BM25Retriever.from_texts(prepared.texts, k=TOP_K)
    both = EnsembleRetriever(
        retrievers=[words, store.as_retriever(search_kwargs={"k": TOP_K})], weights=[0.5, 0.5]
    )
    return lambda query: list(both.invoke(query))[:TOP_K]


def llama_index(prepared: Prepared) -> Search:
    """LlamaIndex: its BM25 retriever and a FAISS store, fused by reciprocal rank, one query for each."""
    import faiss
    from llama_index.core import Settings, StorageContext, VectorStoreIndex
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.llms.mock import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.schema import TextNode
    from llama_index.retrievers.bm25 import BM25Retriever
    from llama_index.vector_stores.faiss import FaissVectorStore

    class LookedUp(BaseEmbedding):  # type: ignore[misc]
        def _get_query_embedding(self, query: str) -> list[float]:
            return prepared.embed(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return prepared.embed(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            raise NotImplementedError("the nodes come with their vectors")

    Settings.embed_model, Settings.llm = LookedUp(), MockLLM()
    nodes = [
        TextNode(text=text, id_=str(number), embedding=vector)
        for number, (text, vector) in enumerate(zip(prepared.texts, prepared.vectors.tolist(), strict=True))
    ]
    store = FaissVectorStore(faiss_index=faiss.IndexFlatIP(DIMENSION))
    index = VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=store))
    both = QueryFusionRetriever(
        [
            index.as_retriever(similarity_top_k=TOP_K),
            BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=TOP_K),
        ],
        num_queries=1,
        similarity_top_k=TOP_K,
        mode="reciprocal_rerank",
        use_async=False,
    )
    return lambda query: list(both.retrieve(query))


def haystack(prepared: Prepared) -> Search:
    """Haystack: a pipeline of both retrievers of its store in memory and a joiner by reciprocal rank."""
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    store.write_documents([
        Document(id=str(number), content=text, embedding=vector)
        for number, (text, vector) in enumerate(
            zip(prepared.texts, prepared.vectors.tolist(), strict=True)
        )
    ])  # fmt: skip
    pipeline = Pipeline()
    pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=TOP_K))
    pipeline.add_component("vectors", InMemoryEmbeddingRetriever(store, top_k=TOP_K))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=TOP_K))
    pipeline.connect("words", "joiner")
    pipeline.connect("vectors", "joiner")

    def search(query: str) -> Sequence[Any]:
        asked = {"words": {"query": query}, "vectors": {"query_embedding": prepared.embed(query)}}
        found: Sequence[Any] = pipeline.run(asked)["joiner"]["documents"]
        return found

    return search


def txtai(prepared: Prepared) -> Search:
    """Txtai: hybrid embeddings with the texts as content."""
    from txtai import Embeddings

    of_text = dict(zip(prepared.texts, prepared.vectors, strict=True))

    def transform(inputs: Sequence[str]) -> NDArray[np.float32]:
        return np.array(
            [of_text[one] if one in of_text else prepared.embed(one) for one in inputs], np.float32
        )

    embeddings = Embeddings(method="external", transform=transform, hybrid=True, content=True)
    embeddings.index(list(enumerate(prepared.texts)))
    return lambda query: list(embeddings.search(query, TOP_K))


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open() as lines:
        return [json.loads(line) for line in lines]


SYSTEMS: dict[str, Callable[[Prepared], Search]] = {
    "groundwork": groundwork,
    "langchain": langchain,
    "llama-index": llama_index,
    "haystack": haystack,
    "txtai": txtai,
}

if __name__ == "__main__":
    main()
