import json
from pathlib import Path

import httpx
import pytest

from api.settings import Settings, SettingsError, load_settings
from api.vault import needed_vault_key, vault_key
from store.errors import VaultKeyError
from store.types import Role
from tests.api.command_line import Rag, assert_one_line
from tests.api.conftest import Clients, assert_problem, send_text

SECRET = "0123456789abcdef0123456789abcdef"
TEXT = "Ada Lovelace grants leave. Write to ada@example.org, and bring the form."


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"vault_key": load_settings(vault_key=SECRET).vault_key})


@pytest.fixture
def anonymous(handbook: str, administrator: httpx.Client) -> str:
    """The text of a document of the corpus, which is anonymised now."""
    chosen = {"settings": {"anonymize": {"kinds": ["email", "phone"], "phone_regions": ["DE"]}}}
    administrator.patch("/v1/corpora/handbook", json=chosen).raise_for_status()
    document = send_text(administrator, "wiki:ada", TEXT).json()["document_id"]
    return str(administrator.get(f"/v1/documents/{document}/text").json()["text"])


def pseudonym(text: str) -> str:
    return text[text.index("[") : text.index("]") + 1]


def test_anonymous_corpus_stores_pseudonyms_that_an_administrator_can_open(
    anonymous: str, clients: Clients, administrator: httpx.Client
) -> None:
    assert "ada@example.org" not in anonymous
    shown = administrator.get(f"/v1/vault/{pseudonym(anonymous)}").raise_for_status().json()
    assert (shown["kind"], shown["value"]) == ("email", "ada@example.org")
    assert administrator.get(f"/v1/vault/{pseudonym(anonymous)[1:-1]}").json() == shown
    assert_problem(administrator.get("/v1/vault/EMAIL_000000000000"), 404, "EMAIL_000000000000")
    openings = administrator.get("/v1/vault").json()["openings"]
    assert [(o["user"], o["found"]) for o in openings] == [("root", False), ("root", True), ("root", True)]
    reviewer = clients.of(Role.REVIEWER)
    assert_problem(reviewer.get(f"/v1/vault/{pseudonym(anonymous)}"), 403, "administrator")


def test_person_is_forgotten_and_found_no_more(handbook: str, administrator: httpx.Client) -> None:
    send_text(administrator, "wiki:ada", TEXT)
    person = {"person": ["Ada Lovelace", "ada@example.org"]}
    search = {"query": "Lovelace", "corpus": "handbook", "mode": "keyword"}
    assert administrator.post("/v1/search", json=search).json()["hits"]
    trial = administrator.post("/v1/forget", json={**person, "dry_run": True}).raise_for_status().json()
    assert (trial["documents"], trial["corpora"], trial["dry_run"]) == (1, ["handbook"], True)
    done = administrator.post("/v1/forget", json=person).raise_for_status().json()
    assert {**done, "dry_run": True} == trial
    hits = administrator.post("/v1/search", json=search).json()["hits"]
    assert [hit["text"] for hit in hits] == []
    assert_problem(administrator.post("/v1/forget", json={"person": ["Al"]}), 422, "too short")


def test_only_administrators_forget(contributor: httpx.Client) -> None:
    assert_problem(contributor.post("/v1/forget", json={"person": ["Ada"]}), 403, "administrator")


def test_command_line_forgets_and_lists_models(
    rag: Rag, handbook: str, contributor: httpx.Client, tmp_path: Path
) -> None:
    send_text(contributor, "wiki:ada", TEXT)
    model = tmp_path / "data" / "models" / "mine"
    model.mkdir(parents=True)
    (model / "model.json").write_text(json.dumps({"corpora": ["handbook"]}))
    trial = rag("forget", "Ada Lovelace", "--dry-run").out
    assert "documents of handbook: 1 (1 versions, 1 chunks)" in trial
    assert f"the model {model} was trained on handbook" in trial
    done = rag("forget", "Ada Lovelace", "--yes", "--json")
    assert (done.json["documents"], done.json["models"][0]["corpora"]) == (1, ["handbook"])
    assert "backups" in done.err
    assert rag("forget", "Ada Lovelace", "--yes", "--json").json["documents"] == 0
    assert_one_line(rag("forget", "x", "--yes"), 2, "too short")


def test_command_line_opens_the_vault(rag: Rag, anonymous: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_one_line(rag("vault", "show", pseudonym(anonymous)), 2, "RAG_VAULT_KEY", "rag vault new-key")
    monkeypatch.setenv("RAG_VAULT_KEY", SECRET)
    assert rag("vault", "show", pseudonym(anonymous)).out == "ada@example.org\n"
    assert_one_line(rag("vault", "show", "EMAIL_0"), 2, "[EMAIL_0]")
    assert [one["found"] for one in rag("vault", "log", "--json").json["openings"]] == [False, True]
    monkeypatch.setenv("RAG_VAULT_KEY", "another key of at least 32 characters")
    assert_one_line(rag("vault", "show", pseudonym(anonymous)), 2, "cannot be opened with this key")


def test_command_line_ingests_anonymously_with_the_right_key_only(
    rag: Rag, anonymous: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("Call 030 901820 or write to ada@example.org, please.")
    assert_one_line(rag("ingest", tmp_path / "a.txt", "--corpus", "handbook", "--json"), 2, "RAG_VAULT_KEY")
    monkeypatch.setenv("RAG_VAULT_KEY", "another key of at least 32 characters")
    assert_one_line(rag("ingest", tmp_path / "a.txt", "--corpus", "handbook", "--json"), 2, "another key")
    monkeypatch.setenv("RAG_VAULT_KEY", SECRET)
    assert rag("ingest", tmp_path / "a.txt", "--corpus", "handbook", "--json").json["documents"]["done"] == 1
    exported = rag("documents", "export", "--corpus", "handbook").out
    assert "901820" not in exported
    assert exported.count(pseudonym(anonymous)) == 2


def test_names_need_a_model(rag: Rag, handbook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_VAULT_KEY", SECRET)
    rag("corpora", "settings", handbook, 'anonymize.kinds=["name"]')
    (tmp_path / "a.txt").write_text("Ada was here.")
    assert_one_line(rag("ingest", tmp_path / "a.txt", "--corpus", handbook, "--json"), 2, "RAG_NAMES_MODEL")


def test_unknown_kinds_and_regions_are_refused(rag: Rag, handbook: str) -> None:
    assert_one_line(rag("corpora", "settings", handbook, 'anonymize.kinds=["mail"]'), 2, "anonymize.kinds")
    assert_one_line(rag("corpora", "settings", handbook, 'anonymize.phone_regions=["XX"]'), 2, "'XX'")


def test_key_comes_from_the_setting_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    given, read = (
        vault_key(load_settings(**{n: v})) for n, v in (("vault_key", SECRET), ("vault_key_file", file))
    )
    assert given is not None
    assert read is not None
    assert given.id == read.id
    assert vault_key(load_settings()) is None
    with pytest.raises(VaultKeyError, match="rag vault new-key"):
        needed_vault_key(load_settings(), "It")
    with pytest.raises(SettingsError, match="both set"):
        vault_key(load_settings(vault_key=SECRET, vault_key_file=file))
    with pytest.raises(SettingsError, match="RAG_VAULT_KEY_FILE"):
        vault_key(load_settings(vault_key_file=tmp_path / "none"))


def test_new_key_can_be_the_key(rag: Rag) -> None:
    secret = rag("vault", "new-key").out.strip()
    assert vault_key(load_settings(vault_key=secret)) is not None


def test_key_shows_itself_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_VAULT_KEY", SECRET)
    assert SECRET not in repr(load_settings())
