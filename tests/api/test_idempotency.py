"""Requests that are sent twice."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from api.build import Application
from api.idempotency import Fingerprint
from store import access, idempotency
from store.errors import RequestRunningError
from store.postgres import Database
from store.tables import IdempotentRequestRow
from store.types import Role
from tests.api.conftest import Clients, assert_problem

KEY = {"user": "eve", "role": "reader"}


def named(name: str = "a-name") -> dict[str, str]:
    return {"Idempotency-Key": name}


def test_request_that_is_sent_twice_is_done_once(administrator: httpx.Client) -> None:
    first = administrator.post("/v1/keys", json=KEY, headers=named())
    second = administrator.post("/v1/keys", json=KEY, headers=named())
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == "application/json"
    users = [key["user"] for key in administrator.get("/v1/keys").json()["keys"]]
    assert users.count("eve") == 1


def test_another_request_under_the_same_name_is_409(administrator: httpx.Client) -> None:
    administrator.post("/v1/keys", json=KEY, headers=named()).raise_for_status()
    other = administrator.post("/v1/keys", json={**KEY, "user": "mallory"}, headers=named())
    assert_problem(other, 409, "a-name", "another request")
    elsewhere = administrator.post("/v1/corpora", json=KEY, headers=named())
    assert_problem(elsewhere, 409, "another request")


def test_names_of_different_callers_do_not_meet(clients: Clients, handbook: str) -> None:
    asked = [
        clients.of(Role.READER, user).post(
            "/v1/ask", json={"question": "How long is leave?", "corpus": handbook}, headers=named()
        )
        for user in ("ann", "bob")
    ]
    assert asked[0].json()["response_id"] != asked[1].json()["response_id"]


def test_question_is_answered_and_logged_once(reader: httpx.Client, handbook: str) -> None:
    for stream in (False, True):
        body = {"question": "How long is leave?", "corpus": handbook, "stream": stream}
        first, second = (reader.post("/v1/ask", json=body, headers=named(str(stream))) for _ in range(2))
        assert first.text == second.text
        assert first.headers["content-type"] == second.headers["content-type"]
    assert len(reader.get("/v1/responses").json()["responses"]) == 2


def test_form_is_the_same_though_its_boundary_differs(contributor: httpx.Client, handbook: str) -> None:
    def send(content: bytes) -> httpx.Response:
        files = {"file": ("a.txt", content, "text/plain")}
        return contributor.post(
            "/v1/documents", files=files, data={"corpus": handbook}, headers=named("upload")
        )

    first, second = send(b"Dogs."), send(b"Dogs.")
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert (first.status_code, second.json()) == (201, first.json())
    assert_problem(send(b"Cats."), 409, "upload")


def test_boundary_does_not_count_wherever_the_body_is_cut() -> None:
    def fingerprint(boundary: bytes, cut: int) -> str:
        body = b"--" + boundary + b"\r\n\r\ntext\r\n--" + boundary + b"--"
        found = Fingerprint(boundary)
        found.update(body[:cut])
        found.update(body[cut:])
        return found.hexadecimal()

    assert len({fingerprint(b"0123abcd", cut) for cut in range(30)} | {fingerprint(b"efgh", 3)}) == 1


def test_request_that_failed_can_be_sent_again(contributor: httpx.Client) -> None:
    body = {"corpus": "new", "source": "a", "text": "text"}
    assert_problem(contributor.post("/v1/documents", json=body, headers=named()), 404, "'new'")
    contributor.post("/v1/corpora", json={"name": "new"}).raise_for_status()
    assert contributor.post("/v1/documents", json=body, headers=named()).status_code == 201


def test_answer_is_not_readable_in_the_database(administrator: httpx.Client, database: Database) -> None:
    secret = administrator.post("/v1/keys", json=KEY, headers=named()).json()["key"]
    with database.transaction() as session:
        stored = session.scalars(select(IdempotentRequestRow.result)).one()
    assert stored is not None
    assert secret.encode() not in stored
    assert b"eve" not in stored


@pytest.mark.parametrize("name", ["", "two words", "a" * 201, "tab\there", "caf\u00e9"])
def test_name_that_cannot_be_one_is_400(administrator: httpx.Client, name: str) -> None:
    headers = [(b"idempotency-key", name.encode())]
    assert_problem(administrator.post("/v1/keys", json=KEY, headers=headers), 400, "Idempotency-Key")


def test_wrong_key_is_401_with_a_name_too(clients: Clients) -> None:
    headers = {**named(), "Authorization": "Bearer gw_wrong"}
    assert_problem(clients.anonymous().post("/v1/keys", json=KEY, headers=headers), 401)


def test_two_at_the_same_time_make_one(administrator: httpx.Client, clients: Clients) -> None:
    answers: list[httpx.Response] = []
    headers = {**administrator.headers, **named()}

    def send() -> None:
        answers.append(httpx.post(f"{clients.url}/v1/keys", json=KEY, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    users = [key["user"] for key in administrator.get("/v1/keys").json()["keys"]]
    assert users.count("eve") == 1


@pytest.fixture
def claim(database: Database) -> Callable[[], object]:
    with database.transaction() as session:
        key_id = access.create_key(session, "ann", Role.READER).key.id

    def claim_again() -> object:
        with database.transaction() as session:
            return idempotency.claim(session, key_id, "a", "f")

    return claim_again


def age(database: Database, by: timedelta) -> None:
    row = IdempotentRequestRow
    with database.transaction() as session:
        session.execute(update(row).values(created_at=row.created_at - by))


def test_request_of_a_process_that_died_is_free_after_a_while(
    database: Database, claim: Callable[[], object]
) -> None:
    first = claim()
    with pytest.raises(RequestRunningError):
        claim()
    age(database, idempotency.ABANDONED_AFTER)
    assert claim() not in (first, None)


def test_results_are_forgotten_after_a_day(database: Database, claim: Callable[[], object]) -> None:
    claimed = claim()
    with database.transaction() as session:
        key_id = session.scalars(select(IdempotentRequestRow.key_id)).one()
        idempotency.complete(session, uuid4(), key_id, "a", b"of another claim")
        idempotency.complete(session, claimed, key_id, "a", b"result")  # type: ignore[arg-type]
    assert claim() == b"result"
    age(database, idempotency.KEPT_FOR)
    assert claim() not in (claimed, b"result")


def test_body_over_the_limit_is_413_with_a_name_too(
    application: Application, contributor: httpx.Client
) -> None:
    most = application.settings.max_upload_bytes
    headers = {**named(), "Content-Type": "application/json"}
    pieces = (b"x" * 1_000_000 for _ in range(most // 1_000_000 + 1))
    assert_problem(contributor.post("/v1/documents", content=pieces, headers=headers), 413)
