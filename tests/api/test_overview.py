import httpx

from store.types import Role
from tests.api.conftest import Clients, assert_problem
from tests.api.test_responses import ask


def test_overview_shows_what_one_may_see(reader: httpx.Client, clients: Clients, handbook: str) -> None:
    ask(reader, "How many days of leave are granted?")
    ask(clients.of(Role.READER, "eve"), "Who books trains?")
    own = reader.get("/v1/overview").raise_for_status().json()
    assert [cell["responses"] for cell in own["activity"]] == [1]
    assert [each["question"] for each in own["most_asked"]] == ["How many days of leave are granted?"]
    assert own["latency"][0]["p95_ms"] > 0
    rita = clients.of(Role.REVIEWER, "rita")
    seen = rita.get("/v1/overview", params={"by": "corpus", "q": "since:1d"}).json()
    assert [(cell["series"], cell["responses"]) for cell in seen["activity"]] == [(handbook, 2)]
    assert sum(found["count"] for found in seen["answered"] + seen["withheld"]) == 2


def test_overview_refuses_what_it_does_not_know(reader: httpx.Client) -> None:
    assert_problem(reader.get("/v1/overview", params={"by": "colour"}), 422, "by")
    assert_problem(reader.get("/v1/overview", params={"q": "colour:red"}), 422, "'colour'")
