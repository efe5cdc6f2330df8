from collections.abc import Callable

import httpx
import pytest

from store.types import Role
from tests.api.browser.conftest import PHONE, Screen
from tests.api.test_responses import ask

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def rita(screen: Callable[..., Screen], path: str) -> Screen:
    person = screen(Role.REVIEWER, "rita")
    person.open(path)
    person.see("tbody tr a")
    return person


def test_query_is_typed_and_shown_in_sidebar_and_address(
    screen: Callable[..., Screen], reader: httpx.Client, handbook: str
) -> None:
    ask(reader, "How long is leave?")
    ask(reader, "Who books trains?")
    person = rita(screen, "/responses")
    person.reach(".query input")
    person.type("user:ada text:leave")
    person.press("Enter")
    person.until("document.querySelectorAll('tbody tr').length === 1")
    assert "q=user%3Aada" in person.page.url
    assert person.page.locator(".side input").input_value() == "ada"
    assert person.faults() == []


def test_sidebar_writes_the_query(screen: Callable[..., Screen], reader: httpx.Client, handbook: str) -> None:
    ask(reader, "How long is leave?")
    person = rita(screen, "/responses?q=leave")
    person.reach(".side input")
    person.type("nobody")
    person.press("Tab")
    person.see("text=No response matches.")
    assert person.page.locator(".query input").input_value() == "leave user:nobody"


def test_unknown_field_is_explained_where_it_stands(
    screen: Callable[..., Screen], reader: httpx.Client, handbook: str
) -> None:
    ask(reader, "How long is leave?")
    person = rita(screen, "/responses")
    person.reach(".query input")
    person.type("abstained:false colour:red")
    person.press("Enter")
    assert person.see(".fault mark") == "colour:red"
    assert "there is no field 'colour'" in person.see(".fault")
    assert person.faults() == []


def test_response_shows_what_made_it_and_is_replayed(
    screen: Callable[..., Screen], reader: httpx.Client, handbook: str
) -> None:
    ask(reader, "How many days of leave are granted?")
    person = rita(screen, "/responses")
    person.reach("tbody a")
    person.press("Enter")
    assert "fused" in person.see(".sources .figures")
    assert "retrieve" in person.see(".legend")
    assert person.broken_words() == []
    assert person.faults() == []
    person.reach("section form button")
    person.press("Enter")
    assert "The answer is the same." in person.see(".card")


def test_table_is_ordered_and_gets_columns_with_keys(
    screen: Callable[..., Screen], reader: httpx.Client, handbook: str
) -> None:
    ask(reader, "How many days of leave are granted?")
    ask(reader, "Who books trains?")
    person = rita(screen, "/responses")
    person.reach("th [data-by=probability]")
    person.press("Enter")
    person.until("document.querySelector('th[aria-sort=ascending] [data-by=probability]')")
    person.press("Enter")
    person.until("document.querySelector('th[aria-sort=descending] [data-by=probability]')")
    assert "order=-probability" in person.page.url
    person.page.keyboard.press("Shift+Tab")
    columns = person.page.locator("details", has_text="Columns").locator("summary")
    columns.focus()
    person.press("Enter")
    person.reach("details[open] .check input:not(:checked)")
    person.press("Space")
    person.until("document.querySelectorAll('th [data-by^=\"score.\"]').length === 2")
    assert person.faults() == []


def test_log_is_readable_on_a_telephone(
    screen: Callable[..., Screen], reader: httpx.Client, handbook: str
) -> None:
    ask(reader, "How long is leave?")
    person = screen(Role.REVIEWER, "rita", size=PHONE, dark=True)
    person.open("/responses")
    person.see("tbody tr a")
    assert person.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert person.faults() == []
