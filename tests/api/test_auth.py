from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.auth import allows
from store.types import Role
from tests.api.conftest import Clients, assert_problem


def test_request_without_key_is_401_and_says_how_to_send_one(clients: Clients) -> None:
    response = clients.anonymous().get("/v1/corpora")
    assert_problem(response, 401, "Authorization: Bearer KEY", "rag keys create")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer gw_wrong", "Bearer", "Basic Z3c6", "gw_wrong", "Bearer \u00e9"])
def test_wrong_key_is_401(clients: Clients, header: str) -> None:
    client = clients.anonymous()
    response = client.get("/v1/corpora", headers=[(b"authorization", header.encode())])
    assert_problem(response, 401, "rag keys create")
    assert response.headers["www-authenticate"] == "Bearer"


def test_revoked_key_is_401(clients: Clients, administrator: httpx.Client) -> None:
    leaving = clients.of(Role.READER)
    assert leaving.get("/v1/corpora").status_code == 200
    key = administrator.get("/v1/keys").json()["keys"][-1]
    revoked = administrator.delete(f"/v1/keys/{key['id']}").json()
    assert revoked["revoked_at"] is not None
    assert_problem(leaving.get("/v1/corpora"), 401, "revoked")


def test_expired_key_is_401(clients: Clients, administrator: httpx.Client) -> None:
    secrets = []
    for hours in (-1, 1):
        expires_at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
        body = {"user": "eve", "role": "reader", "expires_at": expires_at}
        secrets.append(administrator.post("/v1/keys", json=body).raise_for_status().json()["key"])
    client = clients.anonymous()
    expired, good = (client.get("/v1/corpora", headers={"Authorization": f"Bearer {s}"}) for s in secrets)
    assert_problem(expired, 401, "expired")
    assert good.status_code == 200


def test_role_that_is_not_sufficient_is_403_and_names_the_one_that_is(reader: httpx.Client) -> None:
    assert_problem(reader.post("/v1/corpora", json={"name": "x"}), 403, "contributor", "reader")
    assert_problem(reader.get("/v1/keys"), 403, "administrator")


def test_each_role_may_what_the_ones_before_it_may() -> None:
    order = [Role.READER, Role.CONTRIBUTOR, Role.REVIEWER, Role.ADMINISTRATOR]
    for rank, role in enumerate(order):
        assert [allows(role, needed) for needed in order] == [place <= rank for place in range(4)]


def test_key_that_is_made_works_and_is_listed_without_its_secret(
    clients: Clients, administrator: httpx.Client
) -> None:
    made = administrator.post("/v1/keys", json={"user": "eve", "role": "reader"})
    assert made.status_code == 201
    client = clients.anonymous()
    client.headers["Authorization"] = f"Bearer {made.json()['key']}"
    assert client.get("/v1/corpora").status_code == 200
    listed = administrator.get("/v1/keys")
    assert made.json()["id"] in listed.text
    assert made.json()["key"] not in listed.text


@pytest.mark.parametrize(
    "body",
    [{"user": "", "role": "reader"}, {"user": "a\0b", "role": "reader"}, {"user": "eve", "role": "king"}],
)
def test_key_for_nobody_or_nothing_is_422(administrator: httpx.Client, body: dict[str, str]) -> None:
    assert_problem(administrator.post("/v1/keys", json=body), 422)


def test_key_for_an_unknown_corpus_is_404_as_is_described(administrator: httpx.Client) -> None:
    response = administrator.post("/v1/keys", json={"user": "ann", "role": "reader", "corpora": ["none"]})
    assert_problem(response, 404, "none")
    described = administrator.get("/openapi.json").json()["paths"]["/v1/keys"]["post"]["responses"]
    assert "unknown-corpus" in str(described["404"])


def test_unknown_key_is_404(administrator: httpx.Client) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    assert_problem(administrator.delete(f"/v1/keys/{missing}"), 404, missing)
