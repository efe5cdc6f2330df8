import os
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event, text

from ingest.cuts import ChunkSize
from ingest.errors import JobStoppedError
from ingest.ingest import Journey
from ingest.inputs import Input, Inputs, find_inputs
from ingest.job_run import JobRun
from ingest.jobs import find_or_create, ingest, open_run, retry, this_host
from ingest.limits import Limits
from ingest.options import IngestOptions, JobRequest, parse_request, without_password
from ingest.readers import ReadOptions
from ingest.report import DocumentCounts, Progress
from store import job_documents, jobs
from store.errors import DatabaseFullError, JobTakenError
from store.job_documents import DocumentOutcome, JobDocument
from store.job_types import Job, JobStatus, Wanted
from store.postgres import Database
from store.types import Corpus
from tests.ingest.conftest import FakeEncoder, Ingest, word_tokens
from tests.ingest.readers.samples import pdf

FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$
"""

Open = Callable[..., JobRun]
Retry = Callable[[UUID], DocumentCounts]


@pytest.fixture
def open_job(database: Database, corpus: Corpus, encoder: FakeEncoder) -> Open:
    """Opens a job over these inputs, the unfinished one if there is one."""

    def open_job(*paths: Path, limits: Limits | None = None, **options: object) -> JobRun:
        request = JobRequest(tuple(map(str, paths)), options=IngestOptions(**options))  # type: ignore[arg-type]
        inputs = Inputs([Input(path, 1, 1) for path in paths], ())
        job_id = find_or_create(database, corpus, request, None)
        journey = Journey(corpus, database, embed=encoder, tokens=word_tokens, options=request.options)
        return open_run(database, job_id, inputs, journey=journey, request=request, limits=limits)

    return open_job


def rows(database: Database, job_id: UUID) -> dict[str, JobDocument]:
    """What became of the job's documents, by the last part of their sources."""
    with database.transaction() as session:
        page = job_documents.page(session, job_id, after=None, limit=1_000)
    return {row.source.rpartition("/")[2]: row for row in page}


def the_job(database: Database) -> Job:
    with database.transaction() as session:
        [job] = jobs.page(session, after=None, limit=10)
    return job


def ask(database: Database, job_id: UUID, wanted: Wanted) -> None:
    with database.transaction() as session:
        jobs.ask(session, job_id, wanted)


