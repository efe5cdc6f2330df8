from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.browser.conftest import PHONE, Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUESTION = "How many days of leave are granted?"


def ask(screen: Screen, question: str) -> None:
    screen.reach(".composer textarea")
    screen.type(question)
    screen.press("Enter")


def test_conversation_with_the_keyboard_alone(screen: Callable[..., Screen], handbook: str) -> None:
    person = screen()
    person.open("/ask")
    person.see(".composer textarea")
    ask(person, QUESTION)
    person.see(".feedback")
    person.reach(".cite")
    assert "Thirty" in person.see(".cite.lit")
    assert "Thirty" in person.see(".passage mark.lit")
    person.reach("[data-thumb=up]")
    person.press("Space")
    person.see("[data-thumb=up][aria-pressed=true]")
    assert person.faults() == []


def test_citation_opens_the_document_at_its_place(screen: Callable[..., Screen], handbook: str) -> None:
    person = screen()
    person.open("/ask")
    person.see(".composer textarea")
    ask(person, QUESTION)
    cited = person.see(".cite").rstrip("1")
    person.reach(".cite")
    person.press("Enter")
    assert person.see("mark#span") == cited
    assert person.faults() == []


def test_edited_question_is_another_version(screen: Callable[..., Screen], handbook: str) -> None:
    person = screen()
    person.open("/ask")
    person.see(".composer textarea")
    ask(person, QUESTION)
    person.see(".feedback")
    person.reach(".asked button")
    person.press("Enter")
    person.type(" For managers?")
    person.press("Enter")
    assert "2 of 2" in person.see(".versions")
    person.reach(".versions button:not(:disabled)")
    person.press("Enter")
    assert "1 of 2" in person.see(".versions")
    assert person.see(".question") == QUESTION


def test_markup_in_questions_and_documents_stays_text(
    screen: Callable[..., Screen], contributor: httpx.Client, handbook: str
) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    body = {
        "corpus": handbook,
        "source": f"wiki:{evil}",
        "title": evil,
        "text": f"Pigs {evil} may fly in May.",
    }
    contributor.post("/v1/documents", json=body).raise_for_status()
    person = screen()
    person.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    person.open("/ask")
    person.see(".composer textarea")
    ask(person, f"May pigs fly? {evil}")
    person.see(".feedback")
    assert evil in person.see(".question")
    assert person.count("main img, main script") == 0


def test_offsets_count_characters_not_utf16_units(
    screen: Callable[..., Screen], contributor: httpx.Client, handbook: str
) -> None:
    body = {"corpus": handbook, "source": "wiki:faces", "text": "😀😀 Dogs are welcome."}
    made = contributor.post("/v1/documents", json=body).raise_for_status().json()
    person = screen()
    person.open(f"/documents/{made['document_id']}?start=3&end=7")
    assert person.see("mark#span") == "Dogs"


def test_telephone_shows_everything_without_scrolling_sideways(
    screen: Callable[..., Screen], handbook: str
) -> None:
    person = screen(size=PHONE, dark=True)
    person.open("/ask")
    person.see(".composer textarea")
    ask(person, QUESTION)
    person.see(".feedback")
    width: Any = person.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    assert person.faults() == []


def test_key_is_asked_for_and_a_wrong_one_refused(
    screen: Callable[..., Screen], clients: Any, handbook: str
) -> None:
    person = screen()
    person.open("/ask")
    person.see(".composer textarea")
    person.page.evaluate("sessionStorage.setItem('groundwork-key', 'gw_wrong')")
    person.page.add_init_script("sessionStorage.setItem('groundwork-key', 'gw_wrong')")
    person.open("/ask")
    assert "key" in person.see("dialog .trouble").lower()
    person.complaints.clear()  # browsers note a 401 as an error
