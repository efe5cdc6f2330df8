"""The routes that clients of OpenAI's API speak, used by the official client as it is."""

import io
import math
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from store.types import Role
from tests.api.conftest import HANDBOOK, Clients, assert_problem, send_text

QUESTION: Any = [{"role": "user", "content": "How many days of leave are granted to everyone?"}]
MODEL = "groundwork/handbook"


def client_of(clients: Clients, role: Role) -> openai.OpenAI:
    key = clients.of(role).headers["Authorization"].removeprefix("Bearer ")
    return openai.OpenAI(base_url=f"{clients.url}/v1", api_key=key, max_retries=0, timeout=60)


@pytest.fixture
def client(clients: Clients, handbook: str) -> Iterator[openai.OpenAI]:
    with client_of(clients, Role.CONTRIBUTOR) as client:
        yield client


@pytest.fixture
def on_the_web(contributor: httpx.Client, handbook: str) -> None:
    send_text(contributor, "https://example.org/leave", HANDBOOK + "\nLeave is taken in spring.")
    contributor.delete(
        "/v1/documents/" + contributor.get("/v1/documents?corpus=handbook").json()["documents"][1]["id"]
    )


def test_answer_has_its_citations_as_annotations(client: openai.OpenAI, reader: httpx.Client) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=QUESTION)
    message = completion.choices[0].message
    extension: Any = completion.model_extra
    answer = extension["groundwork"]
    assert (completion.object, completion.model) == ("chat.completion", MODEL)
    assert (message.role, message.content) == ("assistant", answer["answer"])
    assert len(message.annotations or ()) == len(answer["citations"]) > 0
    for annotation, citation in zip(message.annotations or (), answer["citations"], strict=True):
        found: Any = annotation.to_dict()
        cited = found["file_citation"]
        assert found["type"] == "file_citation"
        assert (message.content or "")[cited["start_index"] : cited["end_index"]] == cited["quote"]
        text = client.files.content(cited["file_id"]).text
        assert text[cited["start"] : cited["end"]] == cited["quote"] == citation["quote"]
    assert completion.usage is not None
    assert completion.usage.total_tokens > completion.usage.prompt_tokens > 0
    assert reader.get(f"/v1/responses/{answer['response_id']}").json()["body"] == answer


def test_page_on_the_web_is_a_url_citation(client: openai.OpenAI, on_the_web: None) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=QUESTION)
    annotations = completion.choices[0].message.annotations or []
    assert annotations
    for annotation in annotations:
        assert annotation.type == "url_citation"
        assert annotation.url_citation.url == "https://example.org/leave"


def test_stream_has_the_same_answer_and_citations(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=QUESTION)
    chunks = list(
        client.chat.completions.create(
            model=MODEL, messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    last: Any = chunks[-2]
    assert last.choices[0].finish_reason == "stop"
    annotations = [found.to_dict() for found in whole.choices[0].message.annotations or []]
    assert last.choices[0].delta.model_extra["annotations"] == annotations
    assert last.model_extra["groundwork"]["answer"] == text
    assert chunks[-1].usage == whole.usage


def test_last_message_is_the_question_in_any_form(client: openai.OpenAI) -> None:
    messages: Any = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "Who books trains?"},
        {"role": "assistant", "content": "the office"},
        {"role": "user", "content": [{"type": "text", "text": QUESTION[0]["content"]}]},
    ]
    extra: Any = {"corpus": "handbook", "top_k": 3}
    for model in ("groundwork", MODEL):
        completion: Any = client.chat.completions.create(model=model, messages=messages, extra_body=extra)
        assert completion.model_extra["groundwork"]["hits"]


def test_only_corpus_needs_no_name(client: openai.OpenAI, contributor: httpx.Client) -> None:
    assert client.chat.completions.create(model="groundwork", messages=QUESTION).choices
    contributor.post("/v1/corpora", json={"name": "other"}).raise_for_status()
    with pytest.raises(openai.UnprocessableEntityError, match="groundwork/NAME"):
        client.chat.completions.create(model="groundwork", messages=QUESTION)


