"""The page of keys: one is made that may do less than its user."""

from collections.abc import Callable

import pytest

from store.types import Role
from tests.api.browser.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_a_key_is_held_to_corpora_and_kinds_of_use(screen: Callable[..., Screen], handbook: str) -> None:
    person = screen(Role.ADMINISTRATOR, "root")
    person.open("/keys")
    person.see("form")
    person.page.get_by_label("User").fill("bot")
    person.page.get_by_text("Hold it to less than its user may").click()
    person.page.get_by_label("Corpora").fill("handbook, ")
    person.page.get_by_label("read", exact=True).check()
    person.page.get_by_label("ask", exact=True).check()
    person.page.get_by_role("button", name="Make a key").click()
    assert person.see(".card code").startswith("gw_")
    person.page.get_by_text("handbook: ask, read").wait_for()
    assert person.faults() == []
