"""The Python client, both ways."""

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import UUID

import httpx
import pytest

from api.app import create_app
from api.client import (
    AsyncClient,
    Client,
    ProblemError,
    access_calls,
    calls,
    compatible_calls,
    review_calls,
    upkeep_calls,
)
from api.client.calls import Call, Download, Listing
from api.client.client import Events
from api.exports import Exported
from api.schemas.access import KeyBody
from api.schemas.answers import AskBody, SearchBody
from api.schemas.documents import CorpusBody, DocumentBody
from api.schemas.logins import LoginBody, LogoutBody, PasswordBody
from api.schemas.openai import ChatBody, Message
from api.schemas.openai_files import StoreFileBody
from api.schemas.queries import ReplayBody
from api.schemas.sessions import FeedbackBody, SessionBody, SessionChangeBody
from api.settings import load_settings
from store import passwords, users
from store.activity import By
from store.feedback import Thumb
from store.postgres import Database
from store.types import Role
from tests.api.conftest import HANDBOOK, Clients

ASKED = AskBody(question="How many days of leave are granted to everyone?", corpus="handbook")


def key_of(clients: Clients, role: Role) -> str:
    return str(clients.of(role).headers["Authorization"]).removeprefix("Bearer ")


def test_client_does_what_the_routes_do(clients: Clients, tmp_path: Path) -> None:
    with Client(clients.url, key_of(clients, Role.ADMINISTRATOR)) as client:
        assert client.send(calls.create_corpus(CorpusBody(name="hand/book"))).name == "hand/book"
        client.send(calls.create_corpus(CorpusBody(name="handbook")))
        body = DocumentBody(corpus="handbook", source="wiki:leave", text=HANDBOOK, media_type="text/markdown")
        sent = client.send(calls.send_document(body), idempotency_key="one")
        assert client.send(calls.send_document(body), idempotency_key="one") == sent
        assert sent.document_id is not None
        (tmp_path / "pets.txt").write_text("Dogs are welcome.")
        client.send(calls.send_file(tmp_path / "pets.txt", "handbook", metadata='{"floor": 2}'))
        listed = list(client.each(calls.list_documents("handbook", '{"floor": 2}')))
        assert [document.source for document in listed] == ["upload://pets.txt"]
        assert len(list(client.each(calls.export_corpus("handbook")))) == 2
        assert client.send(calls.search(SearchBody(query="dogs", corpus="handbook"))).hits
        answer = client.send(calls.ask(ASKED))
        cited = answer.citations[0]
        text = client.send(calls.read_document(cited.document_id, cited.document_version)).text
        assert text[cited.start : cited.end] == cited.quote
        given = FeedbackBody(response_id=answer.response_id, thumb=Thumb.UP)
        assert client.send(calls.give_feedback(given)).thumb == Thumb.UP
        assert [found.thumb for found in client.each(calls.list_feedback(corrected=False))] == [Thumb.UP]
        made = client.send(calls.create_key(KeyBody(user="eve", role=Role.READER)))
        assert client.send(calls.revoke_key(made.id)).revoked_at is not None
        client.send(calls.delete_document(sent.document_id))
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(ProblemError):  # the indexes are opened in the background
                assert client.send(calls.ready()).status == "ready"
                break
            time.sleep(0.02)
        else:
            raise AssertionError("not ready in time")


def test_both_clients_stream_the_same_answer(clients: Clients, handbook: str) -> None:
    async def streamed() -> list[Any]:
        async with AsyncClient(clients.url, key_of(clients, Role.READER)) as client:
            opened = await client.send(calls.open_session(SessionBody(title="Leave")))
            asked = ASKED.model_copy(update={"session_id": opened.id})
            events = [event async for event in client.stream(asked)]
            renamed = SessionChangeBody(title="My leave")
            assert (await client.send(calls.rename_session(opened.id, renamed))).title == "My leave"
            turns = [turn async for turn in client.each(calls.list_turns(opened.id))]
            assert [turn.question for turn in turns] == [ASKED.question]
            await client.send(calls.delete_session(opened.id))
            return events

    with Client(clients.url, key_of(clients, Role.READER)) as client:
        waited = list(client.stream(ASKED))
    awaited = asyncio.run(streamed())
    for events in (waited, awaited):
        assert events[0].name == "retrieval"
        tokens = [event.data["text"] for event in events if event.name == "token"]
        assert "".join(tokens) == events[-1].data["answer"]
    assert waited[-1].data["answer"] == awaited[-1].data["answer"]


