"""Encryption at rest of what was asked and answered.

From the secret that is given a master key is derived (HKDF, RFC 5869). It encrypts nothing but data keys: one
a day that seals rows (AES-256 in GCM, with the row's identity as associated data, so that no row can be
passed off as another's), and one that turns words into what the word index holds (HMAC-SHA-256).
"""

import hmac
import json
import os
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from store.errors import EncryptionKeyError
from store.tables import DataKeyRow

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from store.index.analysis import Analysis

IN_SESSION = "sealer"
"""Where a session carries the sealer of its database (`Session.info`)."""

LOCK = 0x47574B455953
"""The advisory lock of those who make or wrap data keys; the bytes spell GWKEYS."""

MIN_SECRET_CHARACTERS = 32
KEY_BYTES = 32
NONCE_BYTES = 12
WORD_BYTES = 8  # as long as a bigint: two of a million words share one with a chance of 1 in 37 million


@dataclass(frozen=True)
class Sealed:
    """What is stored of a row's content, and the data key that it was sealed with."""

    data_key_id: UUID
    ciphertext: bytes


class MasterKey:
    """What wraps data keys; `id` tells one master key from another and nothing more."""

    def __init__(self, secret: str) -> None:
        """Derives the key.

        Raises:
            EncryptionKeyError: The secret is too short to be one.
        """
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise EncryptionKeyError(
                f"The encryption key has {len(secret)} characters; it needs {MIN_SECRET_CHARACTERS} or more. "
                "Make one with `rag encryption new-key`."
            )
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), length=40, salt=None, info=b"groundwork log").derive(secret.encode())
        self._cipher = AESGCM(derived[:KEY_BYTES])
        self.id = derived[KEY_BYTES:].hex()

    def __repr__(self) -> str:
        """Show the identity, never the key."""
        return f"MasterKey(id={self.id!r})"

    def wrap(self, data_key_id: UUID, key: bytes) -> bytes:
        """What is stored of a data key."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, data_key_id.bytes)

    def unwrap(self, data_key_id: UUID, wrapped: bytes) -> bytes:
        """The data key that was stored.

        Raises:
            EncryptionKeyError: It was wrapped with another master key, or somebody changed it.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], data_key_id.bytes)
        except InvalidTag:
            raise EncryptionKeyError(
                f"The data key {data_key_id} cannot be opened with the encryption key at hand, whose id is "
                f"{self.id}. Set RAG_ENCRYPTION_KEY or RAG_ENCRYPTION_KEY_FILE to the one in use."
            ) from None


