from typing import Any

import pytest

from store import passwords, users
from store.postgres import Database
from store.types import Role
from tests.api.browser.conftest import Screen
from tests.api.conftest import Clients

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PASSWORD = "seven brass kettles hum"


def test_login_with_the_keyboard_leads_on_and_out(browser: Any, clients: Clients, database: Database) -> None:
    with database.transaction() as session:
        passwords.change(session, users.create(session, "ada", role=Role.READER).id, "ada", PASSWORD)
    context = browser.new_context()
    person = Screen(context.new_page(), clients.url)
    person.open("/login?next=/ask%3Fcorpus=x")
    person.see("form input[name=user]")
    person.type("ada")
    person.press("Tab")
    person.type(PASSWORD)
    person.press("Enter")
    assert person.see(".who .user") == "ada"
    assert person.page.url == f"{clients.url}/ask?corpus=x"
    assert person.complaints == []
    person.page.evaluate("fetch('/v1/sessions', {method: 'POST'}).then(r => (window.refused = r.status))")
    person.until("window.refused === 403")
    person.page.get_by_role("button", name="Sign out").press("Enter")
    person.see("dialog")
    assert clients.url + "/login" not in person.page.url
    assert [cookie["name"] for cookie in context.cookies()] == []
    context.close()


@pytest.mark.parametrize("next", ["https://example.org/x", "//example.org", "javascript:alert(1)", "/login"])
def test_login_leads_nowhere_else(browser: Any, clients: Clients, database: Database, next: str) -> None:
    with database.transaction() as session:
        passwords.change(session, users.create(session, "ada", role=Role.READER).id, "ada", PASSWORD)
    context = browser.new_context()
    person = Screen(context.new_page(), clients.url)
    person.open(f"/login?next={next}")
    person.see("form input[name=user]")
    person.type("ada")
    person.press("Tab")
    person.type(PASSWORD)
    person.press("Enter")
    person.see(".who .user")
    assert person.page.url == f"{clients.url}/ask"
    context.close()
