import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.clean import sha256
from ingest.errors import EmbeddingError, MissingPathError
from ingest.jobs import ingest, ingest_readings
from ingest.options import IngestOptions
from ingest.readers import ProblemKind, ReadOptions, read
from ingest.report import DocumentCounts, Progress
from store import corpora, documents, jobs
from store.errors import DatabaseUnavailableError
from store.job_types import JobStatus
from store.postgres import Database
from store.types import Chunk, Corpus, Document, DocumentStatus
from tests.ingest.conftest import DIMENSION, FakeEncoder, Ingest, word_tokens


def stored(database: Database, corpus: Corpus) -> dict[str, Document]:
    """The documents of the corpus by the last part of their sources."""
    with database.transaction() as session:
        found = documents.page(session, corpus.id, after=None, limit=10_000)
    return {document.source.rpartition("/")[2]: document for document in found}


def chunks_of(database: Database, document: Document) -> list[Chunk]:
    with database.transaction() as session:
        return documents.chunks_of(session, document.id, document.version)


def write_records(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_new_document_is_stored_with_its_chunks(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    text = "# Guide\n\nFirst read this sentence here.\n\n## Use\n\nThen press the button."
    (tmp_path / "a.md").write_text(text)
    report = run(tmp_path)
    document = stored(database, corpus)["a.md"]
    [chunk] = chunks_of(database, document)
    assert report.documents == DocumentCounts(done=1)
    assert (document.title, document.sha256, document.media_type) == ("Guide", sha256(text), "text/markdown")
    assert (chunk.start, chunk.end, chunk.text, chunk.heading_path) == (0, len(text), text, ("Guide",))
    assert encoder.texts == [f"Guide\n{text}"]


def test_chunks_hold_their_own_vectors(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("word " * (5 - number))
    run(tmp_path)
    with database.transaction() as session:
        rows = [change.chunk for change in _changes(session, corpus)]
    expected = {text: encoder([text])[0].astype(np.float16) for text in list(encoder.texts)}
    assert len(rows) == 5
    for row in rows:
        assert np.array_equal(row.embedding, expected[row.text])


def _changes(session: Any, corpus: Corpus) -> list[Any]:
    from store import index_log

    return list(index_log.read_after(session, corpus.id, 0, 1_000))


def test_second_run_embeds_nothing(run: Ingest, encoder: FakeEncoder, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.")
    run(tmp_path)
    embedded = len(encoder.texts)
    assert run(tmp_path).documents == DocumentCounts(unchanged=1)
    assert len(encoder.texts) == embedded


def test_changed_document_replaces_its_chunks(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Old words.")
    run(tmp_path)
    (tmp_path / "a.txt").write_text("New words.")
    report = run(tmp_path)
    document = stored(database, corpus)["a.txt"]
    assert (report.documents, report.chunks) == (DocumentCounts(done=1), 1)
    assert document.version == 2
    with database.transaction() as session:
        assert documents.text(session, document.id, 1).text == "Old words."
        old, new = (documents.chunks_of(session, document.id, version)[0] for version in (1, 2))
        assert list(documents.chunks_by_id(session, [old.id, new.id])) == [new.id]


def test_metadata_changes_without_embedding(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "a.jsonl", {"id": 1, "text": "One.", "year": 2020})
    run(path)
    write_records(path, {"id": 1, "text": "One.", "year": 2021})
    report = run(path)
    document = stored(database, corpus)["a.jsonl#1"]
    assert report.documents == DocumentCounts(unchanged=1)
    assert (document.metadata, document.version, len(encoder.texts)) == ({"year": 2021}, 1, 1)


def test_new_title_of_a_record_is_embedded_again(run: Ingest, encoder: FakeEncoder, tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.jsonl", {"id": 1, "title": "Old", "text": "One."})
    run(path)
    write_records(path, {"id": 1, "title": "New", "text": "One."})
    assert run(path).documents == DocumentCounts(done=1)
    assert encoder.texts == ["Old\nOne.", "New\nOne."]
    assert run(path).documents == DocumentCounts(unchanged=1)


def test_title_that_is_taken_away_is_embedded_no_more(
    run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "a.jsonl", {"id": 1, "title": "Old", "text": "One."})
    run(path)
    write_records(path, {"id": 1, "text": "One."})
    assert run(path).documents == DocumentCounts(done=1)
    assert encoder.texts == ["Old\nOne.", "One."]
    assert run(path).documents == DocumentCounts(unchanged=1)


def test_equal_texts_are_embedded_once(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Same.")
    (tmp_path / "b.txt").write_text("Same.\r\n")
    first = run(tmp_path)
    (tmp_path / "c.txt").write_text("Same.")
    second = run(tmp_path)
    found = stored(database, corpus)
    assert first.documents == DocumentCounts(done=1, duplicate=1)
    assert second.documents == DocumentCounts(unchanged=2, duplicate=1)
    assert encoder.texts == ["Same."]
    assert [found[name].duplicate_of for name in ("b.txt", "c.txt")] == [found["a.txt"].id] * 2


def test_texts_that_change_places_both_stay_searchable(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("One.")
    (tmp_path / "b.txt").write_text("Two.")
    run(tmp_path)
    (tmp_path / "a.txt").write_text("Two.")
    (tmp_path / "b.txt").write_text("One.")
    run(tmp_path)
    assert [
        [chunk.text for chunk in chunks_of(database, stored(database, corpus)[name])]
        for name in ("a.txt", "b.txt")
    ] == [["Two."], ["One."]]


def test_failures_are_counted_and_the_rest_is_stored(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "text": "One."}\n{oops\n')
    (tmp_path / "b.txt").write_bytes(b"Caf\xe9")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    report = run(tmp_path)
    assert report.documents == DocumentCounts(done=1, failed=2)
    assert report.skipped == 1
    assert report.problem_counts == {
        ProblemKind.MALFORMED: 1,
        ProblemKind.ENCODING: 1,
        ProblemKind.SKIPPED: 1,
    }
    assert list(stored(database, corpus)) == ["a.jsonl#1"]


def test_repeated_ids_lose_no_record(database: Database, corpus: Corpus, run: Ingest, tmp_path: Path) -> None:
    path = write_records(
        tmp_path / "a.jsonl", *({"id": 1, "text": text} for text in ("One.", "Two.", "Three."))
    )
    report = run(path)
    assert report.documents == DocumentCounts(done=3)
    assert report.problem_counts == {ProblemKind.REPEATED: 2}
    assert sorted(stored(database, corpus)) == ["a.jsonl#1", "a.jsonl#1~2", "a.jsonl#1~3"]
    assert run(path, prune=True).documents == DocumentCounts(unchanged=3)


def test_named_file_without_a_reader_fails(run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_bytes(b"\x89PNG")
    assert run(tmp_path / "a.xyz").documents == DocumentCounts(failed=1)


def test_read_options_reach_the_readers(run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"Caf\xe9")
    assert run(tmp_path, read=ReadOptions(encoding="latin-1")).documents == DocumentCounts(done=1)


def test_prune_removes_what_is_gone(database: Database, corpus: Corpus, run: Ingest, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / f"{folder.name}-a.txt").write_text(f"A {folder}")
        (folder / f"{folder.name}-b.txt").write_text(f"B {folder}")
    run(inside, outside)
    (inside / "in-b.txt").unlink()
    (outside / "out-b.txt").unlink()
    assert run(inside).documents == DocumentCounts(unchanged=1)
    assert run(inside, prune=True).documents == DocumentCounts(unchanged=1, removed=1)
    assert sorted(stored(database, corpus)) == ["in-a.txt", "out-a.txt", "out-b.txt"]


def test_prune_spares_what_could_not_be_read(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "a.jsonl", *({"id": number, "text": f"T{number}"} for number in range(3)))
    (tmp_path / "b.txt").write_text("B")
    run(tmp_path)
    path.write_text('{"id": 0, "text": "T0"}\n{broken\n')
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\xff")
    report = run(tmp_path, prune=True)
    assert report.documents == DocumentCounts(unchanged=1, failed=2)
    assert len(stored(database, corpus)) == 4


def test_prune_spares_what_others_stored_meanwhile(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    run(tmp_path)
    (tmp_path / "b.txt").unlink()
    (tmp_path / "c.txt").unlink()

    def store_again(_: Progress) -> None:
        (tmp_path / "c.txt").write_text("New.")
        run(tmp_path / "c.txt")

    report = ingest(
        [str(tmp_path)],
        corpus,
        database=database,
        embed=encoder,
        tokens=word_tokens,
        options=IngestOptions(prune=True),
        progress=store_again,
    )
    assert report.documents == DocumentCounts(unchanged=1, removed=1)
    assert sorted(stored(database, corpus)) == ["a.txt", "c.txt"]


def test_pruned_document_that_comes_back_is_stored_again(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A")
    run(tmp_path)
    path.unlink()
    run(tmp_path, prune=True)
    path.write_text("A")
    assert run(tmp_path, prune=True).documents == DocumentCounts(done=1)
    assert stored(database, corpus)["a.txt"].status == DocumentStatus.CURRENT


def test_pruned_original_hands_over_to_its_duplicate(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("Same.")
    run(tmp_path)
    (tmp_path / "a.txt").unlink()
    run(tmp_path, prune=True)
    document = stored(database, corpus)["b.txt"]
    assert document.status == DocumentStatus.CURRENT
    assert [chunk.text for chunk in chunks_of(database, document)] == ["Same."]


def test_missing_path_stops_before_anything_is_pruned(
    database: Database, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("A")
    run(tmp_path)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(MissingPathError):
        run(tmp_path, tmp_path / "gone", prune=True)
    assert list(stored(database, corpus)) == ["a.txt"]


def test_progress_grows_to_the_total(
    database: Database, corpus: Corpus, encoder: FakeEncoder, tmp_path: Path
) -> None:
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"Text {number}")
    told: list[Progress] = []
    ingest(
        [str(tmp_path)],
        corpus,
        database=database,
        embed=encoder,
        tokens=word_tokens,
        options=IngestOptions(batch_characters=10),
        progress=told.append,
    )
    seen = [state.documents for state in told]  # it also tells while it waits, on a slow machine
    assert seen == sorted(seen) and list(dict.fromkeys(seen)) == [0, 2, 4]
    assert [(state.bytes_read, state.bytes_total) for state in told][-1] == (24, 24)


def test_job_and_report_agree(database: Database, run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    report = run(tmp_path)
    with database.transaction() as session:
        job = jobs.get(session, report.job_id)
    assert (job.status, job.counts) == (JobStatus.DONE, report.to_json())
    assert json.loads(json.dumps(report.to_json()))["documents"]["done"] == 1


def test_upload_is_ingested_from_its_readings(
    database: Database, corpus: Corpus, encoder: FakeEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "tmp"
    path.write_text("Hello.")
    readings = read(path, source="upload:/hello.txt", media_type="text/plain", title="hello")
    report = ingest_readings(readings, corpus, database=database, embed=encoder, tokens=word_tokens)
    assert report.documents == DocumentCounts(done=1)
    assert stored(database, corpus)["hello.txt"].title == "hello"


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [(np.ones((1, 3)), "1 vectors of 8"), (np.full((1, DIMENSION), np.nan), "not finite")],
)
def test_unfit_vectors_stop_the_job(
    database: Database, corpus: Corpus, tmp_path: Path, vectors: NDArray[np.float64], reason: str
) -> None:
    (tmp_path / "a.txt").write_text("A")

    def embed(_texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors.astype(np.float32)

    with pytest.raises(EmbeddingError, match=reason):
        ingest([str(tmp_path)], corpus, database=database, embed=embed, tokens=word_tokens)
    assert stored(database, corpus) == {}


def test_lost_database_keeps_the_batches_before(
    database: Database, databases: Any, corpus: Corpus, encoder: FakeEncoder, tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"Text {number}")
    name = database.url.rpartition("/")[2].partition("?")[0]

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        if len(encoder.texts) == 2:
            databases._execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
            databases._execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )
        return encoder(texts)

    def attempt() -> DocumentCounts:
        options = IngestOptions(batch_characters=1)
        return ingest(
            [str(tmp_path)], corpus, database=database, embed=embed, tokens=word_tokens, options=options
        ).documents

    with pytest.raises(DatabaseUnavailableError):
        attempt()
    databases._execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    assert list(stored(database, corpus)) == ["0.txt", "1.txt"]
    assert attempt() == DocumentCounts(done=3)
    assert len(encoder.texts) == 4  # the third twice: its batch was lost


def test_corpora_do_not_mix(database: Database, corpus: Corpus, run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    run(tmp_path)
    with database.transaction() as session:
        other = corpora.create(session, "other", "fake", "1", DIMENSION)
    report = ingest([str(tmp_path)], other, database=database, embed=FakeEncoder(), tokens=word_tokens)
    assert report.documents == DocumentCounts(done=1)
    assert isinstance(report.job_id, UUID)
