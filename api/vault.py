"""The key of the vault, as the settings give it."""

import secrets

from api.settings import Settings, SettingsError
from store.errors import VaultKeyError
from store.vault import VaultKey

_SECRET_BYTES = 32


def vault_key(settings: Settings) -> VaultKey | None:
    """The key that the settings name; None where they name none.

    Raises:
        SettingsError: The file of the key cannot be read, or key and file are both set.
        VaultKeyError: It is too short.
    """
    given, file = settings.vault_key, settings.vault_key_file
    if given is not None and file is not None:
        raise SettingsError("RAG_VAULT_KEY and RAG_VAULT_KEY_FILE are both set. Unset one of them.")
    if given is not None:
        return VaultKey(given.get_secret_value())
    if file is None:
        return None
    try:
        return VaultKey(file.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"RAG_VAULT_KEY_FILE={str(file)!r} cannot be read: {error}. Correct the path or its permissions."
        ) from None


def needed_vault_key(settings: Settings, why: str) -> VaultKey:
    """The key that the settings name.

    Raises:
        SettingsError: The file of the key cannot be read, or key and file are both set.
        VaultKeyError: There is none, or it is too short.
    """
    key = vault_key(settings)
    if key is None:
        raise VaultKeyError(
            f"{why} needs the key of the vault. Make one with `rag vault new-key`, keep it safe, and set it "
            "as RAG_VAULT_KEY or write it to the file that RAG_VAULT_KEY_FILE names."
        )
    return key


def new_secret() -> str:
    """A secret that can be the vault's key."""
    return secrets.token_urlsafe(_SECRET_BYTES)
