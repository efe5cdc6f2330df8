from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from starlette.responses import Response

from api.logins import set_cookies
from store import passwords, users
from store.logins import NewLogin
from store.postgres import Database
from store.tables import FailureRow
from store.types import Role
from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import Clients, assert_problem

PASSWORD = "seven brass kettles hum"
OTHER = "eight copper ladders sing"


@pytest.fixture
def ada(database: Database) -> None:
    """A contributor with a password."""
    with database.transaction() as session:
        user = users.create(session, "ada", role=Role.CONTRIBUTOR)
        passwords.change(session, user.id, "ada", PASSWORD)


def log_in(client: httpx.Client, user: str = "ada", password: str = PASSWORD) -> httpx.Response:
    return client.post("/v1/login", json={"user": user, "password": password})


@pytest.fixture
def browser(clients: Clients, ada: None) -> httpx.Client:
    """A client that is logged in and sends the token."""
    client = clients.anonymous()
    token = log_in(client).raise_for_status().json()["csrf_token"]
    client.headers["X-CSRF-Token"] = token
    return client


def acts(clients: Clients, action: str) -> list[dict[str, Any]]:
    listed = clients.of(Role.ADMINISTRATOR, "root").get("/v1/audit", params={"action": action})
    return [act for act in reversed(listed.json()["acts"]) if act["action"] != "key.create"]


def test_login_opens_what_the_users_role_allows(browser: httpx.Client) -> None:
    assert browser.get("/v1/users/me").json()["user"]["name"] == "ada"
    assert browser.post("/v1/corpora", json={"name": "mine"}).status_code == 201
    assert_problem(browser.get("/v1/keys"), 403, "administrator")


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(clients: Clients, ada: None) -> None:
    login, csrf = log_in(clients.anonymous()).headers.get_list("set-cookie")
    assert login.startswith("groundwork_login=")
    for word in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
        assert word in login
    assert "Secure" not in login
    assert csrf.startswith("groundwork_csrf=")
    assert "HttpOnly" not in csrf


def test_cookie_is_secure_where_the_connection_is() -> None:
    login = NewLogin("secret", datetime.now(UTC))
    response = Response()
    set_cookies(response, login, 1.0, secure=True)
    assert [cookie.endswith("Secure") for cookie in response.headers.getlist("set-cookie")] == [True, True]


def test_change_needs_the_token(browser: httpx.Client, clients: Clients) -> None:
    del browser.headers["X-CSRF-Token"]
    for sent in ([], [b""], [b"x"], ["é".encode()]):
        headers = [(b"x-csrf-token", token) for token in sent]
        response = browser.post("/v1/corpora", json={"name": "theirs"}, headers=headers)
        assert_problem(response, 403, "X-CSRF-Token")
    assert browser.get("/v1/corpora").json()["corpora"] == []
    other = clients.anonymous()
    stolen = log_in(other).json()["csrf_token"]
    browser.headers["X-CSRF-Token"] = stolen
    assert_problem(browser.post("/v1/corpora", json={"name": "theirs"}), 403, "X-CSRF-Token")


def test_logout_ends_the_login(browser: httpx.Client, clients: Clients) -> None:
    cookies = dict(browser.cookies)
    assert browser.post("/v1/logout", json={}).status_code == 204
    assert not browser.cookies
    browser.cookies.update(cookies)
    assert_problem(browser.get("/v1/corpora"), 401, "Log in again")
    assert [act["actor"] for act in acts(clients, "logout")] == ["ada"]


def test_logout_everywhere_ends_all(browser: httpx.Client, clients: Clients) -> None:
    other = clients.anonymous()
    log_in(other).raise_for_status()
    browser.post("/v1/logout", json={"everywhere": True}).raise_for_status()
    assert_problem(other.get("/v1/corpora"), 401)


def test_wrong_password_and_unknown_user_look_the_same(clients: Clients, ada: None) -> None:
    client = clients.anonymous()
    wrong = [log_in(client, "ada", OTHER), log_in(client, "nobody at all", OTHER)]
    assert [response.status_code for response in wrong] == [401, 401]
    assert wrong[0].json() == wrong[1].json()
    failed = acts(clients, "login.failed")
    assert [(act["actor"], act["object"], act["details"]["reason"]) for act in failed] == [
        ("", "ada", "password"),
        ("", "", "password"),
    ]
    assert "nobody at all" not in str(failed)


