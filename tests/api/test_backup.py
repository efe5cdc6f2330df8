"""Save, restore into another database, and ask again."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from api.build import Application
from api.settings import Settings
from rag.answer import Answer, AskRequest
from store import backup, corpora
from store.errors import BackupError
from store.postgres import Database, open_database
from tests.api.command_line import Rag
from tests.api.conftest import HANDBOOK, extra_database
from tests.conftest import TestDatabases

QUESTION = AskRequest("How many days of leave are granted to everyone?", "handbook", "ada")


@pytest.fixture
def empty(databases: TestDatabases) -> Iterator[Database]:
    """A database without tables."""
    with extra_database(databases, "restored", migrated=False) as url:
        database = open_database(url, Path())
        yield database
        database.close()


@pytest.fixture
def saved(rag: Rag, tmp_path: Path) -> Path:
    """A backup of a database with a corpus."""
    (tmp_path / "leave.md").write_text(HANDBOOK)
    assert rag("ingest", tmp_path / "leave.md", "--corpus", "handbook").code == 0
    file = tmp_path / "saved.zip"
    done = rag("backup", file, "--json")
    assert done.code == 0, done.err
    assert done.json["rows"] == {"corpora": 1, "documents": 1, "responses": 0}
    return file


def essence(answer: Answer) -> object:
    """What must be the same when the same question is asked again."""
    cited = [
        (one.document_id, one.document_version, one.start, one.end, one.quote, one.answer_start)
        for one in answer.citations
    ]
    return answer.answer, answer.abstained, answer.answerable_probability, answer.sentences, cited


def rows_of(database: Database) -> dict[str, int]:
    with database.connection() as connection:
        names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in names}


def test_restored_database_gives_the_same_answers_and_citations(
    *,
    rag: Rag,
    saved: Path,
    settings: Settings,
    database: Database,
    empty: Database,
    build_loaded: Callable[[Settings], Application],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = build_loaded(settings)
    asked = before.answerer.ask(QUESTION)
    before.close()
    whole = saved.with_name("whole.zip")
    assert rag("backup", whole).code == 0
    held = rows_of(database)

    other = settings.data_dir.with_name("elsewhere")
    monkeypatch.setenv("RAG_DATABASE_URL", empty.url)
    done = rag("restore", whole, "--data-dir", other, "--json")
    assert done.code == 0, done.err
    assert done.json["pending_migrations"] is False
    restored = rows_of(empty)
    assert {**restored, "audit": 0} == {**held, "audit": 0}

    after = build_loaded(
        settings.model_copy(update={"database_url": SecretStr(empty.url), "data_dir": other})
    )
    again = after.answerer.ask(QUESTION)
    assert essence(again) == essence(asked)
    assert asked.model in backup.read(whole).models
    with after.database.transaction() as session:  # numbers go on where they were
        assert corpora.get_or_create(session, "new", "e", "r", 4).id > 1
    after.close()


def test_database_that_holds_something_is_replaced_only_when_told(
    rag: Rag, saved: Path, database: Database
) -> None:
    assert rag("corpora", "create", "later").code == 0
    refused = rag("restore", saved)
    assert refused.code == 2
    assert "--replace" in refused.err
    assert rag("restore", saved, "--replace").code == 0
    with database.transaction() as session:
        assert [summary.corpus.name for summary in corpora.list_all(session)] == ["handbook"]


def damaged(file: Path, at: float) -> Path:
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 0xFF
    broken = file.with_name(f"broken-{at}.zip")
    broken.write_bytes(content)
    return broken


def test_damaged_backup_changes_nothing(saved: Path, empty: Database, tmp_path: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(saved.read_bytes()[:-1000])
    text_file = tmp_path / "notes.txt"
    text_file.write_text("Dogs are welcome.")
    for file in (damaged(saved, 0.3), damaged(saved, 0.6), cut, text_file):
        with pytest.raises(BackupError, match="damaged"):
            backup.restore(empty, file, replace=True)
    assert rows_of(empty) == {}


def test_dump_that_cannot_be_restored_changes_nothing(
    saved: Path, database: Database, tmp_path: Path
) -> None:
    """As when the disk is full in the middle: here the dump ends early, and its hash agrees."""
    manifest, dump = backup.read(saved), tmp_path / "short.zip"
    with ZipFile(saved) as archive:
        content = archive.read(backup.DUMP)
    short = content[: len(content) // 2]
    told = replace(manifest, sha256=hashlib.sha256(short).hexdigest())
    with ZipFile(dump, "w") as archive:
        archive.writestr(backup.DUMP, short)
        archive.writestr(backup.MANIFEST, json.dumps(asdict(told)))
    held = rows_of(database)
    with pytest.raises(BackupError, match="nothing was changed"):
        backup.restore(database, dump, replace=True)
    assert rows_of(database) == held


def test_backup_is_private_and_replaces_no_file(rag: Rag, saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    refused = rag("backup", saved)
    assert refused.code == 2
    assert "exists already" in refused.err
    assert [path.name for path in saved.parent.glob("*.partial")] == []
