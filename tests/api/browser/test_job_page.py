"""The page of a job: how far it is, pausing, going on, cancelling and trying again."""

import json
import re
import time
from collections.abc import Callable

import httpx
import pytest

from store.types import Role
from tests.api.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

TEXTS = 4_000


def send(client: httpx.Client, name: str, content: str) -> str:
    sent = {"file": (name, content.encode())}
    response = client.post("/v1/jobs", files=sent, data={"corpus": "handbook"}, timeout=60.0)
    return str(response.raise_for_status().json()["id"])


def texts(number: int) -> str:
    return "".join(
        json.dumps({"id": n, "text": f"Plane {n} of {number * n} flies. " * 20}) + "\n" for n in range(number)
    )


def press(person: Screen, act: str) -> None:
    button = person.page.locator(f"button[data-act={act}]")
    button.wait_for()
    button.press("Enter")


def status(person: Screen, wanted: str) -> None:
    """Wait until the page says so."""
    person.page.locator("main > p").filter(has_text=re.compile(f"^{wanted}")).first.wait_for()


def test_job_is_paused_resumed_and_cancelled(
    screen: Callable[..., Screen], contributor: httpx.Client, handbook: str
) -> None:
    job_id = send(contributor, "planes.jsonl", texts(TEXTS))
    person = screen(Role.CONTRIBUTOR, "carl")
    person.page.set_default_timeout(120_000)
    person.open(f"/jobs/{job_id}")
    status(person, "running")
    person.page.locator("progress[value]:not([value='0'])").wait_for()
    press(person, "pause")
    status(person, "paused")
    paused = contributor.get(f"/v1/jobs/{job_id}").json()
    assert paused["status"] == "paused" and 0 < paused["documents"]["done"] < TEXTS
    press(person, "resume")
    status(person, "running")
    press(person, "cancel")
    status(person, "cancelled")
    assert person.count("button[data-act]:visible") == 0


def test_failed_documents_are_shown_and_tried_again(
    screen: Callable[..., Screen], contributor: httpx.Client, handbook: str
) -> None:
    job_id = send(contributor, "bad.txt", "\0\1\2")
    person = screen(Role.CONTRIBUTOR, "carl")
    person.page.set_default_timeout(120_000)
    person.open(f"/jobs/{job_id}")
    status(person, "done")
    assert "upload://bad.txt" in person.see("section table")
    press(person, "retry")
    tried(contributor, job_id, ("failed", 2))
    status(person, "done")
    press(person, "retry")
    tried(contributor, job_id, ("quarantined", 3))
    press(person, "quarantine")
    tried(contributor, job_id, ("quarantined", 4))


def tried(client: httpx.Client, job_id: str, expected: tuple[str, int]) -> None:
    """Wait until the job's only document has this status after so many attempts."""
    deadline = time.monotonic() + 120
    found = None
    while found != [expected]:
        assert time.monotonic() < deadline, found
        documents = client.get(f"/v1/jobs/{job_id}/documents").json()["documents"]
        found = [(document["status"], document["attempts"]) for document in documents]
        time.sleep(0.1)
