import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from ingest.report import DocumentCounts
from store.postgres import Database
from store.types import Corpus
from tests.ingest.conftest import FakeEncoder, Ingest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys, time
from pathlib import Path
from ingest.jobs import ingest
from ingest.options import IngestOptions
from store import corpora
from store.postgres import open_database
from tests.ingest.conftest import FakeEncoder, word_tokens

encoder = FakeEncoder()
def embed(texts):
    time.sleep(0.02)
    return encoder(texts)

database = open_database(sys.argv[1], Path(sys.argv[2]).parent)
with database.transaction() as session:
    corpus = corpora.get(session, "notes")
ingest([sys.argv[2]], corpus, database=database, embed=embed, tokens=word_tokens,
       options=IngestOptions(batch_characters=40))
"""


def count(database: Database, statement: str) -> int:
    with database.transaction() as session:
        return int(session.scalar(text(statement)) or 0)


def test_killed_ingestion_is_finished_by_the_next(
    database: Database, corpus: Corpus, run: Ingest, encoder: FakeEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"id": number, "text": f"Text {number}."}) + "\n" for number in range(160))
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM, database.url, str(path)]
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while count(database, "SELECT count(*) FROM documents") < 20:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    survived = count(database, "SELECT count(*) FROM documents")
    assert 20 <= survived < 160
    assert count(database, "SELECT count(*) FROM chunks") == survived
    assert count(database, "SELECT count(*) FROM index_log") == survived

    assert run(path, batch_characters=40).documents == DocumentCounts(done=160)
    assert len(encoder.texts) == 160 - survived  # nothing is embedded twice
    assert count(database, "SELECT count(*) FROM jobs") == 1
    assert count(database, "SELECT count(*) FROM documents") == 160
    assert count(database, "SELECT count(*) FROM chunks WHERE searchable") == 160
    assert count(database, "SELECT count(DISTINCT text) FROM chunks") == 160