def test_who_fails_too_often_has_to_wait(clients: Clients, ada: None, database: Database) -> None:
    client = clients.anonymous()
    assert log_in(client, password=OTHER).status_code == 401
    with database.transaction() as session:  # as after 15 failures: hashes take too long to make them
        session.execute(update(FailureRow).values(failures=15))
    locked = log_in(client)
    assert_problem(locked, 429, "Try again in")
    assert 600 <= int(locked.headers["retry-after"]) <= 900


def test_disabled_user_and_one_without_a_role_cannot_log_in(
    clients: Clients, browser: httpx.Client, database: Database
) -> None:
    with database.transaction() as session:
        ada = users.named(session, "ada").id
        users.change(session, ada, {"role": None})
    assert_problem(browser.get("/v1/corpora"), 403, "rag users change ada --role")
    assert_problem(log_in(clients.anonymous()), 403, "rag users change ada --role")
    with database.transaction() as session:
        users.change(session, ada, {"role": Role.READER, "disabled": True})
    assert_problem(browser.get("/v1/corpora"), 401)
    assert_problem(log_in(clients.anonymous()), 401, "not the password")


def test_password_is_changed_by_who_knows_it(browser: httpx.Client, clients: Clients) -> None:
    other = clients.anonymous()
    log_in(other).raise_for_status()
    assert_problem(browser.post("/v1/password", json={"current": OTHER, "new": OTHER}), 401)
    assert_problem(browser.post("/v1/password", json={"current": PASSWORD, "new": "short"}), 422, "12")
    assert browser.post("/v1/password", json={"current": PASSWORD, "new": OTHER}).status_code == 204
    assert browser.get("/v1/corpora").status_code == 200
    assert_problem(other.get("/v1/corpora"), 401)
    assert log_in(clients.anonymous(), password=OTHER).status_code == 200
    with_key = clients.of(Role.READER).post("/v1/password", json={"current": OTHER, "new": PASSWORD})
    assert_problem(with_key, 401, "logged in")


def test_key_goes_before_the_cookie(browser: httpx.Client, clients: Clients) -> None:
    browser.headers["Authorization"] = clients.of(Role.ADMINISTRATOR, "root").headers["Authorization"]
    assert browser.get("/v1/keys").status_code == 200
    browser.headers["Authorization"] = "Bearer gw_wrong"
    assert_problem(browser.get("/v1/corpora"), 401, "API key")


@pytest.mark.parametrize(
    "cookie", ["groundwork_login=", "groundwork_login=x", "groundwork_login=\udce9", "=;;"]
)
def test_odd_cookie_is_401(clients: Clients, cookie: str) -> None:
    headers = [(b"cookie", cookie.encode("utf-8", "surrogateescape"))]
    assert_problem(clients.anonymous().get("/v1/corpora", headers=headers), 401)


def test_form_of_another_site_cannot_log_in(clients: Clients, ada: None) -> None:
    body = '{"user": "ada", "password": "' + PASSWORD + '"}'
    response = clients.anonymous().post("/v1/login", content=body, headers={"Content-Type": "text/plain"})
    assert response.status_code == 415


def test_page_to_log_in_is_there(clients: Clients) -> None:
    page = clients.anonymous().get("/login")
    assert page.status_code == 200
    assert "/assets/pages/login.js" in page.text


def test_command_gives_a_password_and_logs_out(rag: Rag, clients: Clients) -> None:
    assert_one_line(rag("users", "password", "eve", "--generate"), 2, "eve")
    rag("users", "create", "eve")
    made = rag("users", "password", "eve", "--generate", "--json")
    assert "rag users change eve --role ROLE" in rag("users", "password", "eve", "--generate").err
    password = rag("users", "password", "eve", "--generate", "--json").json["password"]
    assert made.json["password"] != password
    rag("users", "change", "eve", "--role", "reader")
    client = clients.anonymous()
    log_in(client, "eve", password).raise_for_status()
    assert rag("users", "logout", "eve", "--json").json == {"user": "eve", "ended_logins": 1}
    assert_problem(client.get("/v1/corpora"), 401)
    assert [act["object"] for act in acts(clients, "user.password")] == ["eve"] * 3
