from collections.abc import Callable

import httpx
import pytest

from store.types import Role
from tests.api.browser.conftest import PHONE, Screen
from tests.api.conftest import Clients
from tests.api.test_responses import ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ITEMS = 3
MANY = 30


@pytest.fixture
def queue(clients: Clients, reader: httpx.Client, handbook: str) -> str:
    """A queue with three responses that asks for two scores; returns its id."""
    for number in range(ITEMS):
        ask(reader, f"How many days of leave are granted in year {number}?")
    rita = clients.of(Role.REVIEWER, "rita")
    for body in (
        {"name": "correct", "kind": "boolean"},
        {"name": "tone", "kind": "categorical", "categories": ["kind", "neutral", "rude"]},
    ):
        rita.post("/v1/score-definitions", json=body).raise_for_status()
    body = {"name": "Doubtful", "definitions": ["correct", "tone"]}
    queue_id: str = rita.post("/v1/queues", json=body).raise_for_status().json()["id"]
    rita.post(f"/v1/queues/{queue_id}/items", json={"filter": {"q": "since:1d"}}).raise_for_status()
    return queue_id


def test_thirty_items_are_reviewed_without_a_mouse(
    screen: Callable[..., Screen], clients: Clients, reader: httpx.Client, queue: str
) -> None:
    for number in range(ITEMS, MANY):
        ask(reader, f"How many days of leave are granted in year {number}?")
    everything = {"filter": {"q": "since:1d"}}
    rita = clients.of(Role.REVIEWER, "rita")
    rita.post(f"/v1/queues/{queue}/items", json=everything).raise_for_status()
    person = screen(Role.REVIEWER, "rita")
    person.open("/queue")
    person.see("tbody a")
    person.reach("tbody a")
    person.press("Enter")
    for left in range(MANY, 0, -1):
        words = "response is" if left == 1 else "responses are"
        person.see(f"text={left} {words} left for you")
        person.see(".review")
        person.press("1", "2", "Enter")
    person.see("text=Nothing is left for you in this queue.")
    assert rita.get(f"/v1/queues/{queue}").json()["done"] == MANY
    assert len(rita.get("/v1/responses", params={"q": "score.tone:neutral"}).json()["responses"]) == MANY


def test_answer_is_corrected_and_its_source_marked_with_keys(
    screen: Callable[..., Screen], clients: Clients, queue: str
) -> None:
    person = screen(Role.REVIEWER, "rita")
    person.open(f"/queue/{queue}")
    person.see(".review")
    person.press("p", "Control+Home", *["Shift+ArrowRight"] * 3, "Enter")
    marked = person.see(".marked q")
    person.page.locator(".review").focus()
    person.press("c", "Control+End")
    person.type(" That is all.")
    assert "That is all." in person.see(".difference ins")
    assert person.faults() == []
    person.press("Tab")
    person.reach(".review button.main")
    person.press("Enter")
    person.see("text=2 responses are left for you")
    [kept] = clients.of(Role.REVIEWER, "rita").get("/v1/corrections").json()["corrections"]
    assert kept["answer"].endswith("That is all.")
    assert [span["quote"].strip() for span in kept["spans"]] == [marked.strip()]


def test_reviewer_is_shown_only_what_access_lists_allow(
    screen: Callable[..., Screen], clients: Clients, administrator: httpx.Client, handbook: str, queue: str
) -> None:
    for document in administrator.get("/v1/documents", params={"corpus": handbook}).json()["documents"]:
        administrator.put(f"/v1/documents/{document['id']}/readers", json={}).raise_for_status()
    person = screen(Role.REVIEWER, "rita")
    person.open(f"/queue/{queue}")
    person.see("text=Nothing is left for you in this queue.")
    person.open("/responses")
    person.see("text=No response matches.")
    person.open("/overview?span=1d")
    person.see("text=Nothing was asked in this time.")


def test_access_lists_are_changed_with_keys(
    screen: Callable[..., Screen], administrator: httpx.Client, handbook: str
) -> None:
    administrator.post("/v1/users", json={"name": "eve"}).raise_for_status()
    person = screen(Role.ADMINISTRATOR, "root")
    person.open("/documents")
    person.see("tbody a")
    person.reach("details summary")
    person.press("Enter")
    person.see("form.card .check")
    person.reach("form.card .check input")
    person.press("Space")
    person.reach("form.card input[type=text]")
    person.type("eve")
    person.reach("form.card .row.low > button")
    person.press("Enter")
    person.see("text=User eve may")
    person.reach("form.card button.main")
    person.press("Enter")
    person.until("document.querySelector('#announcer').textContent === 'The list is saved'")
    access = administrator.get(f"/v1/corpora/{handbook}/access").json()
    assert access == {"restricted": True, "users": {"eve": "read"}, "groups": {}}
    person.reach("tbody button")
    person.press("Enter")
    person.see("form[aria-label^='Readers of']")
    person.reach("form[aria-label^='Readers of'] input")
    person.type("eve")
    person.press("Enter")
    person.until("!document.querySelector(\"form[aria-label^='Readers of']\")")
    [document] = administrator.get("/v1/documents", params={"corpus": handbook}).json()["documents"]
    readers = administrator.get(f"/v1/documents/{document['id']}/readers").json()["readers"]
    assert readers["users"] == ["eve", "root"]
    assert person.faults() == []


def test_overview_is_read_with_keys(screen: Callable[..., Screen], queue: str) -> None:
    person = screen(Role.REVIEWER, "rita")
    person.open("/overview?span=1d&by=corpus")
    person.see(".plot figcaption")
    person.reach(".plot svg")
    person.press("ArrowRight")
    assert "handbook: 3" in person.see(".plot .readout")
    assert "leave are granted" in person.see("section table a")
    assert person.faults() == []


@pytest.mark.parametrize(
    "path", ["/overview", "/queue", "/documents", "/duplicates", "/jobs", "/users", "/keys", "/audit"]
)
def test_page_is_readable_on_a_telephone_in_the_dark(
    screen: Callable[..., Screen], queue: str, path: str
) -> None:
    person = screen(Role.ADMINISTRATOR, "root", size=PHONE, dark=True)
    person.open(path)
    person.see(".user")
    person.page.wait_for_load_state("networkidle")
    assert person.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert person.broken_words() == []
    shown = person.page.locator("nav [aria-current]").bounding_box()
    assert 0 <= shown["x"] <= PHONE["width"] - shown["width"], "where one is can be seen in the bar"
    assert person.faults() == []
