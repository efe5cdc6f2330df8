from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.limits import MOST_ADDRESSES, MOST_ROWS_A_MINUTE, Failures
from api.settings import Settings, SettingsError, load_settings
from api.tls import check_tls
from store import audit
from store.postgres import Database
from store.types import Role
from tests.api.conftest import Clients, assert_problem, eventually, send_text


@pytest.fixture
def limited() -> dict[str, int]:
    """The limits that are set; tests give others."""
    return {}


@pytest.fixture
def settings(settings: Settings, limited: dict[str, int]) -> Settings:
    return settings.model_copy(update=limited)


def with_limits(**limited: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("limited", [limited])


@with_limits(requests_per_minute=2)
def test_requests_are_limited_by_key(clients: Clients, limited: dict[str, int]) -> None:
    client = clients.of(Role.READER)
    first = client.get("/v1/corpora")
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
    assert 1 <= int(first.headers["ratelimit-reset"]) <= 60
    second = client.post("/v1/search", json={"query": "leave", "corpus": "none"})
    assert (second.status_code, second.headers["ratelimit-remaining"]) == (404, "0")
    assert_problem(client.post("/v1/search", json={"query": "leave", "corpus": "none"}), 429)
    refused = client.get("/v1/corpora")
    assert_problem(refused, 429, "2 requests per minute")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert clients.of(Role.READER).get("/v1/corpora").status_code == 200
    assert client.get("/health").status_code == 200


@with_limits(answers_per_day=1)
def test_answers_are_limited_by_user(clients: Clients, handbook: str, limited: dict[str, int]) -> None:
    client = clients.of(Role.READER)
    body = {"question": "How long is leave?", "corpus": handbook}
    assert client.post("/v1/ask", json=body).status_code == 200
    assert_problem(clients.of(Role.READER).post("/v1/ask", json=body), 429, "1 answers per day")
    chat = {"model": f"groundwork/{handbook}", "messages": [{"role": "user", "content": "Leave?"}]}
    assert client.post("/v1/chat/completions", json=chat).status_code == 429
    assert client.post("/v1/search", json={"query": "leave", "corpus": handbook}).status_code == 200
    assert clients.of(Role.READER, "eve").post("/v1/ask", json=body).status_code == 200


@with_limits(requests_per_minute=100, answers_per_day=1)
def test_limits_of_a_user_go_before_those_of_all(
    clients: Clients, administrator: httpx.Client, handbook: str, limited: dict[str, int]
) -> None:
    own = {"requests_per_minute": 3, "answers_per_day": 2}
    user = administrator.post("/v1/users", json={"name": "eve", **own}).raise_for_status().json()
    assert (user["requests_per_minute"], user["answers_per_day"], user["ingested_bytes_per_day"]) == (
        3,
        2,
        None,
    )
    body = {"question": "How long is leave?", "corpus": handbook}
    eve, her_other_key = clients.of(Role.READER, "eve"), clients.of(Role.READER, "eve")
    asked = [client.post("/v1/ask", json=body) for client in (eve, her_other_key, eve)]
    assert [response.status_code for response in asked] == [200, 200, 429]
    assert_problem(her_other_key.get("/v1/corpora"), 429, "3 requests per minute")
    changed = {"requests_per_minute": None, "answers_per_day": None}
    administrator.patch(f"/v1/users/{user['id']}", json=changed).raise_for_status()
    assert eve.get("/v1/corpora").headers["ratelimit-limit"] == "100"


@with_limits(ingested_bytes_per_day=1_000)
def test_ingested_bytes_are_limited_by_user(clients: Clients, limited: dict[str, int]) -> None:
    client = clients.of(Role.CONTRIBUTOR)
    client.post("/v1/corpora", json={"name": "handbook"}).raise_for_status()
    send_text(client, "a", "word " * 300)
    body = {"corpus": "handbook", "source": "b", "text": "More."}
    assert_problem(client.post("/v1/documents", json=body), 429, "1,000 ingested bytes per day")
    other = clients.of(Role.CONTRIBUTOR, "eve")
    assert other.post("/v1/documents", json=body).status_code in (200, 201)


def test_without_limits_nothing_is_said_of_them(reader: httpx.Client) -> None:
    assert "ratelimit-limit" not in reader.get("/v1/corpora").headers


@with_limits(failed_authentications_per_minute=3)
def test_who_guesses_has_to_wait_and_is_written_down(
    clients: Clients, database: Database, limited: dict[str, int]
) -> None:
    client = clients.anonymous()
    wrong = [client.get("/v1/corpora", headers={"Authorization": f"Bearer gw_{n}"}) for n in range(5)]
    assert [response.status_code for response in wrong] == [401, 401, 401, 429, 429]
    assert_problem(wrong[-1], 429, "your address")
    assert 1 <= int(wrong[-1].headers["retry-after"]) <= 20
    assert_problem(client.get("/v1/corpora"), 401, "rag keys create")

    def both_are_written() -> None:
        with database.transaction() as session:
            acts = audit.page(session, audit.ActFilter(action="authentication"), after=None, limit=9).items
        written = sorted(acts, key=lambda act: str(act.details))  # two that come at once may change places
        assert [(act.actor, act.object, act.details) for act in written] == [
            ("", "127.0.0.1", {"path": "/v1/corpora", "failures": 1}),
            ("", "127.0.0.1", {"path": "/v1/corpora", "failures": 2}),
        ]

    eventually(both_are_written)


def test_failures_are_counted_by_address_and_forgotten_with_time() -> None:
    now = [0.0]
    failures = Failures(2, lambda: now[0])
    assert [failures.add("a") for _ in range(3)] == [1, 2, None]
    assert failures.wait_s("a") == 60
    assert failures.wait_s("b") == 0
    now[0] = 61
    assert failures.wait_s("a") == 0
    assert failures.add("a") == 4


def test_failures_take_bounded_memory_and_few_rows() -> None:
    failures = Failures(2, lambda: 0.0)
    written = [failures.add(str(number)) for number in range(MOST_ADDRESSES + 10)]
    assert sum(count is not None for count in written) == MOST_ROWS_A_MINUTE
    assert len(failures._addresses) == MOST_ADDRESSES


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of this machine that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(encoding))
    key_file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return cert_file, key_file


def test_certificate_and_key_have_to_fit(tmp_path: Path) -> None:
    (cert, key), (_, other) = certificate(tmp_path, "one"), certificate(tmp_path, "two")
    check_tls(load_settings())
    check_tls(load_settings(tls_cert=cert, tls_key=key))
    wrong: list[dict[str, Any]] = [
        {"tls_cert": cert},
        {"tls_key": key},
        {"tls_cert": cert, "tls_key": other},
        {"tls_cert": tmp_path / "none", "tls_key": key},
        {"tls_cert": key, "tls_key": cert},
    ]
    for given in wrong:
        with pytest.raises(SettingsError, match="RAG_TLS_CERT"):
            check_tls(load_settings(**given))
