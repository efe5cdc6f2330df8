"""The key that the log is encrypted with, as the settings give it."""

from pathlib import Path

from api.secrets import one_secret, read_secret
from api.settings import Settings
from store import sealing
from store.postgres import Database
from store.sealing import MasterKey


def master_key(settings: Settings) -> MasterKey | None:
    """The key that the settings name; None where they name none.

    Raises:
        SettingsError: The file of the key cannot be read, or key and file are both set.
        EncryptionKeyError: It is too short.
    """
    secret = one_secret(settings.encryption_key, settings.encryption_key_file, "RAG_ENCRYPTION_KEY")
    return None if secret is None else MasterKey(secret)


def key_in(file: Path) -> MasterKey:
    """The key in a file.

    Raises:
        SettingsError: The file cannot be read.
        EncryptionKeyError: The key is too short.
    """
    return MasterKey(read_secret(file, "--new-key-file"))


def check_encryption(database: Database) -> None:
    """See to it that the log is written and read with the right key, and with one if it is encrypted at all.

    Raises:
        EncryptionKeyError: It is encrypted, and the key is missing or is another.
    """
    sealer = database.sealer
    with database.transaction() as session:
        sealing.check(session, None if sealer is None else sealer.master)
    if sealer is not None:
        sealer.prepare()
