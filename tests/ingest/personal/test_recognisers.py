"""What is recognised, and what only looks like it. All numbers are published examples."""

import pytest

from ingest.personal.emails import find_emails
from ingest.personal.finding import Recogniser
from ingest.personal.national_ids import find_national_ids
from ingest.personal.numbers import find_cards, find_ibans, find_ips, phone_recogniser
from ingest.personal.secrets import find_secrets


def found(recognise: Recogniser, text: str) -> list[str]:
    return [text[finding.start : finding.end] for finding in recognise(text)]


def values(recognise: Recogniser, text: str) -> set[str]:
    return {finding.value for finding in recognise(text)}


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org",
        "Ada.Lovelace+notes@mail.example.co.uk",
        "jürgen@müller.de",
        "ada (at) example [dot] org",
    ],
)
def test_email_is_found_without_what_stands_around_it(address: str) -> None:
    assert found(find_emails, f"Write to <{address}>, or call.") == [address]
    assert found(find_emails, f"mailto:{address}.") == [address]


@pytest.mark.parametrize("text", ["x @ y", "a@b", "@ada", "Meet at example dot org", "git@", "look at me."])
def test_other_uses_of_at_are_no_emails(text: str) -> None:
    assert found(find_emails, text) == []


def test_email_has_one_value_however_it_is_written() -> None:
    text = "Ada@Example.org, ada(at)example(dot)org"
    assert values(find_emails, text) == {"ada@example.org"}


@pytest.mark.parametrize(
    "number",
    ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117", "2223003122003222"],
)
def test_card_is_found(number: str) -> None:
    assert found(find_cards, f"Card: {number}, thanks") == [number]


@pytest.mark.parametrize(
    "number", ["4111 1111 1111 1112", "1111111111111117", "41111111111111111111111", "0.4111111111111111"]
)
def test_number_without_issuer_or_check_digit_is_no_card(number: str) -> None:
    assert found(find_cards, f"Number {number} here") == []


@pytest.mark.parametrize(
    "number",
    [
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
    ],
)
def test_iban_is_found_and_ends_where_it_ends(number: str) -> None:
    assert found(find_ibans, f"to {number} AND then") == [number]
    assert values(find_ibans, number) == {number.replace(" ", "")}


@pytest.mark.parametrize("number", ["DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "DE8937040044"])
def test_wrong_iban_is_left(number: str) -> None:
    assert found(find_ibans, number) == []


@pytest.mark.parametrize(
    "number",
    [
        "078-05-1120",  # US
        "AB 12 34 56 C",  # UK
        "86095742719",  # German
        "86 095 742 719",
        "2 55 08 14 168 025 38",  # French
        "12345678Z",  # Spanish
        "X1234567L",
        "RSSMRA85T10A562S",  # Italian
        "44051401359",  # Polish
        "756.9217.0769.85",  # Swiss
        "529.982.247-25",  # Brazilian
    ],
)
def test_national_id_is_found(number: str) -> None:
    assert number in found(find_national_ids, f"(No. {number})")


@pytest.mark.parametrize(
    "number",
    [
        "000-05-1120",
        "666-05-1120",
        "GB123456C",
        "86095742718",
        "255081416802537",
        "12345678A",
        "RSSMRA85T10A562T",
        "44059901359",
        "756.9217.0769.84",
        "529.982.247-26",
        "2024-05-1120",
    ],
)
def test_number_with_a_wrong_check_digit_is_no_national_id(number: str) -> None:
    assert found(find_national_ids, f"(No. {number})") == []


@pytest.mark.parametrize("address", ["192.168.0.1", "8.8.8.8", "2001:db8::8a2e:370:7334", "::1", "fe80::1"])
def test_ip_is_found(address: str) -> None:
    assert found(find_ips, f"from {address}.") == [address]


@pytest.mark.parametrize(
    "text", ["300.1.1.1", "v1.2.3.4", "1.2.3.4.5", "12:30:45", "std::vector", "a :: b", "ratio 1:2:3"]
)
def test_versions_times_and_punctuation_are_no_ips(text: str) -> None:
    assert found(find_ips, text) == []


@pytest.mark.parametrize("number", ["+49 30 901820", "+1 650-253-0000", "+44 20 7031 3000"])
def test_international_phone_number_is_found(number: str) -> None:
    assert found(phone_recogniser([]), f"\nPhone: {number}\n") == [number]


def test_national_phone_numbers_are_those_of_the_regions() -> None:
    text = "Call (650) 253-0000 or 030 901820."
    assert found(phone_recogniser([]), text) == []
    assert found(phone_recogniser(["US"]), text) == ["(650) 253-0000"]
    assert values(phone_recogniser(["DE"]), text) == {"+4930901820"}


@pytest.mark.parametrize("text", ["in 1984 and 2024", "ISBN 978-3-16-148410-0", "12345", "3.14159265358979"])
def test_other_numbers_are_no_phone_numbers(text: str) -> None:
    assert found(phone_recogniser(["US", "DE"]), text) == []


def secret(*parts: str) -> str:
    """Joined here, so that scanners of this repository do not take the examples for real."""
    return "".join(parts)


@pytest.mark.parametrize(
    "value",
    [
        secret("AKIA", "IOSFODNN7EXAMPLE"),
        secret("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
        secret("xoxb-", "123456789012-abcdefGHIJKL"),
        secret("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
        secret("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0In0", ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
        secret("wJalrXUtnFEMIK7MDENG", "bPxRfiCYEXAMPLEKEY9z1Q"),
    ],
)
def test_secret_is_found(value: str) -> None:
    assert found(find_secrets, f"export KEY {value}\n")[0] == value


def test_private_key_is_found_whole() -> None:
    block = secret("-----BEGIN RSA PRIVATE", " KEY-----\nMIIEow\nAAAA\n", "-----END RSA PRIVATE KEY-----")
    assert found(find_secrets, f"See\n{block}\nbelow") == [block]


def test_password_is_found_without_its_name() -> None:
    assert found(find_secrets, 'password = "hunter2!x9"') == ["hunter2!x9"]
    assert found(find_secrets, "postgresql://me:s3cr3t@host/db") == ["s3cr3t"]


@pytest.mark.parametrize(
    "text",
    [
        "the password: required",
        "token: string",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "SomeVeryLongJavaClassNameThatGoesOnAndOnFactory",
        "docs/concepts/Components2/pipelines/How-To-Build-One",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    ],
)
def test_words_digests_and_paths_are_no_secrets(text: str) -> None:
    assert found(find_secrets, text) == []


@pytest.mark.parametrize("recognise", [find_emails, find_secrets, find_national_ids, find_cards, find_ips])
@pytest.mark.parametrize("piece", ["a@", "a.", "1 ", "A1", "::", "-----BEGIN PRIVATE KEY-----", "[at] "])
def test_hostile_text_takes_no_longer_than_others(recognise: Recogniser, piece: str) -> None:
    found(recognise, piece * 20_000)