def write_texts(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Text {number}")


def test_every_source_has_a_row(database: Database, run: Ingest, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Same.")
    (tmp_path / "b.txt").write_text("Same.")
    (tmp_path / "c.jsonl").write_text('{"id": 1, "text": "One."}\n{oops\n')
    (tmp_path / "d.png").write_bytes(b"\x89PNG")
    found = rows(database, run(tmp_path).job_id)
    assert {name: (row.status, row.line, row.chunks) for name, row in found.items()} == {
        "a.txt": (DocumentOutcome.DONE, 0, 1),
        "b.txt": (DocumentOutcome.DUPLICATE, 0, 0),
        "c.jsonl": (DocumentOutcome.FAILED, 2, 0),
        "c.jsonl#1": (DocumentOutcome.DONE, 0, 1),
        "d.png": (DocumentOutcome.SKIPPED, 0, 0),
    }
    assert (found["c.jsonl"].kind, found["c.jsonl"].stage) == ("malformed", "read")


def test_unchanged_documents_have_rows_of_their_own_written_together(
    database: Database, run: Ingest, tmp_path: Path
) -> None:
    write_texts(tmp_path, 5)
    run(tmp_path, batch_characters=1)
    (tmp_path / "2.txt").write_text("Another text")
    written: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        written.extend([statement] if "INSERT INTO job_documents" in statement else [])

    report = run(tmp_path, batch_characters=1)  # a batch for each document
    event.remove(database.engine, "before_cursor_execute", note)
    assert report.documents == DocumentCounts(done=1, unchanged=4)
    found = rows(database, report.job_id)
    assert [found[f"{n}.txt"].status for n in range(5)] == ["unchanged"] * 2 + ["done"] + ["unchanged"] * 2
    assert len(written) == 3  # what is queued, the first three, the others


def test_partly_scanned_document_is_done_with_a_remark(
    database: Database, run: Ingest, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([(72, 700, 10, "Readable.")], [], picture_on=[1]))
    (tmp_path / "b.pdf").write_bytes(pdf([], picture_on=[0]))
    for status in (DocumentOutcome.DONE, DocumentOutcome.UNCHANGED):
        report = run(tmp_path, read=ReadOptions(tesseract="no-such-program"))
        found = rows(database, report.job_id)
        assert (found["a.pdf"].status, found["a.pdf"].kind) == (status, "scanned")
        assert (found["b.pdf"].status, found["b.pdf"].kind) == (DocumentOutcome.FAILED, "scanned")
        assert report.documents.failed == 1
        assert {problem.source.rpartition("/")[2] for problem in report.problems} == {"a.pdf", "b.pdf"}


def test_paused_job_goes_on_where_it_was(
    database: Database, corpus: Corpus, encoder: FakeEncoder, run: Ingest, tmp_path: Path
) -> None:
    write_texts(tmp_path, 6)

    def pause(progress: Progress) -> None:
        if progress.documents == 2:
            ask(database, the_job(database).id, Wanted.PAUSE)

    with pytest.raises(JobStoppedError, match="rag jobs resume"):
        ingest(
            [str(tmp_path)],
            corpus,
            database=database,
            embed=encoder,
            tokens=word_tokens,
            options=IngestOptions(batch_characters=10),
            progress=pause,
        )
    assert the_job(database).status == JobStatus.PAUSED
    assert len(encoder.texts) == 4
    assert run(tmp_path, batch_characters=10).documents == DocumentCounts(done=6)
    assert len(encoder.texts) == 6
    assert the_job(database).status == JobStatus.DONE


def test_cancelled_job_keeps_what_it_stored(database: Database, open_job: Open, tmp_path: Path) -> None:
    write_texts(tmp_path, 4)
    with open_job(*sorted(tmp_path.iterdir()), batch_characters=10) as job:
        for progress in job.steps():
            if progress.documents == 2:
                ask(database, the_job(database).id, Wanted.CANCEL)
    ended = the_job(database)
    assert ended.status == JobStatus.CANCELLED
    assert ended.counts["documents"]["done"] == 4
    assert job.report is None


def test_job_that_waits_for_a_document_is_paused_at_once(
    database: Database, open_job: Open, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with open_job(tmp_path / "a.txt") as job:
        job.patience_s = 0.1
        steps = job.steps()
        next(steps)
        ask(database, the_job(database).id, Wanted.PAUSE)
        assert len(list(steps)) < 30
    assert the_job(database).status == JobStatus.PAUSED


def test_job_has_one_worker(open_job: Open, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    with open_job(tmp_path / "a.txt"), pytest.raises(JobTakenError):
        open_job(tmp_path / "a.txt")


def test_job_that_its_maker_works_on_is_left_alone_by_servers(database: Database, corpus: Corpus) -> None:
    request = JobRequest(("/a",))
    job_id = find_or_create(database, corpus, request, None)
    with database.transaction() as session:
        assert jobs.waiting(session, this_host(), 10) == []
    assert find_or_create(database, corpus, request, None) == job_id


def test_interrupt_pauses_the_job(database: Database, open_job: Open, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    with pytest.raises(KeyboardInterrupt), open_job(tmp_path / "a.txt"):
        raise KeyboardInterrupt
    assert the_job(database).status == JobStatus.PAUSED


def test_document_over_a_limit_is_quarantined_and_not_read_again(
    database: Database, open_job: Open, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text("B")
    paths = (tmp_path / "a.txt", tmp_path / "b.txt")
    with open_job(*paths, limits=Limits(document_s=0.5)) as job:
        assert job.to_end().documents == DocumentCounts(done=1, quarantined=1)
        first = the_job(database).id
    with open_job(*paths) as job:  # without the short limit it would hang
        assert job.to_end().documents == DocumentCounts(unchanged=1, quarantined=1)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").write_text("A")
    assert retry(database, first, quarantined=True) == 1
    assert rows(database, first)["a.txt"].status == DocumentOutcome.QUEUED


def test_rows_of_unchanged_documents_last_until_the_next_job(
    database: Database, run: Ingest, tmp_path: Path
) -> None:
    write_texts(tmp_path, 2)
    first, second, third = (run(tmp_path).job_id for _ in range(3))
    assert [len(rows(database, job_id)) for job_id in (first, second, third)] == [2, 0, 2]
    with database.transaction() as session:
        assert jobs.get(session, second).counts["documents"]["unchanged"] == 2


@pytest.fixture
def retry_failed(
    database: Database, corpus: Corpus, encoder: FakeEncoder
) -> Callable[[UUID], DocumentCounts]:
    """Tries again what failed in a job; returns what became of all its documents."""

    def retry_failed(job_id: UUID) -> DocumentCounts:
        retry(database, job_id, quarantined=False)
        with database.transaction() as session:
            request = parse_request(jobs.get(session, job_id).request)
        journey = Journey(corpus, database, embed=encoder, tokens=word_tokens, options=request.options)
        inputs = find_inputs(request.paths)
        with open_run(database, job_id, inputs, journey=journey, request=request) as job:
            return job.to_end().documents

    return retry_failed


def test_retry_reads_only_what_failed(
    run: Ingest, encoder: FakeEncoder, retry_failed: Retry, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "b.txt").write_bytes(b"Caf\xe9")
    report = run(tmp_path)
    assert report.documents == DocumentCounts(done=1, failed=1)
    (tmp_path / "b.txt").write_text("Cafe")
    (tmp_path / "c.txt").write_text("C")
    assert retry_failed(report.job_id) == DocumentCounts(done=2)
    assert encoder.texts == ["A", "Cafe"]


def test_third_failure_is_quarantine(
    database: Database, run: Ingest, retry_failed: Retry, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(b"Caf\xe9")
    job_id = run(tmp_path).job_id
    assert retry_failed(job_id) == DocumentCounts(failed=1)
    assert retry_failed(job_id) == DocumentCounts(quarantined=1)
    assert rows(database, job_id)["a.txt"].attempts == 3
    assert run(tmp_path).documents == DocumentCounts(quarantined=1)


def test_document_that_breaks_the_encoder_fails_alone(
    database: Database, corpus: Corpus, encoder: FakeEncoder, tmp_path: Path
) -> None:
    write_texts(tmp_path, 3)
    (tmp_path / "1.txt").write_text("poison")

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        if "poison" in texts:
            raise RuntimeError(f"cannot embed {texts}")
        return encoder(texts)

    report = ingest([str(tmp_path)], corpus, database=database, embed=embed, tokens=word_tokens)
    row = rows(database, report.job_id)["1.txt"]
    assert report.documents == DocumentCounts(done=2, failed=1)
    assert (row.status, row.stage, row.kind) == (DocumentOutcome.FAILED, "embed", "internal")
    assert row.trace is not None
    assert "RuntimeError" in row.trace
    assert "poison" not in row.trace + str(row.reason)


def test_full_disk_stops_the_job_which_goes_on_when_there_is_room(
    database: Database, run: Ingest, tmp_path: Path
) -> None:
    write_texts(tmp_path, 3)
    with database.transaction() as session:
        session.execute(text(FULL))
        session.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON chunks EXECUTE FUNCTION full_disk()"))
    with pytest.raises(DatabaseFullError, match="no room left"):
        run(tmp_path)
    assert "no room left" in str(the_job(database).error)
    with database.transaction() as session:
        session.execute(text("DROP TRIGGER full_disk ON chunks"))
        session.execute(text("DROP FUNCTION full_disk"))
    assert run(tmp_path).documents == DocumentCounts(done=3)
    assert the_job(database).status == JobStatus.DONE


def test_broken_encoder_fails_the_job(database: Database, corpus: Corpus, tmp_path: Path) -> None:
    write_texts(tmp_path, 2)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        raise RuntimeError("no such device")

    with pytest.raises(RuntimeError, match="no such device"):
        ingest([str(tmp_path)], corpus, database=database, embed=embed, tokens=word_tokens)
    job = the_job(database)
    assert (job.status, job.error) == (JobStatus.FAILED, "RuntimeError")


def test_changed_document_embeds_only_its_changed_chunks(
    run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    paragraphs = [" ".join(f"p{number}w{word}" for word in range(170)) + "." for number in range(4)]
    (tmp_path / "a.txt").write_text("\n\n".join(paragraphs))
    assert run(tmp_path).chunks == 4
    before = list(encoder.texts)
    changed = [*paragraphs[:2], paragraphs[2].replace("w0 ", "new "), paragraphs[3]]
    (tmp_path / "a.txt").write_text("\n\n".join(changed))
    assert run(tmp_path).chunks == 4
    assert encoder.texts[len(before) :] == [changed[2]]


def test_kept_vectors_are_those_of_their_texts(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    from store import index_log

    paragraphs = [" ".join(f"p{number}w{word}" for word in range(170)) + "." for number in range(3)]
    (tmp_path / "a.txt").write_text("\n\n".join(paragraphs))
    run(tmp_path)
    (tmp_path / "a.txt").write_text("\n\n".join(reversed(paragraphs)))
    run(tmp_path)
    with database.transaction() as session:
        stored = list(index_log.snapshot_rows(session, corpus.id))
    assert sorted(chunk.text for chunk in stored) == sorted(paragraphs)
    for chunk in stored:
        assert np.array_equal(chunk.embedding, encoder([chunk.text])[0].astype(np.float16))


def test_file_that_changed_while_the_job_rested_is_read_again(
    database: Database, open_job: Open, corpus: Corpus, run: Ingest, tmp_path: Path
) -> None:
    write_texts(tmp_path, 2)
    inputs = find_inputs([str(tmp_path)])
    assert len(inputs.found) == 2
    encoder = FakeEncoder()

    def interrupt(progress: Progress) -> None:
        if progress.documents:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(
            [str(tmp_path)],
            corpus,
            database=database,
            embed=encoder,
            tokens=word_tokens,
            options=IngestOptions(batch_characters=1),
            progress=interrupt,
        )
    (tmp_path / "0.txt").write_text("Another text")
    assert run(tmp_path, batch_characters=1).documents == DocumentCounts(done=2)
    assert the_job(database).status == JobStatus.DONE


def test_passwords_stay_out_of_the_request() -> None:
    address = "postgresql://me:swordfish@host/name"
    request = JobRequest((address, "/a:b@c"))
    assert request.to_json()["paths"] == ["postgresql://me:***@host/name", "/a:b@c"]
    assert without_password("pydoc:stdlib") == "pydoc:stdlib"


def test_request_comes_back_from_json() -> None:
    options = IngestOptions(metadata={"year": 2020}, prune=True)
    request = JobRequest(("/a", "pydoc:json"), options=options)
    assert parse_request(request.to_json()) == request
    assert parse_request(request.to_json()).fingerprint == request.fingerprint


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A document of many more chunks than are embedded at once."""
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"Paragraph {n} " + f"word{n} " * 60 for n in range(700)))
    return path


def ingest_book(
    book: Path, corpus: Corpus, database: Database, encoder: FakeEncoder, show: Callable[[Progress], None]
) -> None:
    options = IngestOptions(chunk_size=ChunkSize(64, 100))
    ingest(
        [str(book)],
        corpus,
        database=database,
        embed=encoder,
        tokens=word_tokens,
        options=options,
        progress=show,
    )


def test_a_long_document_tells_how_far_it_is(
    database: Database, corpus: Corpus, encoder: FakeEncoder, book: Path
) -> None:
    told: list[Progress] = []
    ingest_book(book, corpus, database, encoder, told.append)
    done = [state.embedding.done for state in told if state.embedding is not None]
    assert len(done) >= 2 and done == [64 * (n + 1) for n in range(len(done))]
    read = [state.bytes_read for state in told if state.embedding is not None]
    assert read == sorted(read) and 0 < read[0] < read[-1] < told[-1].bytes_read
    assert told[-1].embedding is None and told[-1].documents == 1


def test_a_job_is_paused_in_the_middle_of_a_document(
    database: Database, corpus: Corpus, encoder: FakeEncoder, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.job_run._LOOK_S", 0.0)

    def pause(progress: Progress) -> None:
        if progress.embedding is not None:
            ask(database, the_job(database).id, Wanted.PAUSE)

    with pytest.raises(JobStoppedError):
        ingest_book(book, corpus, database, encoder, pause)
    job = the_job(database)
    assert (job.status, job.counts["documents"]["done"]) == (JobStatus.PAUSED, 0)
    assert 0 < job.bytes_read < job.bytes_total
    assert len(encoder.texts) == 128  # one slice after it was asked
    told: list[Progress] = []
    ingest_book(book, corpus, database, encoder, told.append)
    assert told[-1].documents == 1 and told[-1].bytes_read == told[-1].bytes_total
