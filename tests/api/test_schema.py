"""Requests made up from the OpenAPI description, with each role: no mistake of ours, nothing undescribed."""

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from store.types import Role
from tests.api.conftest import Clients

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
LONG_LIVED = {"/v1/jobs/{job_id}/events"}


def try_every_route(client: httpx.Client, url: str, examples: int) -> int:
    """Send so many made-up requests to each route; returns to how many routes."""
    description = httpx.get(f"{url}/openapi.json", timeout=60).json()
    schema = schemathesis.openapi.from_dict(description)
    schema.config.base_url = url
    headers = {"Authorization": client.headers["Authorization"]}
    tried = 0
    for operation in schema.get_all_operations():
        described = operation.ok()
        if described.path in LONG_LIVED:
            continue

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=described.as_strategy())
        def run(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, checks=CHECKS)

        run()
        tried += 1
    return tried


def test_no_made_up_request_finds_a_mistake(clients: Clients, handbook: str) -> None:
    assert try_every_route(clients.of(Role.ADMINISTRATOR), clients.url, 1) > 40


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("role", list(Role))
def test_many_made_up_requests_find_no_mistake(clients: Clients, handbook: str, role: Role) -> None:
    assert try_every_route(clients.of(role), clients.url, 30) > 40
