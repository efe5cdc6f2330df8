import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.app import create_app
from api.build import Application
from api.settings import Settings
from ingest.jobs import this_host
from ingest.options import JobRequest
from store import corpora, jobs
from store.job_types import NewJob
from store.postgres import Database
from store.types import Role
from tests.api.conftest import Clients, assert_problem, serving_app

TIMEOUT_S = 60.0


def send(client: httpx.Client, files: dict[str, str], **fields: str) -> httpx.Response:
    sent = [("file", (name, text.encode())) for name, text in files.items()]
    return client.post("/v1/jobs", files=sent, data={"corpus": "handbook", **fields})


def wait_for(client: httpx.Client, job_id: str, *statuses: str) -> dict[str, Any]:
    """The job, when it has one of these statuses."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        if job["status"] in statuses:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def events(client: httpx.Client, job_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    with client.stream("GET", f"/v1/jobs/{job_id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def sentences(count: int, about: str) -> str:
    return "".join(json.dumps({"id": n, "text": f"{about} number {n}. " * 8}) + "\n" for n in range(count))


def test_files_that_are_sent_become_documents(contributor: httpx.Client, handbook: str) -> None:
    files = {
        "a.md": "# Pets\n\nDogs are welcome.",
        "b.jsonl": '{"id": 1, "text": "One."}\n{oops\n',
        "c.xyz": "?",
    }
    response = send(contributor, files, metadata='{"year": 2024}')
    assert response.status_code == 202, response.text
    job = wait_for(contributor, response.json()["id"], "done")
    assert (job["corpus"], job["user"], job["share"]) == (handbook, "carl", 1.0)
    assert {name: count for name, count in job["documents"].items() if count} == {"done": 2, "failed": 2}
    listed = contributor.get("/v1/documents", params={"corpus": handbook}).json()["documents"]
    found = {document["source"]: document["metadata"] for document in listed}
    assert found["upload://a.md"] == {"year": 2024}
    assert found["upload://b.jsonl#1"] == {"year": 2024}
    hits = contributor.post("/v1/search", json={"query": "dogs", "corpus": handbook}).json()["hits"]
    assert hits[0]["source"] == "upload://a.md"


def test_documents_of_a_job_are_listed_in_pages(contributor: httpx.Client, handbook: str) -> None:
    files = {f"{number}.txt": f"Text {number}" for number in range(5)} | {"bad.txt": "\0\1\2"}
    job_id = send(contributor, files).json()["id"]
    wait_for(contributor, job_id, "done")
    url = f"/v1/jobs/{job_id}/documents"
    seen, cursor = [], None
    while True:
        page = contributor.get(url, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += page["documents"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [row["source"] for row in seen] == sorted(f"upload://{name}" for name in files)
    [failed] = contributor.get(url, params={"status": "failed"}).json()["documents"]
    assert (failed["source"], failed["stage"], failed["attempts"]) == ("upload://bad.txt", "read", 1)
    assert_problem(contributor.get(url, params={"cursor": "bm9uZQ=="}), 400, "cursor")


def test_jobs_are_listed_newest_first(contributor: httpx.Client, handbook: str) -> None:
    ids = [send(contributor, {f"{number}.txt": "T"}).json()["id"] for number in range(3)]
    page = contributor.get("/v1/jobs", params={"limit": 2}).json()
    rest = contributor.get("/v1/jobs", params={"limit": 2, "cursor": page["next"]}).json()
    assert [job["id"] for job in (*page["jobs"], *rest["jobs"])][:3] == ids[::-1]


def test_events_tell_of_a_job_until_its_end(contributor: httpx.Client, handbook: str) -> None:
    job_id = send(contributor, {"a.txt": "Dogs.", "b.txt": "Cats."}).json()["id"]
    told = list(events(contributor, job_id))
    assert {name for name, _ in told[:-1]} == {"progress"}
    name, job = told[-1]
    assert (name, job["status"], job["documents"]["done"]) == ("end", "done", 2)


def test_events_tell_nothing_that_is_known_already(contributor: httpx.Client, handbook: str) -> None:
    job_id = send(contributor, {"a.txt": "Dogs."}).json()["id"]
    wait_for(contributor, job_id, "done")
    told = contributor.get(f"/v1/jobs/{job_id}/events").text
    last = told.strip().rpartition("id: ")[2].split("\n")[0]
    again = contributor.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert (again.status_code, again.content) == (204, b"")
    assert contributor.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": "x"}).text == told


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs take turns after a few documents."""
    monkeypatch.setattr("api.job_requests.BATCH_CHARACTERS", 500)


@pytest.mark.usefixtures("short_turns")
def test_small_job_does_not_wait_for_a_large_one(contributor: httpx.Client, handbook: str) -> None:
    large = send(contributor, {"large.jsonl": sentences(400, "Trains")}).json()["id"]
    wait_for(contributor, large, "running")
    small = send(contributor, {"small.txt": "Boats are slow."}).json()["id"]
    wait_for(contributor, small, "done")
    assert contributor.get(f"/v1/jobs/{large}").json()["status"] == "running"
    contributor.post(f"/v1/jobs/{large}/cancel").raise_for_status()
    assert wait_for(contributor, large, "cancelled")["documents"]["done"] < 400
    assert_problem(contributor.post(f"/v1/jobs/{large}/resume"), 409, "cancelled")