UNPROCESSABLE = openai.UnprocessableEntityError
IMAGE = {"type": "image_url", "image_url": {"url": "x"}}
REFUSED: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"model": "gpt-9"}, openai.NotFoundError, "gpt-9"),
    ({"model": "groundwork/none"}, openai.NotFoundError, "'none'"),
    ({"messages": []}, UNPROCESSABLE, "messages"),
    ({"messages": [{"role": "assistant", "content": "a"}]}, UNPROCESSABLE, "user's"),
    ({"messages": [{"role": "user", "content": ""}]}, UNPROCESSABLE, "empty"),
    ({"messages": [{"role": "user", "content": [IMAGE]}]}, UNPROCESSABLE, "image_url"),
    ({"n": 2}, UNPROCESSABLE, "n"),
    ({"temperature": 3}, UNPROCESSABLE, "temperature"),
    ({"tools": [{"type": "function"}]}, UNPROCESSABLE, "tools"),
]


def test_what_cannot_be_done_is_an_error_in_the_client_s_words(client: openai.OpenAI) -> None:
    for body, error, word in REFUSED:
        for stream in (False, True):
            given: Any = {"model": MODEL, "messages": QUESTION, "stream": stream, **body}
            with pytest.raises(error, match=word) as raised:
                client.chat.completions.create(**given)
            assert raised.value.code
            assert raised.value.type == "invalid_request_error"


