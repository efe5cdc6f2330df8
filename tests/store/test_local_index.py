import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from store import corpora, documents, index_log
from store.errors import DatabaseUnavailableError, StoppingError
from store.index import snapshots
from store.index.local import LocalIndex, LocalIndexes
from store.index.query import parse
from store.index.rank_bm25_index import RankBM25Index
from store.index.tantivy_index import TantivyIndex
from store.index.vectors import VectorSettings
from store.postgres import Database
from store.types import Corpus
from tests.fake_encoder import FakeEncoder
from tests.store.samples import new_document

ENCODER = FakeEncoder(dimension=32)


@pytest.fixture
def corpus(database: Database) -> Corpus:
    with database.transaction() as session:
        return corpora.create(session, "animals", ENCODER.name, ENCODER.revision, ENCODER.dimension)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "indexes" / "1"


Opener = Callable[..., LocalIndex]


@pytest.fixture
def opened(database: Database, corpus: Corpus, directory: Path) -> Iterator[Opener]:
    """Opens the corpus's index, again and again if need be; closes all at the end."""
    indexes = []

    def opened(**options: Any) -> LocalIndex:
        index = LocalIndex(directory, corpus, database, **options)
        indexes.append(index)
        return index

    yield opened
    for index in indexes:
        index.close()


def put(database: Database, corpus: Corpus, source: str, lines: str) -> None:
    with database.transaction() as session:
        documents.put(session, corpus.id, new_document(source, lines), ENCODER.chunks_of(lines, ("Zoo",)))


def remove(database: Database, corpus: Corpus, source: str) -> None:
    with database.transaction() as session:
        found = documents.known(session, corpus.id, [source])
        documents.remove(session, corpus.id, [found[source].id])


def texts(database: Database, ids: np.ndarray) -> list[str]:
    with database.transaction() as session:
        chunks = documents.chunks_by_id(session, ids.tolist())
    return [chunks[i].text for i in ids.tolist()]


def by_keyword(database: Database, index: LocalIndex, query: str) -> list[str]:
    return texts(database, index.search_keywords(query, 10).ids)


def nearest(database: Database, index: LocalIndex, query: str) -> str:
    return texts(database, index.search_vectors(ENCODER.encode([query])[0], 1).ids)[0]


def test_an_index_over_existing_documents_finds_them(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "a", "the owl\nthe fox")
    index = opened()
    assert by_keyword(database, index, "fox") == ["the fox"]
    assert nearest(database, index, "Zoo the owl") == "the owl"
    assert len(index) == 2


def test_headings_are_searched_too(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "a", "the owl")
    assert by_keyword(database, opened(), "zoo") == ["the owl"]


def test_refresh_takes_over_added_replaced_and_removed_documents(
    database: Database, corpus: Corpus, opened: Opener
):
    index = opened()
    put(database, corpus, "a", "the owl")
    put(database, corpus, "b", "the fox")
    index.refresh()
    assert by_keyword(database, index, "owl fox") == ["the owl", "the fox"]
    put(database, corpus, "a", "an elk")
    remove(database, corpus, "b")
    index.refresh()
    assert by_keyword(database, index, "owl fox elk") == ["an elk"]
    assert nearest(database, index, "the owl") == "an elk"
    assert len(index) == 1


def test_a_document_that_came_and_went_between_refreshes_leaves_nothing(
    database: Database, corpus: Corpus, opened: Opener
):
    index = opened()
    put(database, corpus, "a", "the owl")
    remove(database, corpus, "a")
    index.refresh()
    assert len(index) == len(index.search_keywords("owl", 5)) == 0
    with database.transaction() as session:
        assert index.position == index_log.position(session, corpus.id) > 0


def test_a_search_looks_for_changes_once_per_interval(database: Database, corpus: Corpus, opened: Opener):
    now = 100.0
    index = opened(refresh_interval_s=5.0, clock=lambda: now)
    put(database, corpus, "a", "the owl")
    now = 104.9
    assert by_keyword(database, index, "owl") == []
    now = 105.0
    assert by_keyword(database, index, "owl") == ["the owl"]


