from collections.abc import Callable

import httpx
import pytest

from store.types import Role
from tests.api.browser.conftest import PHONE, Screen
from tests.api.conftest import Clients
from tests.api.test_responses import ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ITEMS = 3


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


def test_queue_is_reviewed_without_a_mouse(
    screen: Callable[..., Screen], clients: Clients, queue: str
) -> None:
    person = screen(Role.REVIEWER, "rita")
    person.open("/queue")
    person.see("tbody a")
    person.reach("tbody a")
    person.press("Enter")
    for left in range(ITEMS, 0, -1):
        words = "response is" if left == 1 else "responses are"
        person.see(f"text={left} {words} left for you")
        person.see(".review")
        person.press("1", "2", "Enter")
    person.see("text=Nothing is left for you in this queue.")
    rita = clients.of(Role.REVIEWER, "rita")
    assert rita.get(f"/v1/queues/{queue}").json()["done"] == ITEMS
    assert len(rita.get("/v1/responses", params={"q": "score.tone:neutral"}).json()["responses"]) == ITEMS


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
    assert person.faults() == []
