"""Where the parts are put together: from settings to something that answers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from api.audit import anchor
from api.encoders import SharedEncoder
from api.encryption import check_encryption, master_key
from api.generators import OtherGenerators, load, share
from api.lazy import Lazy
from api.scorers import Scorers
from api.settings import Settings, SettingsError
from api.threads import choose_precision, prepare_torch, set_threads
from store import corpora
from store.errors import DatabaseUnavailableError, StoreError, UnknownCorpusError
from store.postgres import Database, migrate, open_database, pending_migrations
from store.types import Corpus

if TYPE_CHECKING:  # what these import takes seconds, and most commands need none of it
    from api.generators import Loaded, Shared
    from ingest.personal.finding import Recogniser
    from rag.answer import Answerer
    from rag.retriever.rerank import Reranker
    from rag.retriever.retriever import Retriever
    from rag.scoring.answer import AnswerScorer
    from rag.search import Searcher
    from store.figures import IndexState
    from store.index.local import LocalIndexes


logger = logging.getLogger(__name__)


class PendingMigrationsError(StoreError):
    """The database's tables are older than this program."""

    def __init__(self) -> None:
        super().__init__("The database's tables are not up to date. Run `rag migrate` first.")


@dataclass(frozen=True)
class Application:
    """All parts of a running program; the heavy ones are loaded when they are first asked for."""

    settings: Settings
    database: Database
    _encoder: Lazy[SharedEncoder]
    _indexes: "Lazy[LocalIndexes]"
    _generator: "Lazy[Loaded]"
    _shared: "Lazy[Shared]"
    _reranker: "Lazy[Reranker]"
    _retriever: "Lazy[Retriever]"
    _answerer: "Lazy[Answerer]"
    _searcher: "Lazy[Searcher]"
    _names: "Lazy[Recogniser]"
    _scorer: "Lazy[AnswerScorer]"
    others: OtherGenerators
    """Generators besides the one that answers."""

    @property
    def encoder(self) -> SharedEncoder:
        """What embeds texts and questions."""
        return self._encoder.get()

    @property
    def indexes(self) -> "LocalIndexes":
        """The keyword and vector indexes of all corpora."""
        return self._indexes.get()

    @property
    def generator(self) -> "Loaded":
        """What writes answers."""
        return self._generator.get()

    @property
    def reranker(self) -> "Reranker":
        """What orders the best hits again."""
        return self._reranker.get()

    @property
    def retriever(self) -> "Retriever":
        """What finds chunks."""
        return self._retriever.get()

    @property
    def answerer(self) -> "Answerer":
        """What answers questions."""
        return self._answerer.get()

    @property
    def searcher(self) -> "Searcher":
        """What answers searches: finds, reranks, folds and widens."""
        return self._searcher.get()

    @property
    def name_recogniser(self) -> "Recogniser":
        """What finds names of persons.

        Raises:
            SettingsError: The settings name no model.
            NamesModelError: The model cannot be used.
        """
        return self._names.get()

    @property
    def scorer(self) -> "AnswerScorer":
        """What scores answers."""
        return self._scorer.get()

    @property
    def models_loaded(self) -> bool:
        """Whether a question would be answered without loading anything first."""
        return self._answerer.made is not None and self._shared.made is not None

    @property
    def waiting_questions(self) -> int:
        """How many questions wait for the generator."""
        from rag.generator.batcher import Batcher

        return len(self._shared.made) if isinstance(self._shared.made, Batcher) else 0

    def index_states(self) -> "list[IndexState]":
        """How far each index is that is open."""
        return [] if self._indexes.made is None else self._indexes.made.states()

    def index_files(self) -> list[Path]:
        """The files of the indexes that are open."""
        return [] if self._indexes.made is None else self._indexes.made.files()

    def open_indexes(self) -> None:
        """Open the indexes of all corpora, so that no question has to wait for one; what fails is logged.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        with self.database.transaction() as session:
            found = [summary.corpus for summary in corpora.list_all(session)]
        for corpus in found:
            try:
                self.indexes.for_corpus(corpus)
            except DatabaseUnavailableError:
                raise
            except Exception as error:
                # The others are to be opened all the same; a question to this corpus tells what is wrong.
                logger.error("the index of corpus %d cannot be opened: %s", corpus.id, type(error).__name__)

    def load_models(self) -> None:
        """Load all that answering a question needs.

        Raises:
            EncoderFilesError: The encoder's files are missing or damaged.
            CheckpointError: The generator's are.
        """
        self._answerer.get()
        self._shared.get()
        self._scorer.get()

    def corpus_to_fill(self, session: Session, name: str) -> Corpus:
        """The corpus of this name, made now if there is none, for the encoder of the settings.

        A corpus whose encoder has the right name is returned without loading the encoder: `CorpusEncoder`
        compares the rest before it embeds anything.

        Raises:
            EncoderMismatchError: The corpus was embedded by another encoder.
        """
        with suppress(UnknownCorpusError):
            corpus = corpora.get(session, name)
            if corpus.encoder == self.settings.encoder:
                return corpus
        encoder = self.encoder
        return corpora.get_or_create(session, name, encoder.name, encoder.revision, encoder.dimension)

    def refresh_indexes(self) -> None:
        """Bring all indexes that are open up to date with the database.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        if self._indexes.made is not None:
            self._indexes.made.refresh_all()

    def discard_snapshot(self, corpus: Corpus) -> None:
        """Delete the snapshot of a corpus's indexes; the next process that opens them makes them anew."""
        from store.index import snapshots
        from store.index.local_index import LOCK
        from store.index.locks import locked

        directory = index_directory(self.settings) / str(corpus.id)
        if directory.is_dir():
            with locked(directory / LOCK):
                snapshots.discard(directory)

    def close(self) -> None:
        """Finish the answers in work, save what is worth saving and let go of indexes and database."""
        try:
            if self._shared.made is not None:
                self._shared.made.close()
            self.others.close()
            if self._indexes.made is not None:
                self._indexes.made.close()
        finally:
            self.database.close()