def test_a_filter_reaches_both_indexes(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "a", "\n".join(f"owl {i}" for i in range(40)))
    index = opened()
    allowed = index.search_keywords("owl", 40).ids[-5:]
    assert sorted(index.search_keywords("owl", 5, allowed).ids) == sorted(allowed)
    assert sorted(index.search_vectors(ENCODER.encode(["owl"])[0], 5, allowed).ids) == sorted(allowed)


def test_other_corpora_are_not_found(database: Database, corpus: Corpus, opened: Opener):
    with database.transaction() as session:
        other = corpora.create(session, "other", ENCODER.name, ENCODER.revision, ENCODER.dimension)
    index = opened()
    put(database, other, "a", "the owl")
    index.refresh()
    assert len(index) == 0


def forbid_rebuilding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("the index was rebuilt")

    monkeypatch.setattr(index_log, "snapshot_rows", fail)


def test_a_snapshot_is_loaded_and_gives_the_same_answer(
    database: Database, corpus: Corpus, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl\nowl and fox\nan elk")
    index = opened()
    index.save()
    forbid_rebuilding(monkeypatch)
    again = opened()
    elk = ENCODER.encode(["elk"])[0]
    pairs = [
        (again.search_keywords("owl fox", 5), index.search_keywords("owl fox", 5)),
        (again.search_vectors(elk, 3), index.search_vectors(elk, 3)),
    ]
    for found, expected in pairs:
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.scores.tolist() == expected.scores.tolist()
    assert again.position == index.position


def test_changes_since_the_snapshot_are_replayed(
    database: Database, corpus: Corpus, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl")
    put(database, corpus, "b", "the fox")
    opened().save()
    remove(database, corpus, "a")
    put(database, corpus, "b", "the elk")
    forbid_rebuilding(monkeypatch)
    assert by_keyword(database, opened(), "owl fox elk") == ["the elk"]


def snapshot_file(directory: Path, name: str) -> Path:
    return next(directory.glob(f"snapshot-*/{name}"))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()  # it may share its content with a copy in use
    path.write_bytes(content)


def edit_manifest(directory: Path, old: str, new: str) -> None:
    path = directory / "manifest.json"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def set_in_manifest(directory: Path, **fields: Any) -> None:
    path = directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "vectors": lambda directory: flip_a_byte(snapshot_file(directory, "vectors/recent.faiss")),
    "terms": lambda directory: flip_a_byte(snapshot_file(directory, "keywords/*.term")),
    "missing file": lambda directory: snapshot_file(directory, "keywords/*.fieldnorm").unlink(),
    "added file": lambda directory: (
        snapshot_file(directory, "vectors/recent.faiss").with_name("x").write_text("")
    ),
    "cut manifest": lambda directory: os.truncate(directory / "manifest.json", 100),
    "empty manifest": lambda directory: os.truncate(directory / "manifest.json", 0),
    "no object": lambda directory: (directory / "manifest.json").write_text("[1]"),
    "unknown field": lambda directory: edit_manifest(directory, '"position"', '"place"'),
    "format": lambda directory: edit_manifest(directory, '"format_version": 2', '"format_version": 1'),
    "analysis": lambda directory: edit_manifest(directory, '"analysis_version": 3', '"analysis_version": 2'),
    "engine": lambda directory: edit_manifest(directory, '"tantivy ', '"tantivy 0.'),
    "language": lambda directory: edit_manifest(directory, '"language": "english"', '"language": "dutch"'),
    "encoder": lambda directory: edit_manifest(directory, '"encoder": "fake"', '"encoder": "real"'),
    "revision": lambda directory: edit_manifest(directory, '"r1"', '"r2"'),
    "database": lambda directory: edit_manifest(directory, '_at": "2', '_at": "1'),
    "position": lambda directory: edit_manifest(directory, '"position": ', '"position": 9'),
    "position of a wrong type": lambda directory: set_in_manifest(directory, position="x"),
    "folder of a wrong type": lambda directory: set_in_manifest(directory, folder=5),
    "vectors of a wrong type": lambda directory: set_in_manifest(directory, vectors="exact"),
    "files of a wrong type": lambda directory: set_in_manifest(directory, files=[]),
    "contents of a wrong type": lambda directory: set_in_manifest(directory, contents=5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_snapshot_that_cannot_be_trusted_is_rebuilt(
    *,
    damage: str,
    database: Database,
    corpus: Corpus,
    directory: Path,
    opened: Opener,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    put(database, corpus, "a", "the owl\nthe fox")
    opened().save()
    DAMAGES[damage](directory)
    rebuilt = opened()
    assert by_keyword(database, rebuilt, "fox") == ["the fox"]
    assert nearest(database, rebuilt, "Zoo the owl") == "the owl"
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert re.fullmatch("index snapshot .* is set aside: .*; building it again from PostgreSQL", warnings[0])
    forbid_rebuilding(monkeypatch)  # the damaged snapshot was replaced by a sound one
    assert len(opened()) == 2


def test_a_snapshot_that_holds_other_chunks_than_the_database_is_rebuilt(
    database: Database, corpus: Corpus, opened: Opener
):
    put(database, corpus, "a", "the owl\nthe fox")
    opened().save()
    with database.connection() as connection:
        connection.execute(text("UPDATE chunks SET searchable = false WHERE text = 'the owl'"))
    index = opened()
    assert len(index) == 1
    assert by_keyword(database, index, "owl fox") == ["the fox"]


def damage_unnoticed(path: Path) -> None:
    """Change a byte as a failing disk does: nothing but reading the file tells."""
    found = path.stat()
    with path.open("r+b") as file:
        file.seek(found.st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_a_large_snapshot_is_served_before_all_of_it_is_read(
    database: Database, corpus: Corpus, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl\nthe fox")
    opened().save()
    monkeypatch.setattr(snapshots, "CHECKED_AT_ONCE_BYTES", 0)
    forbid_rebuilding(monkeypatch)
    monkeypatch.setattr(snapshots, "sha256_of_files", lambda _: pytest.fail("all of it was read"))
    index = opened()
    assert by_keyword(database, index, "fox") == ["the fox"]
    index._check.wait()
    assert index._check.is_sound
    index.refresh()


def test_damage_that_is_found_while_a_large_snapshot_is_served_has_it_rebuilt(
    *,
    database: Database,
    corpus: Corpus,
    directory: Path,
    opened: Opener,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    put(database, corpus, "a", "the owl\nthe fox")
    opened().save()
    damage_unnoticed(snapshot_file(directory, "vectors/recent.faiss"))
    monkeypatch.setattr(snapshots, "CHECKED_AT_ONCE_BYTES", 0)
    index = opened()
    index._check.wait()
    index.refresh()
    assert "the SHA-256 of vectors/recent.faiss is not that of the manifest; building it again" in caplog.text
    assert nearest(database, index, "Zoo the owl") == "the owl"
    monkeypatch.setattr(snapshots, "CHECKED_AT_ONCE_BYTES", 1 << 30)
    forbid_rebuilding(monkeypatch)  # the damaged snapshot was replaced by a sound one
    assert len(opened()) == 2


def test_what_changed_while_a_snapshot_is_read_is_not_saved_over_it_unread(
    database: Database, corpus: Corpus, directory: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl")
    opened().save()
    before = (directory / "manifest.json").read_bytes()
    monkeypatch.setattr(snapshots, "CHECKED_AT_ONCE_BYTES", 0)
    monkeypatch.setattr("store.index.checking.Check._digest", lambda *_: None)  # as if it were stopped
    index = opened()
    put(database, corpus, "b", "\n".join(f"fox {n}" for n in range(300)))
    index.refresh()
    index.close()
    assert len(index) == 301
    assert (directory / "manifest.json").read_bytes() == before


def test_a_snapshot_without_stamps_is_read_once_and_known_again_then(
    database: Database, corpus: Corpus, directory: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl")
    opened().save()
    set_in_manifest(directory, stamps={})
    monkeypatch.setattr(snapshots, "CHECKED_AT_ONCE_BYTES", 0)
    opened()
    monkeypatch.setattr(snapshots, "sha256_of_files", lambda _: pytest.fail("it was read once more"))
    assert len(opened()) == 1


def test_opening_before_there_is_a_snapshot_warns_of_nothing(
    database: Database, corpus: Corpus, opened: Opener, caplog: pytest.LogCaptureFixture
):
    put(database, corpus, "a", "the owl")
    opened()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_another_engine_rebuilds_and_answers(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "a", "the owl\nthe fox\nthe elk")
    opened(engine=TantivyIndex).save()
    assert by_keyword(database, opened(engine=RankBM25Index), "owl") == ["the owl"]
    assert by_keyword(database, opened(engine=RankBM25Index), "owl") == ["the owl"]


def test_a_failing_save_leaves_the_last_snapshot(
    database: Database, corpus: Corpus, directory: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl")
    index = opened()
    before = (directory / "manifest.json").read_text()
    put(database, corpus, "b", "the fox")
    index.refresh()
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "sync_files", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            index.save()
    assert (directory / "manifest.json").read_text() == before
    assert len(list(directory.glob("snapshot-*"))) == 1
    index.save()
    forbid_rebuilding(monkeypatch)
    assert by_keyword(database, opened(), "fox") == ["the fox"]


KILLED_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
from store import corpora
from store.index import snapshots
from store.index.local import LocalIndex
from store.postgres import open_database

database = open_database(sys.argv[1], Path())
with database.transaction() as session:
    corpus = corpora.get(session, "animals")
index = LocalIndex(Path(sys.argv[2]), corpus, database)
snapshots.replace_file = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
index.save()
"""


def test_a_process_killed_while_saving_leaves_the_last_snapshot_and_no_litter(
    database: Database, corpus: Corpus, directory: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    put(database, corpus, "a", "the owl")
    opened().close()
    put(database, corpus, "b", "the fox")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SAVING, database.url, str(directory)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(directory.glob("snapshot-*"))) == 2
    assert len(list(directory.glob("working-*"))) == 1
    with monkeypatch.context() as patch:
        forbid_rebuilding(patch)
        index = opened()
    assert by_keyword(database, index, "owl fox") == ["the owl", "the fox"]
    index.save()
    assert len(list(directory.glob("snapshot-*"))) == len(list(directory.glob("working-*"))) == 1


def test_two_indexes_on_one_directory_do_not_disturb_each_other(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    put(database, corpus, "a", "the owl")
    first, second = opened(), opened()
    put(database, corpus, "b", "the fox")
    first.refresh()
    first.save()
    assert len(second) == 1
    written = (directory / "manifest.json").read_text()
    second.save()  # is behind the snapshot
    assert (directory / "manifest.json").read_text() == written
    second.refresh()
    second.save()  # is as far as the snapshot
    assert (directory / "manifest.json").read_text() == written
    first.close()
    assert by_keyword(database, second, "owl fox") == ["the owl", "the fox"]


def test_many_changes_are_saved_by_refresh_few_are_not(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    index = opened()
    put(database, corpus, "a", "the owl")
    index.refresh()
    assert not (directory / "manifest.json").exists()
    put(database, corpus, "b", "\n".join(f"fox {i}" for i in range(256)))
    index.refresh()
    assert snapshots.read_manifest(directory).chunks == 257


def test_closing_deletes_the_working_folder(directory: Path, opened: Opener):
    index = opened()
    assert list(directory.glob("working-*"))
    index.close()
    assert not list(directory.glob("working-*"))


@pytest.mark.parametrize("engine", [TantivyIndex, RankBM25Index])
def test_a_live_index_survives_the_deletion_of_its_folder(
    database: Database, corpus: Corpus, directory: Path, opened: Opener, engine: Any
):
    put(database, corpus, "a", "the owl")
    index = opened(engine=engine)
    shutil.rmtree(directory.parent)
    put(database, corpus, "b", "the fox\nthe elk")
    index.refresh()
    assert by_keyword(database, index, "fox") == ["the fox"]
    assert nearest(database, index, "Zoo the owl") == "the owl"
    put(database, corpus, "c", "the bee")
    index.refresh()
    assert by_keyword(database, index, "bee") == ["the bee"]
    assert len(list(directory.glob("working-*"))) == 1
    assert snapshots.read_manifest(directory).chunks == 3


def test_a_live_index_whose_files_are_gone_is_rebuilt_at_the_second_failure(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    put(database, corpus, "a", "the owl")
    index = opened()
    shutil.rmtree(next(directory.glob("working-*/rebuilt")))
    put(database, corpus, "b", "the fox\nthe elk")
    with pytest.raises((OSError, ValueError)):
        index.refresh()
    index.refresh()
    assert by_keyword(database, index, "fox") == ["the fox"]
    assert len(index) == 3


def test_a_live_index_follows_a_database_that_was_restored_to_an_earlier_state(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    put(database, corpus, "a", "the owl")
    put(database, corpus, "b", "the fox")
    index = opened()
    with database.connection() as connection:
        connection.execute(text("DELETE FROM index_log WHERE sequence > 1"))
        connection.execute(text("UPDATE chunks SET searchable = false WHERE text = 'the fox'"))
    index.refresh()
    assert index.position == snapshots.read_manifest(directory).position == 1
    assert by_keyword(database, index, "owl fox") == ["the owl"]


def test_closing_lets_go_of_everything_when_saving_fails(
    *,
    database: Database,
    corpus: Corpus,
    directory: Path,
    opened: Opener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    index = opened()
    put(database, corpus, "a", "\n".join(f"fox {i}" for i in range(256)))
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "sync_files", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            index.refresh()
        index.close()
    assert not list(directory.glob("working-*"))
    assert "was not saved: OSError: disk full" in caplog.text


def test_a_closed_index_leaves_the_disk_alone(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    index = opened()
    index.close()
    shutil.rmtree(directory)
    put(database, corpus, "a", "the owl")
    index.refresh()
    index.save()
    assert not directory.exists()


class FailingOnce(RankBM25Index):
    """Fails at the first commit that has something to do."""

    failed = False

    def commit(self) -> None:
        if self._changes and not FailingOnce.failed:
            FailingOnce.failed = True
            raise OSError("disk full")
        super().commit()


def test_a_refresh_that_failed_is_made_good_by_the_next(database: Database, corpus: Corpus, opened: Opener):
    FailingOnce.failed = False
    index = opened(engine=FailingOnce)
    put(database, corpus, "a", "the owl\nthe fox\nthe elk")
    with pytest.raises(OSError, match="disk full"):
        index.refresh()
    assert index.position == 0
    index.refresh()
    assert by_keyword(database, index, "owl") == ["the owl"]
    assert len(index) == 3


def test_threads_search_while_others_write_and_refresh(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "steady", "\n".join(f"owl number{i}" for i in range(20)))
    index = opened(refresh_interval_s=0.0)
    steady = set(index.search_keywords("owl", 50).ids.tolist())
    failures: list[BaseException] = []
    done = threading.Event()

    def repeat(work: Callable[[], None]) -> None:
        try:
            while not done.is_set():
                work()
        except BaseException as error:
            failures.append(error)

    def search() -> None:
        assert set(index.search_keywords("owl", 50).ids.tolist()) == steady
        assert steady <= set(index.search_vectors(ENCODER.encode(["Zoo owl"])[0], 50).ids.tolist())

    jobs = (search, search, index.refresh, index.save)
    threads = [threading.Thread(target=repeat, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for i in range(8):
        put(database, corpus, f"doc{i % 3}", f"fox {i}\nelk {i}")
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    index.refresh()
    assert sorted(by_keyword(database, index, "fox")) == ["fox 5", "fox 6", "fox 7"]
    assert len(index) == 26


def test_a_live_index_follows_the_language_of_its_corpus(
    *,
    database: Database,
    corpus: Corpus,
    directory: Path,
    opened: Opener,
    monkeypatch: pytest.MonkeyPatch,
):
    put(database, corpus, "a", "die Häuser\nthe fox")
    index = opened()
    assert by_keyword(database, index, "Haus") == []
    with database.transaction() as session:
        changed = corpora.change_settings(session, "animals", "keywords", {"language": "german"})
    index.refresh()
    assert by_keyword(database, index, "Haus") == ["die Häuser"]
    forbid_rebuilding(monkeypatch)
    again = LocalIndex(directory, changed, database)
    assert by_keyword(database, again, "Haus") == ["die Häuser"]
    again.close()


def test_conditions_are_fulfilled_by_all_chunks_that_are_given(
    database: Database, corpus: Corpus, opened: Opener
):
    put(database, corpus, "a", "big owl\nowl so big\nbig fox\nelk")
    index = opened()

    def having(query: str) -> list[str] | None:
        found = index.fulfilling(parse(query))
        return None if found is None else sorted(texts(database, found))

    assert having("big owl") is None
    assert having('"big owl"') == ["big owl"]
    assert having("+big -owl") == ["big fox"]
    assert having("-owl") == ["big fox", "elk"]
    assert having("+elk +owl") == []


SMALL = VectorSettings(exact_below=100)


def assert_nearest(database: Database, index: LocalIndex, line: str) -> None:
    """The nearest is this line, or one that the encoder cannot tell from it."""
    found = nearest(database, index, f"Zoo {line}")
    assert np.array_equal(*ENCODER.encode([line, found]))


def wait_for_base(index: LocalIndex, before: str | None = None) -> str:
    """The name of the index's next base, once it is saved."""
    for _ in range(600):
        index.refresh()
        name = index.describe_vectors()["base"]
        if name != before and not index._compaction.is_running:
            assert isinstance(name, str)
            return name
        time.sleep(0.05)
    raise AssertionError("no base was built")


def test_a_large_index_builds_a_base_in_the_background_and_saves_it(
    *,
    database: Database,
    corpus: Corpus,
    directory: Path,
    opened: Opener,
    monkeypatch: pytest.MonkeyPatch,
):
    index = opened(vectors=SMALL)
    put(database, corpus, "a", "\n".join(f"owl number{i}" for i in range(150)))
    name = wait_for_base(index)
    assert len(index) == 150
    assert_nearest(database, index, "owl number77")
    put(database, corpus, "b", "the fox")
    assert snapshots.read_manifest(directory).vectors["base"] == name
    forbid_rebuilding(monkeypatch)
    again = opened(vectors=SMALL)
    assert again.describe_vectors()["base"] == name
    assert_nearest(database, again, "the fox")


def test_a_rebuilt_large_index_has_a_base_at_once(database: Database, corpus: Corpus, opened: Opener):
    put(database, corpus, "a", "\n".join(f"owl number{i}" for i in range(150)))
    index = opened(vectors=SMALL)
    assert index.describe_vectors()["vectors"] == 150
    assert_nearest(database, index, "owl number9")


def test_an_index_takes_the_base_that_another_process_has_built(
    database: Database, corpus: Corpus, directory: Path, opened: Opener
):
    first, second = opened(vectors=SMALL), opened(vectors=SMALL)
    put(database, corpus, "a", "\n".join(f"owl number{i}" for i in range(150)))
    name = wait_for_base(first)
    put(database, corpus, "b", "the fox")
    remove(database, corpus, "a")
    put(database, corpus, "c", "\n".join(f"elk number{i}" for i in range(120)))
    assert wait_for_base(second) == name
    assert len(second) == 121
    assert by_keyword(database, second, "owl") == []
    assert_nearest(database, second, "the fox")
    assert_nearest(database, second, "elk number5")
    rows = list(directory.glob("working-*/vectors/*/rows.faiss"))
    assert len({path.stat().st_ino for path in rows}) == 1


def test_a_base_that_cannot_be_built_is_logged_and_the_index_goes_on(
    *,
    database: Database,
    corpus: Corpus,
    opened: Opener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    index = opened(vectors=SMALL)
    put(database, corpus, "a", "\n".join(f"owl number{i}" for i in range(150)))
    with monkeypatch.context() as patch:
        patch.setattr("store.index.vectors.build", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        index.refresh()
        index._compaction._thread.join()
    assert "building the base of a vector index failed: OSError: disk full" in caplog.text
    assert_nearest(database, index, "owl number77")
    wait_for_base(index)


def test_local_indexes_open_a_corpus_once(database: Database, corpus: Corpus, tmp_path: Path):
    put(database, corpus, "a", "the owl")
    indexes = LocalIndexes(tmp_path / "indexes", database)
    found: list[LocalIndex] = []
    threads = [threading.Thread(target=lambda: found.append(indexes.for_corpus(corpus))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len({id(index) for index in found}) == 1
    indexes.close()


def test_local_indexes_refresh_all_that_are_open(database: Database, corpus: Corpus, tmp_path: Path):
    with database.transaction() as session:
        other = corpora.create(session, "other", ENCODER.name, ENCODER.revision, ENCODER.dimension)
    indexes = LocalIndexes(tmp_path / "indexes", database, refresh_interval_s=1000.0)
    opened = [indexes.for_corpus(corpus), indexes.for_corpus(other)]
    put(database, corpus, "a", "the owl")
    put(database, other, "a", "the fox\nthe elk")
    indexes.refresh_all()
    assert [len(index) for index in opened] == [1, 2]
    indexes.close()


def test_an_index_that_fails_does_not_stop_the_others(
    database: Database, corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with database.transaction() as session:
        other = corpora.create(session, "other", ENCODER.name, ENCODER.revision, ENCODER.dimension)
    indexes = LocalIndexes(tmp_path / "indexes", database, refresh_interval_s=1000.0)
    broken, sound = indexes.for_corpus(corpus), indexes.for_corpus(other)
    broken.refresh = lambda: (_ for _ in ()).throw(OSError("disk full"))
    put(database, other, "a", "the fox")
    indexes.refresh_all()
    assert len(sound) == 1
    assert "refreshing the index of corpus 'animals' failed: OSError" in caplog.text
    broken.refresh = lambda: (_ for _ in ()).throw(DatabaseUnavailableError("here", "it is away"))
    with pytest.raises(DatabaseUnavailableError):
        indexes.refresh_all()
    indexes.close()


def test_discarding_a_corpus_deletes_its_files(database: Database, corpus: Corpus, tmp_path: Path):
    put(database, corpus, "a", "the owl")
    indexes = LocalIndexes(tmp_path / "indexes", database)
    indexes.for_corpus(corpus)
    indexes.discard(corpus)
    assert not list((tmp_path / "indexes").iterdir())
    indexes.close()


def test_an_index_that_is_opened_while_all_are_closed_is_closed_too(
    database: Database, corpus: Corpus, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexes = LocalIndexes(directory, database)
    load = LocalIndex._load_or_rebuild

    def load_meanwhile_closed(index: LocalIndex) -> None:
        load(index)
        indexes.close()

    monkeypatch.setattr(LocalIndex, "_load_or_rebuild", load_meanwhile_closed)
    with pytest.raises(StoppingError):
        indexes.for_corpus(corpus)
    assert not list(directory.glob("*/working-*"))
    with pytest.raises(StoppingError):
        indexes.for_corpus(corpus)
