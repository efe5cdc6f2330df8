"""Single texts of the log, sealed in the columns that they stand in."""

import base64
from uuid import UUID

from sqlalchemy.orm import Session

from store.sealing import Sealed, opener_of, sealer_of

MARK = "\x1asealed:"
"""How a sealed text begins; what people write never does."""


def stored_text(session: Session, identity: str, text: str) -> str:
    """What is stored of a text: sealed where the database has a key, else as it is.

    `identity` tells it from all other texts, such as the table with the row's id.
    """
    sealer = sealer_of(session)
    if sealer is None:
        while text.startswith(MARK):
            text = text.removeprefix(MARK)
        return text
    sealed = sealer.seal(identity, {"text": text})
    return f"{MARK}{sealed.data_key_id}:{base64.b64encode(sealed.ciphertext).decode()}"


def read_text(session: Session, identity: str, stored: str) -> str:
    """The text that was stored.

    Raises:
        EncryptionKeyError: It is sealed, and there is no key, or it is another.
    """
    if not stored.startswith(MARK):
        return stored
    data_key_id, _, coded = stored.removeprefix(MARK).partition(":")
    sealed = Sealed(UUID(data_key_id), base64.b64decode(coded))
    text: str = opener_of(session, identity).open(session, identity, sealed)["text"]
    return text
