"""The vault: what pseudonyms stand for, encrypted; who opened it is noted.

From one secret two keys are derived (HKDF, RFC 5869). One makes pseudonyms (HMAC-SHA-256), so the same datum
has the same pseudonym everywhere. The other encrypts what they stand for (AES-256 in GCM, with the pseudonym
as associated data, so that no row can be passed off as another's).
"""

import hmac
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from store.errors import VaultKeyError
from store.tables import VaultOpeningRow, VaultRow, among

MIN_SECRET_CHARACTERS = 32
PSEUDONYM_DIGITS = 12  # 48 bits: a chance of 0.2 % that two of a million data share one
_NONCE_BYTES = 12


@dataclass(frozen=True)
class NewEntry:
    """What a pseudonym stands for, as it was written."""

    pseudonym: str
    kind: str
    value: str


@dataclass(frozen=True)
class Entry:
    """What a pseudonym stands for in the corpora that have it; the first way in which it was written."""

    pseudonym: str
    kind: str
    value: str
    created_at: datetime


@dataclass(frozen=True)
class Opening:
    """That somebody wanted to know what a pseudonym stands for, and whether it was there."""

    pseudonym: str
    user: str
    found: bool
    opened_at: datetime


class VaultKey:
    """What makes pseudonyms and opens the vault; `id` tells one key from another and nothing more."""

    def __init__(self, secret: str) -> None:
        """Derives the keys.

        Raises:
            VaultKeyError: The secret is too short to be one.
        """
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise VaultKeyError(
                f"The vault key has {len(secret)} characters; it needs {MIN_SECRET_CHARACTERS} or more. "
                "Make one with `rag vault new-key`."
            )
        # Loaded here: an ingestion that needs no vault should not wait for it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), length=72, salt=None, info=b"groundwork vault").derive(secret.encode())
        self._pseudonym_key, encryption_key, identity = derived[:32], derived[32:64], derived[64:]
        self._cipher = AESGCM(encryption_key)
        self.id = identity.hex()

    def __repr__(self) -> str:
        """Show the identity, never the key."""
        return f"VaultKey(id={self.id!r})"

    def pseudonym(self, kind: str, value: str) -> str:
        """The pseudonym of a datum of this kind; the same for the same datum, always."""
        digest = hmac.new(self._pseudonym_key, f"{kind}\0{value}".encode(), "sha256").hexdigest()
        return f"[{kind.upper()}_{digest[:PSEUDONYM_DIGITS]}]"

    def encrypt(self, pseudonym: str, value: str) -> bytes:
        """What is stored of a value."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), pseudonym.encode())

    def decrypt(self, pseudonym: str, stored: bytes) -> str:
        """The value that was stored.

        Raises:
            VaultKeyError: It was stored with another key, or somebody changed it.
        """
        from cryptography.exceptions import InvalidTag

        try:
            nonce, ciphertext = stored[:_NONCE_BYTES], stored[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, ciphertext, pseudonym.encode()).decode()
        except InvalidTag:
            raise VaultKeyError(
                f"The vault's entry for {pseudonym} cannot be opened with this key."
            ) from None


def check_key(session: Session, key: VaultKey) -> None:
    """See to it that the vault was filled with this key and no other.

    Raises:
        VaultKeyError: It was filled with another.
    """
    other = session.scalar(select(VaultRow.key_id).where(VaultRow.key_id != key.id).limit(1))
    if other is not None:
        raise VaultKeyError(
            f"The vault was filled with another key (its id is {other}, that of this one {key.id}). "
            "Set RAG_VAULT_KEY or RAG_VAULT_KEY_FILE to that one: with this one the same person would get "
            "other pseudonyms."
        )


def put(session: Session, corpus_id: int, entries: Sequence[NewEntry], key: VaultKey) -> None:
    """Keep what pseudonyms stand for; those that are there already stay as they are."""
    distinct = {entry.pseudonym: entry for entry in entries}
    if not distinct:
        return
    rows = [
        {
            "corpus_id": corpus_id,
            "pseudonym": entry.pseudonym,
            "kind": entry.kind,
            "ciphertext": key.encrypt(entry.pseudonym, entry.value),
            "key_id": key.id,
        }
        for _, entry in sorted(distinct.items())  # in order: two batches at once must not lock each other out
    ]
    session.execute(upsert(VaultRow).on_conflict_do_nothing(), rows)


def open_entry(session: Session, pseudonym: str, key: VaultKey, user: str) -> Entry | None:
    """What a pseudonym stands for, None if it is unknown; that `user` asked is noted either way.

    Commit the session also where it is unknown.

    Raises:
        VaultKeyError: It was stored with another key.
    """
    row = session.execute(
        select(VaultRow.kind, VaultRow.ciphertext, VaultRow.created_at)
        .where(VaultRow.pseudonym == pseudonym)
        .order_by(VaultRow.created_at)
        .limit(1)
    ).one_or_none()
    session.execute(
        insert(VaultOpeningRow).values(pseudonym=pseudonym, user_name=user, found=row is not None)
    )
    if row is None:
        return None
    return Entry(pseudonym, row.kind, key.decrypt(pseudonym, row.ciphertext), row.created_at)


def openings(session: Session, *, limit: int) -> list[Opening]:
    """Who asked for what pseudonyms stand for, newest first."""
    rows = session.execute(
        select(
            VaultOpeningRow.pseudonym,
            VaultOpeningRow.user_name,
            VaultOpeningRow.found,
            VaultOpeningRow.opened_at,
        )
        .order_by(VaultOpeningRow.opened_at.desc(), VaultOpeningRow.id.desc())
        .limit(limit)
    )
    return [Opening(*row) for row in rows]


def count(session: Session) -> int:
    """How many entries the vault holds, each corpus's counted."""
    return session.scalar(select(func.count()).select_from(VaultRow)) or 0


def entries(session: Session, corpus_ids: Sequence[int], key: VaultKey) -> Iterator[NewEntry]:
    """All entries of these corpora, decrypted one by one.

    Raises:
        VaultKeyError: One was stored with another key.
    """
    rows = session.execute(
        select(VaultRow.pseudonym, VaultRow.kind, VaultRow.ciphertext)
        .where(among(VaultRow.corpus_id, corpus_ids))
        .execution_options(yield_per=1_000)
    )
    for pseudonym, kind, ciphertext in rows:
        yield NewEntry(pseudonym, kind, key.decrypt(pseudonym, ciphertext))


def erase(session: Session, corpus_ids: Sequence[int], pseudonyms: Sequence[str]) -> int:
    """Delete what these pseudonyms stand for in these corpora; returns how many entries that were."""
    rows = session.execute(
        delete(VaultRow)
        .where(among(VaultRow.corpus_id, corpus_ids), among(VaultRow.pseudonym, pseudonyms))
        .returning(VaultRow.pseudonym)
        .execution_options(synchronize_session=False)
    )
    return len(rows.all())
