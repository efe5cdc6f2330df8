"""What an ingestion would do, without doing it: everything is read and compared, nothing is stored."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from ingest.anonymize import Anonymizer
from ingest.batches import Batch, Gatherer
from ingest.clean import sha256
from ingest.compare import is_copy, is_unchanged
from ingest.corpus_settings import CorpusSettings
from ingest.cuts import ChunkSize
from ingest.deduplicate import Text, deduplicate
from ingest.earlier import EarlierTexts
from ingest.ingest import Embed
from ingest.inputs import Inputs, Scope, find_inputs
from ingest.job_rows import is_damaged
from ingest.limits import Limits
from ingest.options import IngestOptions
from ingest.quality import reason_to_refuse
from ingest.reader_process import InputReading
from ingest.readers import RawDocument
from ingest.report import Progress
from ingest.stages import Fresh
from store import documents, jobs, near_duplicates
from store.job_documents import DocumentOutcome
from store.near_duplicates import Candidate
from store.postgres import Database
from store.types import Corpus

_CHARACTERS_PER_TOKEN = 4.4  # of English prose, in MiniLM's tokens
_SAMPLES = 16
_DIMENSION = 384  # of the vectors of a corpus that is not there yet
_ROW_BYTES = 200  # what a chunk takes beside its text and vector


@dataclass(frozen=True)
class Forecast:
    """What would become of documents, and what it would take; the last four are estimates.

    `seconds` goes by the last jobs, or by a short trial of the encoder where there were none. `size_bytes` is
    what database and indexes grow by.
    """

    new: int
    changed: int
    unchanged: int
    duplicate: int
    near_duplicate: int
    failed: int
    removed: int
    refused: int
    skipped: int
    characters: int
    chunks: int
    seconds: float
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Returns the forecast as plain values for JSON."""
        counts = asdict(self)
        estimates = {name: counts.pop(name) for name in ("characters", "chunks", "seconds", "size_bytes")}
        return {"dry_run": True, "documents": counts, **estimates}


def forecast(
    paths: Sequence[str],
    corpus: Corpus | None,
    *,
    database: Database,
    embed: Embed,
    options: IngestOptions | None = None,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | None = None,
    anonymizer: Anonymizer | None = None,
) -> Forecast:
    """Tells what an ingestion would do.

    Near-duplicates are looked for among stored documents and the first 200 million new characters.

    Args:
        paths: what to read; see `ingest.inputs.find_inputs`.
        corpus: where to; None: it would be made.
        database: holds the corpus; only read.
        embed: is tried on a few texts when no earlier job says how fast it is.
        options: None takes the defaults.
        limits: what a single document may take; None takes the defaults.
        progress: is called after every batch.
        anonymizer: replaces personal data first, as it would when the corpus is to be anonymous.

    Raises:
        MissingPathError: a path does not exist.
        UnknownModuleError: a `pydoc:` name is no module.
        DatabaseSourceError: an address of a database cannot be used.
        DatabaseUnavailableError: PostgreSQL went away.
        CorpusSettingsError: A setting of the corpus cannot be used.
    """
    options = options or IngestOptions()
    inputs = find_inputs(paths, options.read.query)
    trial = _Trial(database, corpus, anonymizer)
    begun_at = time.monotonic()
    gatherer = Gatherer(inputs.found, options.batch_characters)
    reading = InputReading(inputs.found, options.read, limits)
    try:
        for one in reading:
            for batch in gatherer.add(one):
                trial.take(batch)
                if progress is not None:
                    seconds = time.monotonic() - begun_at
                    progress(trial.progress(gatherer.bytes_read, inputs.size_bytes, seconds))
        trial.take(gatherer.take())
    finally:
        reading.close()
    removed = trial.would_prune(inputs) if options.prune else 0
    return trial.forecast(removed, embed, options.chunk_size)