def test_wrong_key_is_an_authentication_error(clients: Clients) -> None:
    with (
        openai.OpenAI(base_url=f"{clients.url}/v1", api_key="gw_wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="rag keys create"),
    ):
        client.models.list()


def test_models_are_the_corpora_and_the_encoder(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names == ["groundwork", "all-MiniLM-L6-v2", MODEL]
    assert [client.models.retrieve(name).id for name in names] == names
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("groundwork/none")


def test_embeddings_are_the_encoder_s_in_both_forms(client: openai.OpenAI) -> None:
    model = "all-MiniLM-L6-v2"
    packed = client.embeddings.create(model=model, input=["leave", "travel"])  # the client asks for base64
    plain = client.embeddings.create(model=model, input="travel", encoding_format="float")
    assert [item.index for item in packed.data] == [0, 1]
    assert len(plain.data[0].embedding) == 384
    assert math.isclose(sum(x * x for x in plain.data[0].embedding), 1, rel_tol=1e-4)
    product = sum(a * b for a, b in zip(packed.data[1].embedding, plain.data[0].embedding, strict=True))
    assert product > 0.999
    for given in ({"model": "other"}, {"dimensions": 100}, {"input": "word " * 300}):
        with pytest.raises(openai.APIStatusError):
            client.embeddings.create(**{"model": model, "input": "leave", **given})


def test_file_is_uploaded_listed_read_and_deleted(client: openai.OpenAI) -> None:
    content = io.BytesIO(b"Dogs are welcome on the second floor.")
    sent = client.files.create(file=("pets.txt", content), purpose="assistants")
    assert (sent.filename, sent.status) == ("upload://pets.txt", "processed")
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).text == "Dogs are welcome on the second floor."
    for order in ("asc", "desc"):
        pages = client.files.list(limit=1, order=order)  # type: ignore[arg-type]
        names = [file.filename for file in pages]
        assert names == sorted(["upload://pets.txt", "wiki:leave"], reverse=order == "desc")
    found = client.vector_stores.search("handbook", query="dogs", max_num_results=1)
    assert [(result.file_id, result.content[0].text) for result in found.data] == [
        (sent.id, "Dogs are welcome on the second floor.")
    ]
    assert client.files.delete(sent.id).deleted
    for request in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            request(sent.id)


def test_files_of_a_vector_store_are_its_documents(client: openai.OpenAI, contributor: httpx.Client) -> None:
    files = client.vector_stores.files
    content = io.BytesIO(b"Dogs are welcome on the second floor.")
    sent = client.files.create(file=("pets.txt", content), purpose="assistants")
    added = files.create_and_poll(sent.id, vector_store_id="handbook")
    assert (added.status, added.vector_store_id) == ("completed", "handbook")
    assert files.retrieve(sent.id, vector_store_id="handbook") == added
    assert next(iter(files.list("handbook", limit=1))).id == sent.id
    assert len(list(files.list("handbook", limit=1, order="desc"))) == 2
    assert list(files.list("handbook", filter="failed")) == []
    [text] = files.content(sent.id, vector_store_id="handbook").data
    assert text.text == "Dogs are welcome on the second floor."
    contributor.post("/v1/corpora", json={"name": "annex"}).raise_for_status()
    with pytest.raises(openai.NotFoundError):
        files.retrieve(sent.id, vector_store_id="annex")
    with pytest.raises(openai.UnprocessableEntityError, match="another corpus"):
        files.create("annex", file_id=sent.id)
    with pytest.raises(openai.UnprocessableEntityError, match="metadata"):
        files.create("handbook", file_id=sent.id, attributes={"floor": 2})
    assert files.delete(sent.id, vector_store_id="handbook").deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(sent.id)


def test_file_of_many_records_is_refused_and_names_the_route(client: openai.OpenAI) -> None:
    content = io.BytesIO(b'{"id": "a", "text": "Dogs."}\n{"id": "b", "text": "Cats."}\n')
    with pytest.raises(openai.UnprocessableEntityError, match="/v1/documents"):
        client.files.create(file=("pets.jsonl", content), purpose="assistants")


def test_reader_may_not_upload(clients: Clients, handbook: str) -> None:
    with (
        client_of(clients, Role.READER) as client,
        pytest.raises(openai.PermissionDeniedError, match="contributor"),
    ):
        client.files.create(file=("a.txt", b"text"), purpose="assistants")


def test_search_takes_filters_and_several_queries(client: openai.OpenAI, contributor: httpx.Client) -> None:
    for name, floor in (("dogs", 1), ("cats", 2), ("birds", 3)):
        metadata = {"floor": floor, "kind": "pet", "more": {"a": 1}}
        body = {"corpus": "handbook", "source": f"wiki:{name}", "text": f"{name} here", "metadata": metadata}
        contributor.post("/v1/documents", json=body).raise_for_status()

    def names(filters: Any, **more: Any) -> list[str]:
        found = client.vector_stores.search("handbook", query=["dogs", "cats"], filters=filters, **more)
        return sorted(result.filename for result in found.data)

    pet = {"type": "eq", "key": "kind", "value": "pet"}
    low = {"type": "lte", "key": "floor", "value": 2}
    assert names(pet) == ["wiki:birds", "wiki:cats", "wiki:dogs"]
    assert names({"type": "and", "filters": [pet, low]}) == ["wiki:cats", "wiki:dogs"]
    assert names({"type": "nin", "key": "floor", "value": [1, 3]}) == ["wiki:cats", "wiki:leave"]
    assert names(pet, ranking_options={"score_threshold": 2.0}) == []
    found = client.vector_stores.search("handbook", query="dogs", filters=low)  # type: ignore[arg-type]
    assert found.data[0].attributes == {"floor": 1, "kind": "pet"}
    for wrong in ({"type": "near", "key": "a", "value": 1}, {"type": "and"}, {"key": "a"}):
        with pytest.raises(openai.UnprocessableEntityError, match="filter"):
            names(wrong)


def test_corpora_are_vector_stores(client: openai.OpenAI, contributor: httpx.Client) -> None:
    contributor.post("/v1/corpora", json={"name": "annex"}).raise_for_status()
    assert [store.name for store in client.vector_stores.list(limit=1)] == ["annex", "handbook"]
    assert client.vector_stores.retrieve("handbook").file_counts.total == 1
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve("none")


def test_problems_of_these_routes_are_problems_too(reader: httpx.Client) -> None:
    response = reader.get("/v1/files/file-x")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == response.json()["error"]["message"]
    assert_problem(reader.get("/v1/documents/x"), 422)