@pytest.mark.usefixtures("short_turns")
def test_paused_job_rests_until_it_is_resumed(contributor: httpx.Client, handbook: str) -> None:
    job_id = send(contributor, {"a.jsonl": sentences(40, "Planes")}).json()["id"]
    contributor.post(f"/v1/jobs/{job_id}/pause").raise_for_status()
    paused = wait_for(contributor, job_id, "paused")
    time.sleep(0.3)
    assert contributor.get(f"/v1/jobs/{job_id}").json()["documents"] == paused["documents"]
    contributor.post(f"/v1/jobs/{job_id}/resume").raise_for_status()
    assert wait_for(contributor, job_id, "done")["documents"]["done"] == 40


def test_retry_takes_what_failed_once_more(contributor: httpx.Client, handbook: str) -> None:
    job_id = send(contributor, {"a.txt": "A", "b.txt": "\0\1"}).json()["id"]
    wait_for(contributor, job_id, "done")
    contributor.post(f"/v1/jobs/{job_id}/retry", json={}).raise_for_status()
    wait_for(contributor, job_id, "done")
    [failed] = contributor.get(f"/v1/jobs/{job_id}/documents", params={"status": "failed"}).json()[
        "documents"
    ]
    assert (failed["source"], failed["attempts"]) == ("upload://b.txt", 2)


def test_paths_of_the_server_are_closed_by_default(
    contributor: httpx.Client, handbook: str, tmp_path: Path
) -> None:
    for path in (str(tmp_path), "/etc/passwd", "pydoc:json", "postgresql://host/name"):
        response = contributor.post("/v1/jobs", json={"corpus": handbook, "paths": [path]})
        assert_problem(response, 403, "RAG_JOB_FOLDERS")


@pytest.fixture
def open_folder(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "open"
    folder.mkdir()
    return folder


def test_open_folders_can_be_ingested_and_nothing_beside_them(
    settings: Settings,
    build_loaded: Callable[[Settings], Application],
    database: Database,
    open_folder: Path,
) -> None:
    (open_folder / "a.txt").write_text("Open.")
    (open_folder.parent / "secret.txt").write_text("Secret.")
    (open_folder / "link.txt").symlink_to(open_folder.parent / "secret.txt")
    changed = settings.model_copy(update={"job_folders": (open_folder,)})
    application = build_loaded(changed)
    with serving_app(create_app(changed, application)) as url:
        clients = Clients(url, database)
        client = clients.of(Role.CONTRIBUTOR)
        client.post("/v1/corpora", json={"name": "handbook"}).raise_for_status()
        for path in ("link.txt", "../secret.txt"):
            body = {"corpus": "handbook", "paths": [str(open_folder / path)]}
            assert_problem(client.post("/v1/jobs", json=body), 403, "RAG_JOB_FOLDERS")
        body = {"corpus": "handbook", "paths": [str(open_folder)]}
        job_id = client.post("/v1/jobs", json=body).raise_for_status().json()["id"]
        assert wait_for(client, job_id, "done")["documents"]["done"] == 2
        clients.close()
    application.close()


def test_job_of_a_dead_process_is_taken_up_by_the_server(
    contributor: httpx.Client, handbook: str, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Rivers flow.")
    with database.transaction() as session:
        corpus = corpora.get(session, handbook)
        request = JobRequest((str(tmp_path / "a.txt"),))
        job_id = jobs.create(
            session, NewJob(corpus.id, None, "ingest", request.to_json(), request.fingerprint, this_host())
        )
        jobs.claim(session, job_id, uuid4())
    assert wait_for(contributor, str(job_id), "done")["documents"]["done"] == 1


def test_job_that_cannot_be_opened_says_why(
    contributor: httpx.Client, handbook: str, database: Database, tmp_path: Path
) -> None:
    with database.transaction() as session:
        corpus = corpora.get(session, handbook)
        request = JobRequest((str(tmp_path / "gone"),)).to_json()
        job_id = jobs.create(session, NewJob(corpus.id, None, "ingest", request, "", this_host()))
    assert "gone" in wait_for(contributor, str(job_id), "failed")["error"]


def test_reader_may_look_but_not_start(
    reader: httpx.Client, contributor: httpx.Client, handbook: str
) -> None:
    assert_problem(send(reader, {"a.txt": "A"}), 403, "contributor")
    assert_problem(reader.get("/v1/jobs/00000000-0000-0000-0000-000000000007"), 404, "00000007")
    assert len(reader.get("/v1/jobs").json()["jobs"]) == 1  # the one that sent the handbook


@pytest.mark.parametrize(
    ("files", "words"), [({}, ["no files"]), ({"x/a.txt": "1", "y/a.txt": "2"}, ["called 'a.txt'"])]
)
def test_unusable_forms_say_why(
    contributor: httpx.Client, handbook: str, files: dict[str, str], words: list[str]
) -> None:
    if files:
        response = send(contributor, files)
    else:
        response = contributor.post("/v1/jobs", data={"corpus": handbook}, files={"file": ("", b"")})
    assert_problem(response, 422, *words)
