import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.anonymize import Anonymizer, anonymize, anonymize_values, recognisers
from ingest.personal.finding import Finding, Kind
from ingest.readers import RawDocument
from store.types import Place
from store.vault import VaultKey

KEY = VaultKey("0123456789abcdef0123456789abcdef")
ALL = recognisers(Kind, phone_regions=["DE"])
TEXT = "Ask Ada (ada@example.org, +49 30 901820) or ADA@example.org."


def done(text: str) -> str:
    return anonymize(text, ALL, KEY.pseudonym).text


def test_data_become_pseudonyms_that_are_equal_for_equal_data() -> None:
    email, phone = KEY.pseudonym("email", "ada@example.org"), KEY.pseudonym("phone", "+4930901820")
    assert done(TEXT) == f"Ask Ada ({email}, {phone}) or {email}."
    assert email.startswith("[EMAIL_")


def test_another_key_makes_other_pseudonyms() -> None:
    other = VaultKey("another key of at least 32 characters")
    assert anonymize(TEXT, ALL, other.pseudonym).text != done(TEXT)


def test_entries_tell_what_was_replaced_as_it_was_written() -> None:
    entries = anonymize(TEXT, ALL, KEY.pseudonym).entries
    assert [(entry.kind, entry.value) for entry in entries] == [
        ("email", "ada@example.org"),
        ("phone", "+49 30 901820"),
        ("email", "ADA@example.org"),
    ]


def test_only_wanted_kinds_are_replaced() -> None:
    text = anonymize(TEXT, recognisers([Kind.PHONE]), KEY.pseudonym).text
    assert "ada@example.org" in text
    assert "901820" not in text


def test_places_move_with_what_was_replaced() -> None:
    text = "ada@example.org wrote. Heading: bob@example.org here"
    after = anonymize(text, ALL, KEY.pseudonym)
    for piece in ("wrote", "Heading", " here"):
        start = text.index(piece)
        assert after.text[after.moved(start) : after.moved(start + len(piece))] == piece
    assert after.moved(0) == 0
    assert after.moved(5) == 0
    assert after.moved(len(text)) == len(after.text)
    assert after.text[after.moved(text.index("bob")) : after.moved(text.index(" here"))].startswith("[EMAIL_")


@settings(max_examples=50)
@given(st.text(alphabet="ab@.19 +-:/[]_\nE", max_size=80))
def test_second_time_changes_nothing(text: str) -> None:
    once = done(text)
    assert done(once) == once


def test_first_of_two_recognisers_wins_where_they_meet() -> None:
    """A password in an address also looks like part of an e-mail address."""
    text = "https://me:s3cr3tXY@example.org/x"
    assert anonymize(text, ALL, KEY.pseudonym).entries[0].kind == "secret"


def test_names_are_found_where_something_finds_them() -> None:
    def find_ada(text: str) -> list[Finding]:
        return [Finding(Kind.NAME, 4, 7, "ada")]

    found = recognisers([Kind.NAME, Kind.EMAIL], names=lambda text: iter(find_ada(text)))
    assert anonymize(TEXT, found, KEY.pseudonym).text.startswith(
        f"Ask {KEY.pseudonym('name', 'ada')} ([EMAIL"
    )
    assert anonymize(TEXT, recognisers([Kind.NAME]), KEY.pseudonym).text == TEXT


def test_strings_of_metadata_are_anonymised() -> None:
    value = {"author": "ada@example.org", "tags": ["x", "192.168.0.1"], "year": 2024, "deep": {"to": None}}
    after, entries = anonymize_values(value, ALL, KEY.pseudonym)
    assert after["author"] == KEY.pseudonym("email", "ada@example.org")
    assert after["tags"] == ["x", KEY.pseudonym("ip", "192.168.0.1")]
    assert (after["year"], after["deep"]) == (2024, {"to": None})
    assert len(entries) == 2


def test_places_in_the_file_move_with_the_text() -> None:
    text = "ada@example.org wrote.\n\nThe second page."
    second = text.index("The second")
    document = RawDocument(
        "a.pdf", "A", text, "application/pdf", places=(Place(0, {"page": 1}), Place(second, {"page": 2}))
    )
    after = Anonymizer(ALL, KEY).document(document).document
    assert [after.text[place.start :][:3] for place in after.places] == ["[EM", "The"]


@pytest.mark.parametrize("text", ["", "Nothing personal here.", "[EMAIL_0123456789ab]"])
def test_text_without_data_stays(text: str) -> None:
    after = anonymize(text, ALL, KEY.pseudonym)
    assert (after.text, after.entries) == (text, ())
    assert after.moved(len(text)) == len(text)