def test_client_uses_the_routes_of_openai_and_looks_after_corpora(
    clients: Clients, handbook: str, tmp_path: Path
) -> None:
    (tmp_path / "pets.txt").write_text("Dogs are welcome.")
    with Client(clients.url, key_of(clients, Role.ADMINISTRATOR)) as client:
        job = client.send(calls.send_files([tmp_path / "pets.txt"], handbook))
        assert [event.name for event in client.follow_job(job.id)][-1] == "end"
        sent = client.send(compatible_calls.upload_file(tmp_path / "pets.txt", handbook))
        assert client.send(compatible_calls.read_file(sent.id)).text == "Dogs are welcome."
        listed = client.send(compatible_calls.list_store_files(handbook, limit=5))
        assert sent.id in [file.id for file in listed.data]
        wanted = StoreFileBody(file_id=sent.id)
        assert client.send(compatible_calls.add_store_file(handbook, wanted)).status == "completed"
        assert client.send(compatible_calls.show_model("groundwork/handbook")).id == "groundwork/handbook"
        asked = ChatBody(model="groundwork", messages=[Message(role="user", content="Are dogs welcome?")])
        assert client.send(compatible_calls.complete_chat(asked)).groundwork.answer
        assert client.send(compatible_calls.remove_store_file(handbook, sent.id)).deleted
        assert client.send(upkeep_calls.me()).role == Role.ADMINISTRATOR
        assert list(client.each(upkeep_calls.list_clusters(handbook))) == []
        actions = {act.action for act in client.each(upkeep_calls.list_acts())}
        assert "document.delete" in actions
        assert client.send(upkeep_calls.list_openings()).openings == []


def test_client_reviews_answers(clients: Clients, handbook: str) -> None:
    with Client(clients.url, key_of(clients, Role.REVIEWER)) as client:
        answer = client.send(calls.ask(ASKED))
        again = client.send(review_calls.replay(answer.response_id, ReplayBody()))
        assert again.answer.response_id != answer.response_id
        assert client.send(review_calls.explain_query("abstained:true")).fault is None
        client.send(review_calls.list_scores(answer.response_id))
        overview = client.send(review_calls.show_overview(by=By.CORPUS, corpus=handbook))
        assert sum(point.responses for point in overview.activity) == 2
        exported = b"".join(client.download(review_calls.export_log(Exported.RESPONSES, abstained=False)))
        assert exported.decode().count(ASKED.question) == sum(not x.abstained for x in (answer, again.answer))
        assert list(client.each(review_calls.list_corrections())) == []
        assert list(client.each(review_calls.list_queues(mine=True))) == []


def test_client_logs_in_as_a_browser_does(clients: Clients, handbook: str, database: Database) -> None:
    secret, other = "correct horse battery", "another horse battery"
    with database.transaction() as session:
        user = users.create(session, "ann", role=Role.READER)
        passwords.change(session, user.id, "ann", secret)
    with Client(clients.url) as client:
        login = client.send(access_calls.log_in(LoginBody(user="ann", password=secret)))
        assert (login.user, client.send(access_calls.show_caller()).user.name) == ("ann", "ann")
        assert list(client.stream(ASKED))[-1].name == "done"
        client.send(access_calls.change_password(PasswordBody(current=secret, new=other)))
        client.send(access_calls.log_out(LogoutBody()))
        with pytest.raises(ProblemError, match="API key"):
            client.send(access_calls.show_caller())


def test_stream_can_be_read_again(clients: Clients, handbook: str) -> None:
    async def again(stream: UUID, last: str) -> list[Any]:
        async with AsyncClient(clients.url, key) as client:
            return [event async for event in client.resume_stream(stream, last)]

    key = key_of(clients, Role.READER)
    with Client(clients.url, key) as client:
        told = list(client.stream(ASKED))
        stream = UUID(told[0].id.partition(":")[0])
        assert list(client.resume_stream(stream)) == told
    assert asyncio.run(again(stream, told[1].id)) == told[2:]


