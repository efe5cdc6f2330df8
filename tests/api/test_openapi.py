from typing import Any

import pytest

from api.app import create_app
from api.settings import load_settings

OPEN = {"/health", "/ready", "/v1/login"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return create_app(load_settings()).openapi()


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_has_summary_description_and_tag(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        assert operation["tags"], (path, method)


def test_every_route_but_health_needs_a_key_and_says_so(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        assert ("security" in operation) == (path not in OPEN), (path, method)
        assert path in OPEN or {"401", "403"} <= set(operation["responses"]), (path, method)


def test_failures_are_documented_as_problems(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert list(response["content"]) == ["application/problem+json"], (path, method, status)


def test_every_body_has_an_example(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            shape = content["schema"]
            name = shape.get("$ref", "").rpartition("/")[2]
            shape = schema["components"]["schemas"].get(name, shape)
            assert "example" in shape, (path, method)


def test_promised_routes_are_there(schema: dict[str, Any]) -> None:
    assert set(schema["paths"]) == {
        "/v1/ask",
        "/v1/ask/streams/{stream_id}",
        "/v1/search",
        "/v1/documents",
        "/v1/documents/{document_id}",
        "/v1/documents/{document_id}/text",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/documents",
        "/v1/jobs/{job_id}/events",
        "/v1/jobs/{job_id}/pause",
        "/v1/jobs/{job_id}/resume",
        "/v1/jobs/{job_id}/cancel",
        "/v1/jobs/{job_id}/retry",
        "/v1/duplicates",
        "/v1/duplicates/{document_id}",
        "/v1/duplicates/{document_id}/split",
        "/v1/vault",
        "/v1/vault/{pseudonym}",
        "/v1/forget",
        "/v1/audit",
        "/v1/login",
        "/v1/logout",
        "/v1/password",
        "/v1/corpora",
        "/v1/corpora/{name}",
        "/v1/corpora/{name}/export",
        "/v1/sessions",
        "/v1/sessions/{session_id}",
        "/v1/sessions/{session_id}/responses",
        "/v1/sessions/{session_id}/line",
        "/v1/sessions/{session_id}/export",
        "/v1/feedback",
        "/v1/feedback/{feedback_id}",
        "/v1/exports/{what}",
        "/v1/score-definitions",
        "/v1/score-definitions/{name}",
        "/v1/responses/{response_id}/scores",
        "/v1/responses/{response_id}/corrections",
        "/v1/corrections",
        "/v1/queues",
        "/v1/queues/{queue_id}",
        "/v1/queues/{queue_id}/items",
        "/v1/queues/{queue_id}/next",
        "/v1/queues/{queue_id}/items/{item_id}/submit",
        "/v1/queues/{queue_id}/items/{item_id}/skip",
        "/v1/queues/{queue_id}/agreement",
        "/v1/responses",
        "/v1/responses/export",
        "/v1/responses/models",
        "/v1/responses/query",
        "/v1/overview",
        "/v1/responses/{response_id}/replay",
        "/v1/responses/{response_id}",
        "/v1/me",
        "/v1/keys",
        "/v1/keys/{key_id}",
        "/v1/keys/{key_id}/rotate",
        "/v1/users",
        "/v1/users/me",
        "/v1/users/{user_id}",
        "/v1/corpora/{name}/access",
        "/v1/documents/{document_id}/readers",
        "/v1/groups",
        "/v1/groups/{group_id}",
        "/v1/groups/{group_id}/members",
        "/v1/groups/{group_id}/members/{user_id}",
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/embeddings",
        "/v1/files",
        "/v1/files/{file}",
        "/v1/files/{file}/content",
        "/v1/vector_stores",
        "/v1/vector_stores/{store}",
        "/v1/vector_stores/{store}/search",
        "/v1/vector_stores/{store}/files",
        "/v1/vector_stores/{store}/files/{file}",
        "/v1/vector_stores/{store}/files/{file}/content",
        "/health",
        "/ready",
    }
