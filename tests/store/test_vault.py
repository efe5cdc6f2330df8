import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store import corpora, vault
from store.errors import VaultKeyError
from store.tables import VaultRow
from store.types import Corpus
from store.vault import NewEntry, VaultKey

KEY = VaultKey("0123456789abcdef0123456789abcdef")
OTHER = VaultKey("fedcba9876543210fedcba9876543210")
ADA = NewEntry(KEY.pseudonym("email", "ada@example.org"), "email", "Ada@example.org")


def test_entry_is_opened_with_the_key_and_the_opening_noted(session: Session, corpus: Corpus) -> None:
    vault.put(session, corpus.id, [ADA, NewEntry(ADA.pseudonym, "email", "ADA@EXAMPLE.ORG")], KEY)
    vault.put(session, corpus.id, [ADA], KEY)
    entry = vault.open_entry(session, ADA.pseudonym, KEY, "root")
    assert entry is not None
    assert (entry.kind, entry.value) == ("email", "ADA@EXAMPLE.ORG")
    assert vault.open_entry(session, "[EMAIL_000000000000]", KEY, "root") is None
    assert {(o.pseudonym, o.user, o.found) for o in vault.openings(session, limit=9)} == {
        (ADA.pseudonym, "root", True),
        ("[EMAIL_000000000000]", "root", False),
    }


def test_value_is_not_in_the_table(session: Session, corpus: Corpus) -> None:
    vault.put(session, corpus.id, [ADA], KEY)
    [stored] = session.scalars(select(VaultRow.ciphertext))
    assert b"ada" not in stored.lower()


def test_another_key_opens_nothing_and_is_told_apart(session: Session, corpus: Corpus) -> None:
    vault.put(session, corpus.id, [ADA], KEY)
    vault.check_key(session, KEY)
    with pytest.raises(VaultKeyError, match=f"{KEY.id}.*{OTHER.id}.*RAG_VAULT_KEY"):
        vault.check_key(session, OTHER)
    with pytest.raises(VaultKeyError, match="cannot be opened with this key"):
        vault.open_entry(session, ADA.pseudonym, OTHER, "root")


def test_entry_moved_to_another_pseudonym_cannot_be_opened(session: Session, corpus: Corpus) -> None:
    vault.put(session, corpus.id, [ADA], KEY)
    session.execute(update(VaultRow).values(pseudonym="[EMAIL_111111111111]"))
    with pytest.raises(VaultKeyError):
        vault.open_entry(session, "[EMAIL_111111111111]", KEY, "root")


def test_entries_go_one_by_one_and_with_their_corpus(
    session: Session, corpus: Corpus, other_corpus: Corpus
) -> None:
    bob = NewEntry(KEY.pseudonym("name", "bob"), "name", "Bob")
    vault.put(session, corpus.id, [ADA, bob], KEY)
    vault.put(session, other_corpus.id, [ADA], KEY)
    assert vault.erase(session, [corpus.id], [ADA.pseudonym]) == 1
    assert list(vault.entries(session, [corpus.id], KEY)) == [bob]
    assert vault.open_entry(session, ADA.pseudonym, KEY, "root") is not None
    corpora.delete(session, other_corpus.name)
    assert vault.count(session) == 1


def test_short_secret_is_refused_and_no_key_shows_itself() -> None:
    with pytest.raises(VaultKeyError, match="needs 32 or more"):
        VaultKey("short")
    assert "0123456789abcdef" not in repr(KEY)


def test_pseudonyms_are_the_same_in_every_process() -> None:
    """They stand in stored texts: another value means that a person has two."""
    assert ADA.pseudonym == "[EMAIL_24c09fb0504f]"
