import os
import signal
import subprocess
import sys
from pathlib import Path

from store import documents, index_log
from store.postgres import Database
from store.types import Corpus
from tests.store.samples import chunks_of, new_document

ROOT = Path(__file__).parents[2]

WRITER = """
import sys, time
from pathlib import Path
from store import documents
from store.postgres import open_database
from tests.store.samples import with_chunks

database = open_database(sys.argv[1], Path())
with database.transaction() as session:
    documents.put_many(session, int(sys.argv[2]), [with_chunks("a", "new"), with_chunks("b", "bee")])
    print("put", flush=True)
    time.sleep(60)
"""


def test_writer_killed_before_commit_leaves_nothing_behind(database: Database, corpus: Corpus) -> None:
    with database.transaction() as session:
        documents.put(session, corpus.id, new_document("a", "old"), chunks_of("old"))
        position = index_log.position(session, corpus.id)
    arguments = [sys.executable, "-c", WRITER, database.url, str(corpus.id)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "put\n"
        os.kill(writer.pid, signal.SIGKILL)
    # A second writer gets the corpus's lock, for the server has noticed the death of the first.
    with database.transaction() as session:
        documents.put(session, corpus.id, new_document("c", "see"), chunks_of("see"))
    with database.transaction() as session:
        indexed = [chunk.text for chunk in index_log.snapshot_rows(session, corpus.id)]
        changes = index_log.read_after(session, corpus.id, position, 10)
        present = documents.known(session, corpus.id, ["a", "b", "c"])
    assert indexed == ["old", "see"]
    assert [change.chunk.text for change in changes if change.chunk] == ["see"]
    assert {source: document.version for source, document in present.items()} == {"a": 1, "c": 1}