def build(
    settings: Settings,
    *,
    encoder: Lazy[SharedEncoder] | None = None,
    generator: "Lazy[Loaded] | None" = None,
    scorer: "Lazy[AnswerScorer] | None" = None,
) -> Application:
    """Connect to the database and make the other parts ready to be loaded.

    `encoder`, `generator` and `scorer` None are those that the settings name.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        SettingsError: The data folder cannot be made.
    """
    prepare_torch()
    url = settings.database_url.get_secret_value() if settings.database_url else None
    master = master_key(settings)
    database = open_database(url, settings.data_dir)
    if master is not None:
        database.seal_with(master)

    def make_indexes() -> "LocalIndexes":
        from store.index.local import ENGINES, LocalIndexes
        from store.index.vectors import VectorSettings

        return LocalIndexes(
            index_directory(settings),
            database,
            engine=ENGINES[settings.keyword_engine],
            vectors=VectorSettings(
                target_recall=settings.vector_recall,
                exact_below=settings.vector_exact_below,
                device=settings.vector_device,
            ),
            refresh_interval_s=settings.refresh_interval_s,
        )

    encoder = encoder or Lazy(lambda: _load_encoder(settings))
    scorers = Scorers(settings, encoder)
    generator = generator or Lazy(lambda: load(settings, settings.generator, scorers.judge))
    scorer = scorer or Lazy(scorers.scorer)
    indexes = Lazy(make_indexes)
    shared = Lazy(lambda: share(generator.get(), settings))

    def make_retriever() -> "Retriever":
        from rag.retriever.retriever import Retriever

        return Retriever(database, indexes.get(), encoder.get())

    def answerer_of(shared: "Lazy[Shared]") -> "Answerer":
        from rag.answer import Answerer
        from rag.query.follow_up import make_standalone
        from rag.query.rewrite import Rewriter
        from rag.retriever.fusion import Fusion

        return Answerer(
            database,
            retriever.get(),
            shared.get,
            Fusion(settings.fusion),
            load_scorer=scorer.get,
            make_standalone=Rewriter(shared.get) if settings.follow_ups == "generator" else make_standalone,
        )

    def make_searcher() -> "Searcher":
        from rag.retriever.fusion import Fusion
        from rag.search import Searcher

        return Searcher(
            database, retriever.get(), reranker.get, Fusion(settings.fusion), settings.rerank_budget_ms
        )

    reranker: Lazy[Reranker] = Lazy(lambda: _load_reranker(settings, shared))
    retriever = Lazy(make_retriever)
    return Application(
        settings=settings,
        database=database,
        _encoder=encoder,
        _indexes=indexes,
        _generator=generator,
        _shared=shared,
        _reranker=reranker,
        _retriever=retriever,
        _answerer=Lazy(lambda: answerer_of(shared)),
        _searcher=Lazy(make_searcher),
        _names=Lazy(lambda: _load_names(settings)),
        _scorer=scorer,
        others=OtherGenerators(settings, answerer_of, scorers.judge),
    )


@contextmanager
def opened(settings: Settings) -> Iterator[Application]:
    """The application, its tables checked, for the time of the block.

    The embedded database belongs to this program alone, so it is migrated where need be; one of your own is
    migrated by `rag migrate` only.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        PendingMigrationsError: Your database's tables are not up to date.
        EncryptionKeyError: The log is encrypted, and the key is missing or is another.
    """
    application = build(settings)
    try:
        if pending_migrations(application.database):
            if settings.database_url is not None:
                raise PendingMigrationsError
            migrate(application.database)
        check_encryption(application.database)
        try:
            yield application
        finally:
            with suppress(DatabaseUnavailableError):
                anchor(application.database, settings)
    finally:
        application.close()


def index_directory(settings: Settings) -> Path:
    """The folder with the snapshots of all indexes."""
    return settings.data_dir / "indexes"


def _load_encoder(settings: Settings) -> SharedEncoder:
    from rag.encoder import Encoder

    set_threads(settings.threads)
    return SharedEncoder(Encoder(settings.encoder, choose_precision(settings.encoder_precision)))


def _load_reranker(settings: Settings, shared: "Lazy[Shared]") -> "Reranker":
    if settings.reranker == "generator":
        return shared.get()
    from rag.retriever.rerank import CrossEncoderReranker

    set_threads(settings.threads)
    return CrossEncoderReranker(Path(settings.reranker))


def _load_names(settings: Settings) -> "Recogniser":
    if settings.names_model is None:
        raise SettingsError(
            "Names are to be anonymised, which needs a model. Set RAG_NAMES_MODEL to the folder of a "
            "transformers model for token classification, or leave the kind 'name' out."
        )
    from ingest.personal.names import name_recogniser

    set_threads(settings.threads)
    return name_recogniser(settings.names_model)
