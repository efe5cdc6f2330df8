from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy.orm import Session

from store import documents, index_log
from store.postgres import Database
from store.types import Corpus
from tests.store.samples import chunks_of, new_document, with_chunks


def test_position_is_zero_before_any_change(session: Session, corpus: Corpus) -> None:
    assert index_log.position(session, corpus.id) == 0
    assert index_log.read_after(session, corpus.id, 0, 10) == []


def test_added_chunks_are_read_with_all_that_an_index_needs(session: Session, corpus: Corpus) -> None:
    documents.put(session, corpus.id, new_document("a", "one\nthree"), chunks_of("one\nthree"))
    first, second = index_log.read_after(session, corpus.id, 0, 10)
    assert first.chunk is not None
    assert second.chunk is not None
    assert (first.chunk.id, first.chunk.text, first.chunk.heading_path) == (
        first.chunk_id,
        "one",
        ("Heading",),
    )
    assert second.chunk.embedding.tolist() == [5, 5, 5, 5]
    assert index_log.position(session, corpus.id) == second.sequence


def test_log_is_read_in_steps(session: Session, corpus: Corpus) -> None:
    documents.put(session, corpus.id, new_document("a", "one\ntwo"), chunks_of("one\ntwo"))
    (first,) = index_log.read_after(session, corpus.id, 0, 1)
    (second,) = index_log.read_after(session, corpus.id, first.sequence, 1)
    assert index_log.read_after(session, corpus.id, second.sequence, 1) == []
    assert second.chunk_id > first.chunk_id


def test_chunk_that_left_reads_as_gone(session: Session, corpus: Corpus) -> None:
    put = documents.put(session, corpus.id, new_document("a", "one"), chunks_of("one"))
    entered = index_log.position(session, corpus.id)
    documents.remove(session, corpus.id, [put.id])
    (change,) = index_log.read_after(session, corpus.id, entered, 10)
    assert change.chunk is None
    assert [change.chunk for change in index_log.read_after(session, corpus.id, 0, 10)] == [None, None]


def test_corpora_have_logs_of_their_own(session: Session, corpus: Corpus, other_corpus: Corpus) -> None:
    documents.put(session, corpus.id, new_document("a", "one"), chunks_of("one"))
    assert index_log.read_after(session, other_corpus.id, 0, 10) == []
    assert index_log.count_searchable(session, corpus.id) == 1
    assert index_log.count_searchable(session, other_corpus.id) == 0


def test_snapshot_holds_exactly_the_chunks_of_its_position(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        documents.put(session, corpus.id, new_document("a", "before"), chunks_of("before"))
    with database.snapshot() as snapshot:
        position = index_log.position(snapshot, corpus.id)
        with database.transaction() as session:
            documents.put(session, corpus.id, new_document("b", "after"), chunks_of("after"))
        assert [chunk.text for chunk in index_log.snapshot_rows(snapshot, corpus.id)] == ["before"]
    with database.transaction() as session:
        (change,) = index_log.read_after(session, corpus.id, position, 10)
    assert change.chunk is not None
    assert change.chunk.text == "after"


def test_tailer_misses_nothing_of_concurrent_writers(database: Database, corpus: Corpus) -> None:
    begin, written = Barrier(3), Event()

    def write(writer: int) -> None:
        begin.wait()
        for number in range(25):
            with database.transaction() as session:
                items = [
                    with_chunks(f"{writer}/{number}/{item}", f"{writer} {number} {item}") for item in "abc"
                ]
                documents.put_many(session, corpus.id, items)

    def tail() -> list[str]:
        last, seen = 0, []
        begin.wait()
        while True:
            last_round = written.is_set()
            with database.transaction() as session:
                changes = index_log.read_after(session, corpus.id, last, 7)
            seen += [change.chunk.text for change in changes if change.chunk]
            last = changes[-1].sequence if changes else last
            if last_round and not changes:
                return seen

    with ThreadPoolExecutor(3) as pool:
        tailer = pool.submit(tail)
        for writer in [pool.submit(write, number) for number in range(2)]:
            writer.result()
        written.set()
        seen = tailer.result()
    assert len(seen) == len(set(seen)) == 2 * 25 * 3


def test_late_commit_holds_back_later_writers_of_the_corpus(database: Database, corpus: Corpus) -> None:
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as slow:
            documents.put(slow, corpus.id, new_document("slow", "slow"), chunks_of("slow"))
            fast = pool.submit(put_alone, database, corpus, "fast")
            with pytest.raises(TimeoutError):
                fast.result(timeout=0.3)
        fast.result(timeout=60)
    with database.transaction() as session:
        changes = index_log.read_after(session, corpus.id, 0, 10)
    assert [change.chunk.text for change in changes if change.chunk] == ["slow", "fast"]


def test_writers_of_other_corpora_do_not_wait(
    database: Database, corpus: Corpus, other_corpus: Corpus
) -> None:
    with database.transaction() as slow, ThreadPoolExecutor(1) as pool:
        documents.put(slow, corpus.id, new_document("slow", "slow"), chunks_of("slow"))
        pool.submit(put_alone, database, other_corpus, "fast").result(timeout=60)


def put_alone(database: Database, corpus: Corpus, text: str) -> None:
    with database.transaction() as session:
        documents.put(session, corpus.id, new_document(text, text), chunks_of(text))
