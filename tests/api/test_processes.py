"""What only processes of their own show: what they import, and how they stop."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from store import access, passwords, users
from store.postgres import Database
from store.types import Role
from tests.api.test_limits import certificate
from tests.conftest import server_folder
from tests.store.test_embedded import kill_server

RUN = "from api.cli import main; main()"
RUN_AND_TELL = """
import sys
from api.cli import main
try:
    main()
finally:
    print(sorted({"torch", "sentence_transformers", "fastapi", "faiss"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture
def environment(database: Database, tmp_path: Path, checkpoint_folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "RAG_DATABASE_URL": database.url,
        "RAG_DATA_DIR": str(tmp_path / "data"),
        "RAG_GENERATOR": str(checkpoint_folder),
        "RAG_THREADS": "1",
    }


@pytest.mark.parametrize(
    "arguments", [["--help"], ["ingest", "--help"], ["keys", "list"], ["documents", "list", "--corpus", "x"]]
)
def test_light_commands_import_nothing_heavy(arguments: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_TELL, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == "[]"


@contextmanager
def server(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`rag serve` in a process of its own, on a free port unless the arguments name one."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "serve", *(() if "--port" in arguments else ("--port", "0")), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_server_says_where_it_is_and_stops_in_order(
    environment: dict[str, str], number: signal.Signals
) -> None:
    with server({**environment, "RAG_KEEP_ALIVE_S": "1"}, "--json") as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert httpx.get(f"{told['url']}/health", timeout=60).status_code == 200
        assert httpx.get(told["docs"], timeout=60).status_code == 200
        with socket.create_connection(("127.0.0.1", int(told["url"].rpartition(":")[2]))) as kept:
            kept.settimeout(20)
            kept.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            while kept.recv(1000):  # until it has rested as long as it may
                pass
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors


@pytest.mark.slow
def test_servers_share_a_port_and_one_goes_on_when_the_other_stops(environment: dict[str, str]) -> None:
    with server(environment, "--json", "--share-port") as first:
        assert first.stdout is not None
        url = json.loads(first.stdout.readline())["url"]
        with server(environment, "--json", "--share-port", "--port", url.rpartition(":")[2]) as second:
            assert second.stdout is not None
            assert json.loads(second.stdout.readline())["url"] == url
            assert [httpx.get(f"{url}/health", timeout=60).status_code for _ in range(8)] == [200] * 8
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0
        assert [httpx.get(f"{url}/health", timeout=60).status_code for _ in range(4)] == [200] * 4


@pytest.mark.slow
def test_server_speaks_https_with_a_certificate(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path, "one")
    with database.transaction() as session:
        user = users.create(session, "ada", role=Role.READER)
        passwords.change(session, user.id, "ada", "seven brass kettles hum")
    login = {"user": "ada", "password": "seven brass kettles hum"}
    with server(environment, "--tls-cert", str(cert), "--tls-key", str(key), "--json") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(base_url=url, verify=trusted, timeout=60) as client:
            assert client.get("/health").json() == {"status": "ok"}
            cookies = client.post("/v1/login", json=login).raise_for_status().headers.get_list("set-cookie")
            assert len(cookies) == 2
            assert all("Secure" in cookie for cookie in cookies)
            assert client.get("/v1/users/me").json()["user"]["name"] == "ada"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/health")  # nobody else trusts it
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http{url.removeprefix('https')}/health")


@pytest.mark.slow
def test_server_starts_its_postgresql_again_when_that_is_killed(environment: dict[str, str]) -> None:
    with server_folder() as folder:
        own = {**environment, "RAG_DATABASE_URL": "", "RAG_DATA_DIR": str(folder)}
        with server(own, "--json") as process:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            wait_until_ready(url)
            kill_server(folder)
            wait_until_ready(url)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "was started again" in errors


def wait_until_ready(url: str) -> None:
    until = time.monotonic() + 120
    while httpx.get(f"{url}/ready", timeout=60).status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_port_in_use_is_2_and_says_how_to_choose_another(environment: dict[str, str]) -> None:
    with server(environment, "--json") as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["url"].rpartition(":")[2]
        with server(environment, "--port", port) as second:
            _, err = second.communicate(timeout=30)
        assert second.returncode == 2
        assert port in err
        assert "--port" in err


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_job_of_a_killed_server_is_finished_by_the_next(
    environment: dict[str, str], database: Database
) -> None:
    records = "".join(json.dumps({"id": n, "text": f"Sentence number {n}. " * 20}) + "\n" for n in range(300))
    with database.transaction() as session:
        secret = access.create_key(session, "ada", Role.CONTRIBUTOR).secret
    headers = {"Authorization": f"Bearer {secret}"}
    with server(environment, "--json") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        client = httpx.Client(base_url=url, headers=headers, timeout=200)
        client.post("/v1/corpora", json={"name": "notes"}).raise_for_status()
        form = {"corpus": "notes"}
        files = [("file", ("a.jsonl", records.encode()))]
        job_id = client.post("/v1/jobs", data=form, files=files).raise_for_status().json()["id"]
        while not (before := client.get(f"/v1/jobs/{job_id}").json()["documents"].get("done", 0)):
            time.sleep(0.05)
        process.kill()
        client.close()
    assert before < 300
    with server(environment, "--json") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, headers=headers, timeout=200) as client:
            while (job := client.get(f"/v1/jobs/{job_id}").json())["status"] != "done":
                assert job["status"] in ("running", "interrupted", "queued"), job
                time.sleep(0.2)
    assert job["documents"]["done"] == 300
    with database.transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM documents")) == 300
        assert session.scalar(text("SELECT count(*) FROM chunks WHERE searchable")) == job["chunks"]
