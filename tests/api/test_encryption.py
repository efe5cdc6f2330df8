import asyncio
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.build import opened
from api.settings import Settings, load_settings
from store.errors import EncryptionKeyError
from store.postgres import Database
from tests.api.command_line import Rag, assert_one_line
from tests.store.test_sealing import dump

SECRET = "a secret of more than 32 characters"
QUESTION = "Is zugzwang granted to everyone?"


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With a key, but for tests of commands, which begin without one."""
    key = None if "rag" in request.fixturenames else load_settings(encryption_key=SECRET).encryption_key
    return settings.model_copy(update={"encryption_key": key})


def test_question_is_logged_encrypted_and_found_by_its_words(
    reader: httpx.Client, handbook: str, database: Database
) -> None:
    answer = reader.post("/v1/ask", json={"question": QUESTION, "corpus": handbook}).raise_for_status().json()
    session = {"question": "And who books them?", "corpus": handbook, "session_id": answer["session_id"]}
    reader.post("/v1/ask", json=session).raise_for_status()
    shown = reader.get(f"/v1/responses/{answer['response_id']}").raise_for_status().json()
    assert (shown["question"], shown["body"]) == (QUESTION, answer)
    listed = reader.get("/v1/responses", params={"text": "ZUGZWANG"}).json()["responses"]
    assert [response["id"] for response in listed] == [answer["response_id"]]
    exported = reader.get("/v1/responses/export", params={"text": "zugzwang"}).text
    assert QUESTION in exported
    [conversation] = reader.get("/v1/sessions").json()["sessions"]
    assert conversation["first_question"] == QUESTION
    said = {"response_id": answer["response_id"], "comment": "Quatsch."}
    assert reader.post("/v1/feedback", json=said).raise_for_status().json()["comment"] == "Quatsch."
    held = dump(database)
    assert [word for word in ("zugzwang", "books them", "Quatsch") if word in held] == []


def test_nothing_starts_without_the_key(settings: Settings, reader: httpx.Client, handbook: str) -> None:
    reader.post("/v1/ask", json={"question": QUESTION, "corpus": handbook}).raise_for_status()
    without = settings.model_copy(update={"encryption_key": None})
    with pytest.raises(EncryptionKeyError, match="no encryption key is set"), opened(without):
        pass
    app = create_app(without)

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(EncryptionKeyError, match="no encryption key is set"):
        asyncio.run(start())


def test_commands_encrypt_and_change_the_key(
    rag: Rag, handbook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    assert rag("encryption", "status", "--json").json["on"] is False
    assert_one_line(rag("encryption", "encrypt"), 2, "RAG_ENCRYPTION_KEY", "rag encryption new-key")
    assert_one_line(rag("encryption", "rotate"), 2, "--new-key-file")
    assert_one_line(rag("encryption", "rotate", "--data"), 2, "not encrypted")
    response = rag("ask", QUESTION, "--corpus", handbook, "--json").json["response_id"]
    monkeypatch.setenv("RAG_ENCRYPTION_KEY", SECRET)
    done = rag("encryption", "encrypt", "--json").json
    assert done == {"responses": 1, "feedback": 0, "corrections": 0, "scores": 0, "sessions": 0}
    assert "zugzwang" not in dump(database)
    status = rag("encryption", "status", "--json").json
    assert status["rows"]["responses"] == {"sealed": 1, "plain": 0}
    assert status["key_id"] in rag("encryption", "status").out
    new = tmp_path / "key"
    new.write_text(rag("encryption", "new-key").out)
    turned = rag("encryption", "rotate", "--new-key-file", new, "--data", "--json")
    assert (turned.json["data_keys"], turned.json["responses"]) == (2, 1)
    assert "RAG_ENCRYPTION_KEY_FILE" in turned.err
    assert_one_line(rag("responses", "list"), 2, "another key", "RAG_ENCRYPTION_KEY")
    monkeypatch.delenv("RAG_ENCRYPTION_KEY")
    assert_one_line(rag("responses", "list"), 2, "no encryption key is set")
    monkeypatch.setenv("RAG_ENCRYPTION_KEY_FILE", str(new))
    assert rag("responses", "show", response, "--json").json["question"] == QUESTION
    actions = [act["action"] for act in rag("audit", "list", "--action", "encryption", "--json").json["acts"]]
    assert actions == ["encryption.encrypt", "encryption.rotate", "encryption.encrypt"]


def test_key_shows_itself_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_ENCRYPTION_KEY", SECRET)
    assert SECRET not in repr(load_settings())
