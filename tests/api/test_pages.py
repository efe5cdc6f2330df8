import re
from importlib.resources import files

import httpx
import pytest

from api.routes.pages import PAGES
from store.types import Role
from tests.api.conftest import Clients, assert_problem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.module)
def test_page_runs_nothing_but_our_own_files(clients: Clients, page: object) -> None:
    path = re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000007", page.path)  # type: ignore[attr-defined]
    response = clients.anonymous().get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert re.findall(r"<script[^>]*>[^<]|<style| on\w+=| style=", response.text) == []


def test_page_loads_files_that_are_there(clients: Clients) -> None:
    client = clients.anonymous()
    for page in PAGES:
        assert client.get(f"/assets/pages/{page.module}.js").status_code == 200
    shown = client.get("/ask").text
    for path in re.findall(r'"(/assets/[^"]+)"', shown):
        assert client.get(path).status_code == 200


def test_scripts_import_files_that_are_there() -> None:
    web = files("api") / "web"
    scripts = [*(web / "pages").iterdir(), *(file for file in web.iterdir() if file.name.endswith(".js"))]
    assert scripts
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        for name in re.findall(r'from "\.\.?/([^"]+)"', text):
            assert (web / name).is_file(), (script.name, name)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), (
            script.name
        )


def test_file_that_did_not_change_is_not_sent_again(clients: Clients) -> None:
    client = clients.anonymous()
    first = client.get("/assets/app.css")
    again = client.get("/assets/app.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("name", ["shell.html", "..%2f..%2fapp.py", "nothing.js", "pages"])
def test_other_files_are_not_served(clients: Clients, name: str) -> None:
    assert_problem(clients.anonymous().get(f"/assets/{name}"), 404)


def test_first_page_is_ask(clients: Clients) -> None:
    assert clients.anonymous().get("/").headers["location"] == "/ask"


def test_caller_is_told_who_he_is(clients: Clients) -> None:
    client = clients.of(Role.REVIEWER, "rita")
    me = client.get("/v1/me").json()
    assert (me["user"], me["role"]) == ("rita", "reviewer")
    assert_problem(httpx.get(f"{clients.url}/v1/me"), 401, "API key")
