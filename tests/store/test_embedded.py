import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from store import corpora
from store.errors import DatabaseUnavailableError
from store.postgres import Database, migrate, open_database
from store.warming import files_of, relations
from tests.conftest import server_folder

ROOT = Path(__file__).parents[2]

OTHER_PROCESS = """
import sys
from pathlib import Path
from store import corpora
from store.errors import DatabaseUnavailableError
from store.postgres import open_database

database = open_database(None, Path(sys.argv[1]))
with database.transaction() as session:
    corpora.create(session, "theirs", "mini", "r1", 4)
print("ready", flush=True)
sys.stdin.readline()
database.close()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A folder with a migrated database, whose server is stopped; shared, as making one takes a second."""
    with server_folder() as data_dir:
        database = open_database(None, data_dir)
        migrate(database)
        database.close()
        yield data_dir


@pytest.fixture
def embedded(data_dir: Path) -> Iterator[Database]:
    database = open_database(None, data_dir)
    yield database
    with database.transaction() as session:
        for summary in corpora.list_all(session):
            corpora.delete(session, summary.corpus.name)
    database.close()
    assert server_pid(data_dir) is None


@contextmanager
def other_process(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    arguments = [sys.executable, "-c", OTHER_PROCESS, str(data_dir)]
    with subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def server_pid(data_dir: Path) -> int | None:
    pid_file = data_dir / "postgres" / "postmaster.pid"
    return int(pid_file.read_text().splitlines()[0]) if pid_file.exists() else None


def kill_server(data_dir: Path) -> None:
    postmaster = psutil.Process(server_pid(data_dir))
    processes = [postmaster, *postmaster.children()]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=60)


def names(database: Database) -> list[str]:
    with database.transaction() as session:
        return [summary.corpus.name for summary in corpora.list_all(session)]


def test_last_user_stops_the_server(data_dir: Path) -> None:
    first, second = open_database(None, data_dir), open_database(None, data_dir)
    first.close()
    second.check()
    second.close()
    second.close()
    assert server_pid(data_dir) is None


def test_two_processes_share_the_server(embedded: Database, data_dir: Path) -> None:
    running = server_pid(data_dir)
    with other_process(data_dir) as process:
        assert names(embedded) == ["theirs"]
        process.communicate("end\n")
    assert names(embedded) == ["theirs"]
    assert server_pid(data_dir) == running


def test_server_outlives_a_killed_process_and_stops_with_the_last(data_dir: Path) -> None:
    with other_process(data_dir) as process:
        os.kill(process.pid, signal.SIGKILL)
    assert server_pid(data_dir) is not None
    database = open_database(None, data_dir)
    with database.transaction() as session:
        corpora.delete(session, "theirs")
    database.close()
    assert server_pid(data_dir) is None


def test_killed_server_starts_again_with_what_was_committed(data_dir: Path) -> None:
    crashed = open_database(None, data_dir)
    with crashed.transaction() as session:
        corpora.create(session, "ours", "mini", "r1", 4)
    kill_server(data_dir)
    again = open_database(None, data_dir)
    with again.transaction() as session:
        corpora.delete(session, "ours")
    again.close()
    crashed.close()
    assert server_pid(data_dir) is None


def test_killed_server_is_started_again_for_those_who_have_it_open(
    embedded: Database, data_dir: Path
) -> None:
    with embedded.transaction() as session:
        corpora.create(session, "ours", "mini", "r1", 4)
    assert not embedded.start_again()
    kill_server(data_dir)
    assert embedded.start_again()
    assert names(embedded) == ["ours"]
    assert not embedded.start_again()


def test_server_that_was_stopped_in_order_is_not_started_again(data_dir: Path) -> None:
    database = open_database(None, data_dir)
    database.close()
    assert not database.start_again()
    assert server_pid(data_dir) is None


def test_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseUnavailableError, match=r"data folder .*file/data .*postgres/log") as raised:
        open_database(None, tmp_path / "file" / "data")
    assert "RAG_DATABASE_URL" not in str(raised.value)


def test_process_number_of_another_program_does_not_keep_the_server_from_starting(data_dir: Path) -> None:
    pid_file = data_dir / "postgres" / "postmaster.pid"
    pid_file.write_text(
        f"{os.getpid()}\n{data_dir / 'postgres'}\n1\n5432\n{data_dir / 'postgres'}\n\n1 2\nready\n"
    )
    database = open_database(None, data_dir)
    database.check()
    database.close()
    assert server_pid(data_dir) is None


def test_files_of_its_tables_can_be_read(embedded: Database, data_dir: Path) -> None:
    migrate(embedded)
    with embedded.transaction() as session:
        found = relations(session)
    assert embedded.folder == data_dir.resolve() / "postgres"
    sizes = [path.stat().st_size for path in files_of(embedded.folder, found)]
    assert sum(sizes) == sum(relation.size_bytes for relation in found) > 0