class Sealer:
    """Seals and opens rows with the data keys of one database; thread-safe."""

    def __init__(
        self,
        master: MasterKey,
        transaction: Callable[[], AbstractContextManager[Session]],
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        """Take the master key; `transaction` opens one of its own, in which new data keys are stored.

        A key that was stored in the transaction that needs it would be lost with it, while rows of others
        may be sealed with it by then.
        """
        self.master = master
        self._transaction = transaction
        self._today = today
        self._lock = threading.Lock()
        self._ciphers: dict[UUID, AESGCM] = {}
        self._newest: tuple[date, UUID] | None = None
        self._word_keys: list[bytes] = []
        self._analysis: Analysis | None = None

    def seal(self, identity: str, content: Mapping[str, Any]) -> Sealed:
        """Encrypt what a row holds, JSON; it can be opened only as the row of this identity."""
        data_key_id = self._data_key_of_today()
        nonce = os.urandom(NONCE_BYTES)
        plain = zlib.compress(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        encrypted = self._ciphers[data_key_id].encrypt(nonce, plain, _associated(identity, data_key_id))
        return Sealed(data_key_id, nonce + encrypted)

    def open(self, session: Session, identity: str, sealed: Sealed) -> dict[str, Any]:
        """What was sealed.

        Raises:
            EncryptionKeyError: It was sealed with another key, as another row, or somebody changed it.
        """
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(sealed.data_key_id) or self._load(session, sealed.data_key_id)
        nonce, encrypted = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
        try:
            plain = cipher.decrypt(nonce, encrypted, _associated(identity, sealed.data_key_id))
        except InvalidTag:
            raise EncryptionKeyError(
                f"What is stored of {identity} cannot be opened: it was changed, or belongs to another row."
            ) from None
        content: dict[str, Any] = json.loads(zlib.decompress(plain).decode("utf-8", "surrogatepass"))
        return content

    def words(self, *texts: str) -> list[int]:
        """What the word index holds of these texts: a keyed hash for each word that occurs, in no order."""
        terms = {term for text in texts for term in self._analyze().terms(text)}
        return sorted(_hash(self._keys_of_words()[-1], term) for term in terms)

    def words_to_find(self, text: str) -> list[list[int]]:
        """What to look for in the word index: all of one of these lists, one for each key there ever was.

        It is empty where the text holds no word.
        """
        terms = sorted(set(self._analyze().query_terms(text)))
        return [[_hash(key, term) for term in terms] for key in self._keys_of_words() if terms]

    def prepare(self) -> None:
        """Make the data keys that are needed now, so that every process sees that the log is sealed.

        Raises:
            EncryptionKeyError: The data keys that are there belong to another master key.
        """
        self._data_key_of_today()
        self._keys_of_words()

    def renew(self) -> None:
        """Make new data keys, of which all that is sealed from now on is sealed with."""
        with self._lock, self._transaction() as session:
            session.execute(select(func.pg_advisory_xact_lock(LOCK)))
            made = {purpose: self._make(session, purpose) for purpose in ("rows", "words")}
        with self._lock:
            self._newest = (self._today(), made["rows"].id)
            self._ciphers[made["rows"].id] = _cipher(made["rows"].key)
            self._word_keys = []

    def _data_key_of_today(self) -> UUID:
        with self._lock:
            today = self._today()
            if self._newest is None or self._newest[0] != today:
                found = self._find_or_make("rows", newer_than=datetime(*today.timetuple()[:3], tzinfo=UTC))
                self._ciphers[found[-1].id] = _cipher(found[-1].key)
                self._newest = (today, found[-1].id)
            return self._newest[1]

    def _keys_of_words(self) -> list[bytes]:
        with self._lock:
            if not self._word_keys:
                self._word_keys = [found.key for found in self._find_or_make("words", newer_than=None)]
            return list(self._word_keys)

    def _find_or_make(self, purpose: str, *, newer_than: datetime | None) -> "list[_DataKey]":
        """All data keys of a purpose, the newest last, which is made now if there is none (so new)."""
        with self._transaction() as session:
            session.execute(select(func.pg_advisory_xact_lock(LOCK)))
            check(session, self.master)
            statement = select(DataKeyRow.id, DataKeyRow.wrapped).where(DataKeyRow.purpose == purpose)
            if newer_than is not None:
                statement = statement.where(DataKeyRow.created_at >= newer_than)
            rows = session.execute(statement.order_by(DataKeyRow.created_at, DataKeyRow.id)).all()
            found = [_DataKey(row.id, self.master.unwrap(row.id, row.wrapped)) for row in rows]
            return found or [self._make(session, purpose)]

    def _make(self, session: Session, purpose: str) -> "_DataKey":
        made = _DataKey(uuid4(), os.urandom(KEY_BYTES))
        session.execute(
            insert(DataKeyRow).values(
                id=made.id,
                purpose=purpose,
                wrapped=self.master.wrap(made.id, made.key),
                master_id=self.master.id,
                created_at=func.clock_timestamp(),
            )
        )
        return made

    def _load(self, session: Session, data_key_id: UUID) -> "AESGCM":
        wrapped = session.scalar(select(DataKeyRow.wrapped).where(DataKeyRow.id == data_key_id))
        if wrapped is None:
            raise EncryptionKeyError(
                f"The data key {data_key_id} is not in the database: what was encrypted with it is lost. "
                "Restore a backup that has it."
            )
        cipher = _cipher(self.master.unwrap(data_key_id, wrapped))
        with self._lock:
            return self._ciphers.setdefault(data_key_id, cipher)

    def _analyze(self) -> "Analysis":
        if self._analysis is None:
            from store.index.analysis import Analysis

            self._analysis = Analysis()
        return self._analysis


@dataclass(frozen=True, repr=False)
class _DataKey:
    id: UUID
    key: bytes


def sealer_of(session: Session) -> Sealer | None:
    """What seals the log of a session's database; None where it is kept as it is."""
    sealer: Sealer | None = session.info.get(IN_SESSION)
    return sealer


def opener_of(session: Session, identity: str) -> Sealer:
    """What opens a row that was sealed.

    Raises:
        EncryptionKeyError: This process has no key.
    """
    sealer = sealer_of(session)
    if sealer is None:
        raise EncryptionKeyError(
            f"What is stored of {identity} is encrypted, and no key is set. Set RAG_ENCRYPTION_KEY or "
            "RAG_ENCRYPTION_KEY_FILE to the one that the log was encrypted with."
        )
    return sealer


def check(session: Session, master: MasterKey | None) -> None:
    """See to it that a key suits the log; None suits one that is not encrypted.

    Raises:
        EncryptionKeyError: The log is encrypted, and this is not the key, or there is none.
    """
    used = set(session.scalars(select(DataKeyRow.master_id).distinct()))
    if not used or (master is not None and used == {master.id}):
        return
    ids = ", ".join(sorted(used))
    mend = "Set RAG_ENCRYPTION_KEY or RAG_ENCRYPTION_KEY_FILE to that one, and start again."
    if master is None:
        raise EncryptionKeyError(
            f"The log is encrypted (the key's id is {ids}), and no encryption key is set. {mend}"
        )
    raise EncryptionKeyError(
        f"The log is encrypted with another key: its id is {ids}, that of the one at hand {master.id}. {mend}"
    )


def rewrap(session: Session, old: MasterKey, new: MasterKey) -> int:
    """Wrap all data keys with another master key; returns how many. What they sealed stays as it is.

    Raises:
        EncryptionKeyError: `old` is not the key in use; nothing was changed.
    """
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    check(session, old)
    rows: Sequence[Any] = session.execute(select(DataKeyRow.id, DataKeyRow.wrapped)).all()
    for row in rows:
        wrapped = new.wrap(row.id, old.unwrap(row.id, row.wrapped))
        session.execute(
            update(DataKeyRow).where(DataKeyRow.id == row.id).values(wrapped=wrapped, master_id=new.id)
        )
    return len(rows)


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _associated(identity: str, data_key_id: UUID) -> bytes:
    return f"{identity}\0{data_key_id}".encode()


def _hash(key: bytes, term: str) -> int:
    digest = hmac.new(key, term.encode(), "sha256").digest()
    return int.from_bytes(digest[:WORD_BYTES], signed=True)