@contextmanager
def losing_proxy(url: str) -> Iterator[str]:
    """An address that leads to the server, and breaks its first connection after the first event."""
    host, port = url.removeprefix("http://").split(":")
    listening = socket.create_server(("127.0.0.1", 0))
    losing = [True]

    def lead(near: socket.socket) -> None:
        with near, socket.create_connection((host, int(port))) as far:
            threading.Thread(target=forward, args=(near, far), daemon=True).start()
            told = b""
            while piece := far.recv(256):
                near.sendall(piece)
                told += piece
                if losing[0] and b"\n\n" in told:
                    losing[0] = False
                    break
            for end in (near, far):  # to close them is not enough while the other thread reads
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def forward(near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while piece := near.recv(65536):
                far.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=lead, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    assert not losing[0]


def test_stream_goes_on_by_itself_after_its_connection_was_lost(clients: Clients, handbook: str) -> None:
    async def streamed(url: str) -> list[Any]:
        async with AsyncClient(url, key) as client:
            return [event async for event in client.stream(ASKED)]

    key = key_of(clients, Role.READER)
    with losing_proxy(clients.url) as url, Client(url, key) as client:
        waited = list(client.stream(ASKED))
    with losing_proxy(clients.url) as url:
        awaited = asyncio.run(streamed(url))
    for events in (waited, awaited):
        told = [event for event in events if event.name != "heartbeat"]
        assert [int(event.id.split(":")[1]) for event in told] == list(range(1, len(told) + 1))
        assert events[-1].name == "done"


def test_refusal_is_raised_with_its_status_and_its_mend(clients: Clients, handbook: str) -> None:
    unknown = ASKED.model_copy(update={"corpus": "none"})
    with Client(clients.url, key_of(clients, Role.READER)) as client:
        with pytest.raises(ProblemError, match="'none'") as raised:
            client.send(calls.ask(unknown))
        assert (raised.value.status, raised.value.kind) == (404, "unknown-corpus")
        for stream in (client.stream(unknown), client.each(calls.list_documents("none"))):
            with pytest.raises(ProblemError, match="'none'"):
                next(stream)  # type: ignore[call-overload]
    with Client(clients.url, "gw_wrong") as client, pytest.raises(ProblemError, match="rag keys create"):
        client.send(calls.show_response(UUID(int=0)))
    with Client("http://127.0.0.1:9") as client, pytest.raises(httpx.ConnectError):
        client.send(calls.health())


def test_every_call_is_a_route_of_its_name_and_shape() -> None:
    schema = create_app(load_settings()).openapi()
    operations = {
        operation["operationId"].partition("_v1_")[0]: operation
        for path, methods in schema["paths"].items()
        for operation in methods.values()
        if path.startswith("/v1/")
    }
    functions = [
        named
        for module in (access_calls, calls, compatible_calls, review_calls, upkeep_calls)
        for named in inspect.getmembers(module, inspect.isfunction)
        if named[1].__module__ == module.__name__ and not named[0].startswith("_")
    ]
    methods = {name for name, _ in inspect.getmembers(Client, inspect.isfunction)}
    assert set(operations) <= {name for name, _ in functions} | methods
    for name, function in functions:
        found = get_type_hints(function)["return"]
        if found is Download or name in ("send_file", "send_files", "health", "ready"):
            continue
        assert found.__origin__ in (Call, Listing), name
        responses = operations[name]["responses"]
        success = next(response for status, response in responses.items() if status.startswith("2"))
        shape = success.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        view = shape.rpartition("/")[2]
        if found.__origin__ is Call and view:
            assert get_args(found)[0].__name__ == view, name


def test_events_are_read_line_by_line() -> None:
    events = Events()
    lines = ["event: token", 'data: {"text":', 'data: "a"}', "", ": still here", "", "event: error"]
    found = [(event.name, event.data) for line in lines for event in events.take(line)]
    assert found == [("token", {"text": "a"})]
    problem = 'data: {"type": "urn:groundwork:busy", "title": "Busy", "status": 503, "detail": "Later."}'
    list(events.take(problem))
    with pytest.raises(ProblemError, match="Later") as raised:
        list(events.take(""))
    assert (raised.value.status, raised.value.kind) == (503, "busy")
