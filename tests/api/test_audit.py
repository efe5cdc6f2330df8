import json
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from api.audit import ANCHORS, anchor, read_anchors
from api.settings import Settings, SettingsError
from store.postgres import Database
from store.types import Role
from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import Clients, assert_problem


def acts(client: httpx.Client, **wanted: str | int) -> list[tuple[str, str, str]]:
    """Who did what to what, the oldest first."""
    found = client.get("/v1/audit", params=wanted).raise_for_status().json()["acts"]
    return [(act["actor"], act["action"], act["object"]) for act in reversed(found)]


def test_acts_of_administrators_are_recorded(administrator: httpx.Client, handbook: str) -> None:
    made = administrator.post("/v1/keys", json={"user": "eve", "role": "reader"}).json()
    administrator.delete(f"/v1/keys/{made['id']}").raise_for_status()
    change = {"settings": {"near_duplicates": {"threshold": 0.9}}}
    administrator.patch(f"/v1/corpora/{handbook}", json=change).raise_for_status()
    document = administrator.get("/v1/documents", params={"corpus": handbook}).json()["documents"][0]["id"]
    administrator.delete(f"/v1/documents/{document}").raise_for_status()
    administrator.get(f"/v1/corpora/{handbook}/export").raise_for_status()
    administrator.get("/v1/responses/export", params={"text": "my illness"}).raise_for_status()
    administrator.delete(f"/v1/corpora/{handbook}").raise_for_status()
    assert acts(administrator) == [
        ("carl", "corpus.create", handbook),
        ("root", "key.create", made["id"]),
        ("root", "key.revoke", made["id"]),
        ("root", "corpus.settings", handbook),
        ("root", "document.delete", document),
        ("root", "corpus.export", handbook),
        ("root", "responses.export", "responses"),
        ("root", "corpus.delete", handbook),
    ]
    assert acts(administrator, action="key", actor="root", limit=1) == [("root", "key.revoke", made["id"])]
    whole = administrator.get("/v1/audit").text
    assert "illness" not in whole
    assert made["key"] not in whole


def test_act_that_fails_is_not_recorded(administrator: httpx.Client, handbook: str) -> None:
    assert_problem(administrator.post("/v1/corpora", json={"name": handbook}), 409)
    assert [action for _, action, _ in acts(administrator)] == ["corpus.create"]


def test_audit_log_is_for_administrators(clients: Clients) -> None:
    assert_problem(clients.of(Role.REVIEWER).get("/v1/audit"), 403, "administrator")


def test_to_export_the_audit_log_is_recorded(administrator: httpx.Client) -> None:
    lines = administrator.get("/v1/audit", headers={"Accept": "application/jsonl"}).text.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["audit.export"]


def test_command_line_records_lists_and_exports(rag: Rag) -> None:
    key = rag("keys", "create", "--role", "reader", "--user", "eve", "--json").json
    rag("keys", "revoke", key["id"])
    listed = rag("audit", "list", "--json").json["acts"]
    assert [(act["action"], act["object"]) for act in listed] == [
        ("key.revoke", key["id"]),
        ("key.create", key["id"]),
    ]
    assert listed[1]["details"] == {"local": True, "user": "eve", "role": "reader"}
    assert "key.create" in rag("audit", "list", "--action", "key.create").out
    exported = [json.loads(line) for line in rag("audit", "export").out.splitlines()]
    assert [act["number"] for act in exported] == [1, 2, 3]
    assert exported[:2] == listed[::-1]


def test_command_line_finds_a_row_that_was_changed_or_cut_off(
    rag: Rag, database: Database, tmp_path: Path
) -> None:
    for user in ("eve", "ada"):
        rag("keys", "create", "--role", "reader", "--user", user)
    assert rag("audit", "verify", "--json").json == {"whole": True, "rows": 2, "anchors": 2, "breaks": []}
    with database.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE audit SET actor = 'eve' WHERE number = 1"))
        session.execute(text("DELETE FROM audit WHERE number = 2"))
    found = rag("audit", "verify")
    assert found.code == 1
    assert "Row 1 was changed" in found.out
    assert "Row 2 is missing, though the anchor file knows of it" in found.out
    (tmp_path / "data" / ANCHORS).write_text("{}\n")
    assert_one_line(rag("audit", "verify"), 2, "Line 1", "is no anchor")


def test_anchor_is_noted_once(database: Database, settings: Settings, administrator: httpx.Client) -> None:
    administrator.post("/v1/keys", json={"user": "eve", "role": "reader"}).raise_for_status()
    for _ in range(2):
        anchor(database, settings)
    assert [noted.number for noted in read_anchors(settings)] == [1]


def test_folder_that_cannot_be_written_to_is_logged(
    database: Database, settings: Settings, administrator: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    administrator.post("/v1/keys", json={"user": "eve", "role": "reader"}).raise_for_status()
    settings.data_dir.parent.mkdir(parents=True, exist_ok=True)
    file = settings.data_dir.parent / "file"
    file.write_text("")
    anchor(database, settings.model_copy(update={"data_dir": file / "folder"}))
    assert "cannot be noted" in caplog.text
    with pytest.raises(SettingsError, match="cannot be read"):
        read_anchors(settings.model_copy(update={"data_dir": file / "folder"}))
