from pathlib import Path

import httpx
import pytest

from api.settings import Settings
from tests.api.conftest import assert_problem
from tests.api.test_responses import ask


@pytest.fixture
def settings(settings: Settings, checkpoint_folder: Path) -> Settings:
    others = {"before": str(checkpoint_folder), "gone": "/nowhere"}
    return settings.model_copy(update={"other_generators": others})


def test_question_is_asked_again_of_another_model(reader: httpx.Client, handbook: str) -> None:
    before = ask(reader, "How many days of leave are granted?")
    assert reader.get("/v1/responses/models").json() == {"models": ["before", "gone"]}
    path = f"/v1/responses/{before}/replay"
    replayed = reader.post(path, json={"model": "before"}).raise_for_status().json()
    assert replayed["answer"]["answer"] == replayed["before"]
    assert reader.get(f"/v1/responses/{replayed['answer']['response_id']}").json()["model"]


def test_model_that_is_not_there_is_named(reader: httpx.Client, handbook: str) -> None:
    before = ask(reader, "How many days of leave are granted?")
    path = f"/v1/responses/{before}/replay"
    assert_problem(reader.post(path, json={"model": "nothing"}), 422, "'nothing'", "before, gone")
    assert reader.post(path, json={"model": "gone"}).status_code >= 500
