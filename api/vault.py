"""The key of the vault, as the settings give it."""

from api.secrets import one_secret
from api.settings import Settings
from store.errors import VaultKeyError
from store.vault import VaultKey


def vault_key(settings: Settings) -> VaultKey | None:
    """The key that the settings name; None where they name none.

    Raises:
        SettingsError: The file of the key cannot be read, or key and file are both set.
        VaultKeyError: It is too short.
    """
    secret = one_secret(settings.vault_key, settings.vault_key_file, "RAG_VAULT_KEY")
    return None if secret is None else VaultKey(secret)


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
