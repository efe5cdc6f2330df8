"""Systems that bring a file of texts into a store of vectors, each as its documentation shows it.

One system a process, started by `bench.ingest_peers`: it loads its model, then brings the file into a new
store whenever a line with the word "go" comes, and prints what it did as JSON. All use the same weights. The
pieces of text are of a size that the encoder reads whole; each system cuts them with its own splitter.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from rag.encoder import minilm_directory

QUERY = "What are the symptoms of leukemia?"
DIMENSION = 384

Ingest = Callable[[], int]
"""Brings the file into a new store, asks it `QUERY`, and returns how many pieces it made."""


def main() -> None:
    name, file = sys.argv[1], Path(sys.argv[2])
    with ExitStack() as ending:
        ingest = SYSTEMS[name](file, ending)
        print(json.dumps({"ready": name}), flush=True)
        for _ in sys.stdin:
            begun = time.perf_counter()
            pieces = ingest()
            print(json.dumps({"seconds": time.perf_counter() - begun, "pieces": pieces}), flush=True)


def texts_of(file: Path) -> list[str]:
    """The texts of a JSON Lines file."""
    with file.open() as lines:
        return [json.loads(line)["answer"] for line in lines]


def groundwork(file: Path, ending: ExitStack) -> Ingest:
    """This project: the path of `rag ingest`, with its job, and the search of `rag search`."""
    from api.build import build
    from api.encoders import CorpusEncoder
    from api.settings import load_settings
    from api.threads import set_threads
    from ingest.jobs import ingest
    from ingest.options import IngestOptions
    from ingest.readers import ReadOptions
    from rag.search import SearchRequest
    from store.postgres import migrate

    set_threads(None)
    folder = ending.enter_context(tempfile.TemporaryDirectory(prefix="bench-peers-"))
    application = build(load_settings(data_dir=folder))
    ending.callback(application.close)
    migrate(application.database)
    application.encoder.encode([QUERY])
    numbers = count()

    def bring() -> int:
        name = f"corpus-{next(numbers)}"
        with application.database.transaction() as session:
            corpus = application.corpus_to_fill(session, name)
        encoder = CorpusEncoder(application, corpus)
        options = IngestOptions(
            read=ReadOptions(text_field="answer", id_field="id"), chunk_size=encoder.chunk_size()
        )
        done = ingest(
            [str(file)],
            corpus,
            database=application.database,
            embed=encoder.encode,
            tokens=encoder.token_offsets,
            options=options,
        )
        found = application.searcher.search(SearchRequest(QUERY, name))
        assert found.hits
        return done.chunks

    return bring


def langchain(file: Path, ending: ExitStack) -> Ingest:
    """LangChain: its recommended splitter, Hugging Face embeddings, FAISS."""
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    embeddings = HuggingFaceEmbeddings(model_name=str(minilm_directory()), model_kwargs={"device": "cpu"})
    embeddings.embed_query(QUERY)

    def bring() -> int:
        splitter = RecursiveCharacterTextSplitter(chunk_size=1_000, chunk_overlap=0)
        pieces = splitter.split_documents([Document(page_content=one) for one in texts_of(file)])
        store = FAISS.from_documents(pieces, embeddings)
        assert store.similarity_search(QUERY, k=10)
        return len(pieces)

    return bring


def llama_index(file: Path, ending: ExitStack) -> Ingest:
    """LlamaIndex: its sentence splitter, Hugging Face embeddings, its FAISS store."""
    import faiss
    from llama_index.core import Document, Settings, StorageContext, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.vector_stores.faiss import FaissVectorStore

    Settings.embed_model = HuggingFaceEmbedding(model_name=str(minilm_directory()), device="cpu")
    Settings.llm = None
    Settings.embed_model.get_text_embedding(QUERY)

    def bring() -> int:
        store = FaissVectorStore(faiss_index=faiss.IndexFlatL2(DIMENSION))
        index = VectorStoreIndex.from_documents(
            [Document(text=one) for one in texts_of(file)],
            storage_context=StorageContext.from_defaults(vector_store=store),
            transformations=[SentenceSplitter(chunk_size=200, chunk_overlap=0)],
        )
        assert index.as_retriever(similarity_top_k=10).retrieve(QUERY)
        return len(index.index_struct.nodes_dict)

    return bring


def haystack(file: Path, ending: ExitStack) -> Ingest:
    """Haystack: a pipeline of splitter, embedder and writer into its store in memory."""
    from haystack import Document, Pipeline
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.components.writers import DocumentWriter
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    chosen = {"model": str(minilm_directory()), "device": ComponentDevice.from_str("cpu")}
    asking = SentenceTransformersTextEmbedder(**chosen, progress_bar=False)
    asking.warm_up()
    asking.run(QUERY)

    def bring() -> int:
        store = InMemoryDocumentStore()
        pipeline = Pipeline()
        pipeline.add_component("splitter", DocumentSplitter(split_by="word", split_length=150))
        pipeline.add_component("embedder", SentenceTransformersDocumentEmbedder(**chosen, progress_bar=False))
        pipeline.add_component("writer", DocumentWriter(document_store=store))
        pipeline.connect("splitter", "embedder")
        pipeline.connect("embedder", "writer")
        pipeline.run({"splitter": {"documents": [Document(content=one) for one in texts_of(file)]}})
        vector = asking.run(QUERY)["embedding"]
        assert InMemoryEmbeddingRetriever(store).run(vector)["documents"]
        return int(store.count_documents())

    return bring


def txtai(file: Path, ending: ExitStack) -> Ingest:
    """txtai: its embeddings database with content. It has no splitter that needs no download.

    So it is given pieces that were cut before the clock starts.
    """
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from txtai import Embeddings

    splitter = RecursiveCharacterTextSplitter(chunk_size=1_000, chunk_overlap=0)
    pieces = [piece for one in texts_of(file) for piece in splitter.split_text(one)]
    path = str(minilm_directory())
    embeddings = Embeddings(path=path, content=True, gpu=False)
    embeddings.index(pieces[:10])

    def bring() -> int:
        embeddings.index(pieces)
        assert embeddings.search(QUERY, 10)
        return int(embeddings.count())

    return bring


SYSTEMS: dict[str, Callable[[Path, ExitStack], Ingest]] = {
    "groundwork": groundwork,
    "langchain": langchain,
    "llama_index": llama_index,
    "haystack": haystack,
    "txtai": txtai,
}


if __name__ == "__main__":
    main()