class _Trial:
    """Compares what is read with what is stored, and counts."""

    def __init__(self, database: Database, corpus: Corpus | None, anonymizer: Anonymizer | None) -> None:
        self._database = database
        self._corpus = corpus
        self._settings = CorpusSettings.of({} if corpus is None else corpus.settings)
        self._anonymizer = anonymizer if self._settings.anonymize.kinds else None
        self._earlier = EarlierTexts()
        self._counts: Counter[str] = Counter()
        self._lengths: Counter[int] = Counter()  # of texts that would be embedded
        self._samples: list[str] = []
        self._twins: set[int] = set()
        self._seen: set[int] = set()
        self._damage: set[str] = set()

    def take(self, batch: Batch) -> None:
        """Counts what would become of a batch."""
        for row in batch.noted.values():
            if row.status == DocumentOutcome.SKIPPED:
                self._counts["skipped"] += 1
            else:
                self._counts["failed"] += 1
                self._damage.add(row.source.partition("#")[0])
        good = [self._anonymous(document) for document in batch.documents if self._is_good(document)]
        if good:
            with self._database.transaction() as session:
                self._count(session, self._compare(session, good))

    def _is_good(self, document: RawDocument) -> bool:
        """Whether the corpus takes it; a refused one counts as seen, and leaves the corpus."""
        if reason_to_refuse(document.text, self._settings.quality) is None:
            return True
        self._seen.add(hash(document.source))
        self._counts["refused"] += 1
        return False

    def _anonymous(self, document: RawDocument) -> RawDocument:
        return document if self._anonymizer is None else self._anonymizer.document(document).document

    def _compare(self, session: Session, batch: Sequence[RawDocument]) -> list[Fresh]:
        """Counts what is stored already, and returns the others."""
        hashes = [sha256(document.text) for document in batch]
        corpus_id = self._corpus.id if self._corpus is not None else 0
        known = documents.known(session, corpus_id, [document.source for document in batch])
        originals = documents.by_sha256(session, corpus_id, hashes)
        fresh = []
        for document, digest in zip(batch, hashes, strict=True):
            self._seen.add(hash(document.source))
            old = known.get(document.source)
            if is_unchanged(document, digest, old):
                self._counts["unchanged"] += 1
            elif hash(digest) in self._twins or is_copy(originals.get(digest), old):
                self._counts["duplicate"] += 1
            else:
                self._twins.add(hash(digest))
                fresh.append(Fresh(document, digest, old))
        return fresh

    def _count(self, session: Session, fresh: Sequence[Fresh]) -> None:
        """Counts documents by whether they are nearly the same as others; the others would be embedded."""
        near = self._near(session, fresh) if self._settings.near_duplicates.enabled else set()
        for one in fresh:
            if one.sha256 in near:
                self._counts["near_duplicate"] += 1
                continue
            self._counts["new" if one.old is None else "changed"] += 1
            self._lengths[len(one.document.text)] += 1
            if len(self._samples) < _SAMPLES:
                self._samples.append(one.document.text)

    def _near(self, session: Session, fresh: Sequence[Fresh]) -> set[str]:
        """Hashes of the texts that are nearly the same as a stored one, or one before them."""
        corpus_id = self._corpus.id if self._corpus is not None else 0

        def find(bands: Sequence[Sequence[int]]) -> list[Candidate]:
            stored = near_duplicates.find(session, corpus_id, bands) if self._corpus is not None else []
            return [*stored, *self._earlier.find(bands)]

        texts = [
            Text(
                one.document.source, one.document.text, one.sha256, one.old is not None and one.old.kept_apart
            )
            for one in fresh
        ]
        threshold = self._settings.near_duplicates.threshold
        near = set()
        for text, finding in zip(texts, deduplicate(texts, find, threshold, corpus_id), strict=True):
            if finding.near_duplicate_of is None:
                self._earlier.add(text, finding.bands)
            else:
                near.add(text.sha256)
        return near

    def progress(self, bytes_read: int, bytes_total: int, seconds: float) -> Progress:
        """Returns how far the reading is."""
        failed = self._counts["failed"]
        return Progress(self._counts.total() - failed, 0, failed, bytes_read, bytes_total, seconds)

    def would_prune(self, inputs: Inputs) -> int:
        """Returns how many documents pruning would remove."""
        return sum(self._gone(scope) for scope in inputs.scopes)

    def _gone(self, scope: Scope) -> int:
        if self._corpus is None:
            return 0
        with self._database.snapshot() as session:
            return sum(
                hash(found.source) not in self._seen
                and scope.covers(found.source)
                and not is_damaged(found.source, self._damage)
                for found in documents.sources_under(session, self._corpus.id, [scope.prefix])
            )

    def forecast(self, removed: int, embed: Embed, size: ChunkSize) -> Forecast:
        """Returns the counts with the estimates."""
        per_chunk = size.target_tokens * _CHARACTERS_PER_TOKEN
        chunks = sum(times * max(1, round(length / per_chunk)) for length, times in self._lengths.items())
        characters = sum(length * times for length, times in self._lengths.items())
        # The text stands in version, chunk and keyword index; a vector as float16 and as float32.
        dimension = _DIMENSION if self._corpus is None else self._corpus.dimension
        grown = 3 * characters + chunks * (dimension * 6 + _ROW_BYTES)
        return Forecast(
            new=self._counts["new"],
            changed=self._counts["changed"],
            unchanged=self._counts["unchanged"],
            duplicate=self._counts["duplicate"],
            near_duplicate=self._counts["near_duplicate"],
            failed=self._counts["failed"],
            removed=removed,
            refused=self._counts["refused"],
            skipped=self._counts["skipped"],
            characters=characters,
            chunks=chunks,
            seconds=self._seconds(chunks, embed, int(per_chunk)),
            size_bytes=grown,
        )

    def _seconds(self, chunks: int, embed: Embed, per_chunk: int) -> float:
        if not chunks:
            return 0.0
        with self._database.transaction() as session:
            rate = jobs.chunks_per_s(session, None if self._corpus is None else self._corpus.id)
        if rate is None:
            texts = [text[:per_chunk] for text in self._samples]
            embed(texts[:1])  # the first takes the loading
            begun_at = time.monotonic()
            embed(texts)
            rate = len(texts) / max(time.monotonic() - begun_at, 1e-6)
        return round(chunks / rate, 1)
