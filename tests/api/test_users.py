import httpx

from store.types import Role
from tests.api.command_line import Rag
from tests.api.conftest import Clients, assert_problem


def test_user_is_made_changed_and_listed(clients: Clients, administrator: httpx.Client) -> None:
    body = {"name": "eve", "display_name": "Eve Adams", "email": "eve@example.org", "role": "contributor"}
    made = administrator.post("/v1/users", json=body)
    assert made.status_code == 201
    path = f"/v1/users/{made.json()['id']}"
    assert administrator.get(path).json() == made.json()
    changed = administrator.patch(path, json={"email": None}).json()
    assert changed == {**made.json(), "email": None}
    assert [user["name"] for user in administrator.get("/v1/users").json()["users"]] == ["root", "eve"]
    assert_problem(administrator.post("/v1/users", json={"name": "eve"}), 409, "'eve'")


def test_role_that_is_lowered_bounds_keys_at_once(clients: Clients, administrator: httpx.Client) -> None:
    client = clients.of(Role.CONTRIBUTOR, "eve")
    me = client.get("/v1/users/me").json()
    assert (me["role"], me["verbs"]) == ("contributor", ["ask", "ingest", "read"])
    administrator.patch(f"/v1/users/{me['user']['id']}", json={"role": "reader"}).raise_for_status()
    assert_problem(client.post("/v1/corpora", json={"name": "x"}), 403, "contributor", "reader")
    assert client.get("/v1/users/me").json()["role"] == "reader"
    higher = administrator.post("/v1/keys", json={"user": "eve", "role": "reviewer"})
    assert_problem(higher, 422, "rag users change eve --role reviewer")


def test_disabled_user_is_401_everywhere(clients: Clients, administrator: httpx.Client) -> None:
    client = clients.of(Role.READER, "eve")
    user_id = client.get("/v1/users/me").json()["user"]["id"]
    administrator.patch(f"/v1/users/{user_id}", json={"disabled": True}).raise_for_status()
    assert_problem(client.get("/v1/corpora"), 401, "disabled")
    assert client.post("/mcp", json={}).status_code == 401
    named = client.post("/v1/sessions", json={}, headers={"Idempotency-Key": "one"})
    assert named.status_code == 401


def test_users_and_groups_are_for_administrators(clients: Clients) -> None:
    reviewer = clients.of(Role.REVIEWER)
    for path in ("/v1/users", "/v1/groups"):
        assert_problem(reviewer.get(path), 403, "administrator")
        assert_problem(reviewer.post(path, json={"name": "x"}), 403, "administrator")


def test_groups_have_members(clients: Clients, administrator: httpx.Client) -> None:
    group = administrator.post("/v1/groups", json={"name": "legal"}).raise_for_status().json()
    eve = administrator.post("/v1/users", json={"name": "eve"}).json()
    path = f"/v1/groups/{group['id']}"
    assert administrator.put(f"{path}/members/{eve['id']}").json()["groups"] == ["legal"]
    assert administrator.get(path).json()["members"] == 1
    assert [user["name"] for user in administrator.get(f"{path}/members").json()["users"]] == ["eve"]
    changed = administrator.patch(path, json={"name": "law", "description": "Lawyers"}).json()
    assert (changed["name"], changed["description"]) == ("law", "Lawyers")
    assert administrator.delete(f"{path}/members/{eve['id']}").json()["groups"] == []
    assert administrator.delete(path).status_code == 204
    missing = "00000000-0000-0000-0000-000000000000"
    assert_problem(administrator.get(path), 404, "group")
    assert_problem(administrator.put(f"{path}/members/{eve['id']}"), 404, "group")
    assert_problem(administrator.get(f"/v1/users/{missing}"), 404, missing)


def test_command_line_manages_users_and_groups(rag: Rag) -> None:
    assert rag("users", "create", "eve", "--role", "reader", "--json").json["role"] == "reader"
    assert (
        rag("users", "change", "eve", "--email", "eve@example.org", "--no-role", "--json").json["role"]
        is None
    )
    rag("keys", "create", "--role", "reviewer", "--user", "eve")
    assert rag("groups", "create", "legal", "--json").json["members"] == 0
    assert rag("groups", "add", "legal", "eve", "--json").json["groups"] == ["legal"]
    assert [user["name"] for user in rag("groups", "members", "legal", "--json").json["users"]] == ["eve"]
    rag("users", "disable", "eve")
    listed = rag("users", "list", "--json").json["users"]
    assert listed[0]["disabled"] and listed[0]["groups"] == ["legal"] and listed[0]["keys"] == 0
    rag("users", "enable", "eve")
    assert rag("users", "list", "--json").json["users"][0]["roles"] == ["reviewer"]
    assert "legal" in rag("groups", "list").out
    assert "none" in rag("groups", "remove", "legal", "eve").out
    rag("groups", "delete", "legal")
    assert rag("groups", "list", "--json").json == {"groups": []}
    assert rag("users", "disable", "nobody").code == 2
