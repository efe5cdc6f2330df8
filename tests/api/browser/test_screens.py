"""Every page, in light and dark, with something on it; GROUNDWORK_SCREENSHOTS names a folder for pictures."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Text, cast, func, update

from store.postgres import Database
from store.tables import ResponseRow
from store.types import Role
from tests.api.browser.conftest import Screen
from tests.api.conftest import Clients
from tests.api.test_responses import ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

DOCS = Path(__file__).parents[3] / "docs"
QUESTIONS = (
    "How long is parental leave?",
    "What does an administrator see?",
    "Which formats can be exported?",
    "What is a near-duplicate?",
    "How many days of leave are granted?",
    "Which key skips an item of a queue?",
    "How many days of leave are granted?",
    "Who won the football match?",
)


def fill(clients: Clients, contributor: httpx.Client, database: Database, handbook: str) -> dict[str, str]:
    """Documents, answers, reviews, a queue, a job, users; returns the addresses of pages about one thing."""
    for name in ("access", "review", "pages", "privacy", "scores"):
        body = {"corpus": handbook, "source": f"docs/{name}.md", "title": name.capitalize()}
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        contributor.post("/v1/documents", json={**body, "text": text}).raise_for_status()
    copy = {"corpus": handbook, "source": "wiki:scores", "text": (DOCS / "scores.md").read_text()}
    contributor.post("/v1/documents", json=copy).raise_for_status()
    files = {"file": ("travel.md", b"# Travel\n\nTrams are free for everybody.\n")}
    job = contributor.post("/v1/jobs", data={"corpus": handbook}, files=files).raise_for_status().json()
    rita, root = clients.of(Role.REVIEWER, "rita"), clients.of(Role.ADMINISTRATOR, "root")
    asked = [ask(clients.of(Role.READER, "ada" if i % 2 else "bob"), q) for i, q in enumerate(QUESTIONS)]
    with database.transaction() as session:  # as if asked on several days
        days_ago = func.make_interval(0, 0, 0, func.ascii(cast(ResponseRow.id, Text)) % 9)
        session.execute(update(ResponseRow).values(created_at=ResponseRow.created_at - days_ago))
    for body in (
        {"name": "correct", "kind": "boolean", "description": "Is it what the sources say?"},
        {"name": "tone", "kind": "categorical", "categories": ["kind", "neutral", "rude"]},
    ):
        rita.post("/v1/score-definitions", json=body).raise_for_status()
    for i, response_id in enumerate(asked[:5]):
        score = {"definition": "correct", "value": i % 3 > 0, "source": "person"}
        rita.post(f"/v1/responses/{response_id}/scores", json={"scores": [score]}).raise_for_status()
    root.post("/v1/groups", json={"name": "legal"}).raise_for_status()
    queue = {"name": "Doubtful answers", "definitions": ["correct", "tone"], "reviews_wanted": 2}
    queue_id = rita.post("/v1/queues", json=queue).raise_for_status().json()["id"]
    rita.post(f"/v1/queues/{queue_id}/items", json={"filter": {"q": "-abstained"}}).raise_for_status()
    documents = contributor.get("/v1/documents", params={"corpus": handbook}).json()["documents"]
    scores = next(d for d in documents if d["source"] == "docs/scores.md")
    return {
        "response": f"/responses/{asked[4]}",
        "review": f"/queue/{queue_id}",
        "document": f"/documents/{scores['id']}?start=2&end=19",
        "job": f"/jobs/{job['id']}",
    }


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_is_without_fault(
    screen: Callable[..., Screen],
    clients: Clients,
    contributor: httpx.Client,
    database: Database,
    handbook: str,
    *,
    dark: bool,
) -> None:
    of_one = fill(clients, contributor, database, handbook)
    plain = ("responses", "queue", "overview", "documents", "duplicates", "jobs", "users", "keys", "audit")
    person = screen(Role.ADMINISTRATOR, "root", dark=dark)
    person.open("/ask")
    person.reach(".composer textarea")
    person.type(QUESTIONS[4])
    person.press("Enter")
    person.see(".feedback")
    person.reach(".cite")
    faults = look(person, "ask", dark=dark)
    for name, path in {**{name: f"/{name}" for name in plain}, **of_one}.items():
        person.open(path)
        person.see(".user")
        person.page.wait_for_load_state("networkidle")
        faults += look(person, name, dark=dark)
    assert faults == []


def look(person: Screen, name: str, *, dark: bool) -> list[str]:
    """Keep a picture where one is wanted; what axe-core finds."""
    folder = os.environ.get("GROUNDWORK_SCREENSHOTS")
    if folder:
        person.page.screenshot(path=f"{folder}/{name}{'-dark' if dark else ''}.png", animations="disabled")
    return [f"{name}: {fault}" for fault in person.faults()]
