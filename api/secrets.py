"""Secrets that the settings give by themselves or in a file."""

import secrets
from pathlib import Path

from pydantic import SecretStr

from api.settings import SettingsError

SECRET_BYTES = 32


def one_secret(given: SecretStr | None, file: Path | None, variable: str) -> str | None:
    """The secret that is given, or stands in the file; None where neither is set.

    Raises:
        SettingsError: Both are set, or the file cannot be read.
    """
    if given is not None and file is not None:
        raise SettingsError(f"{variable} and {variable}_FILE are both set. Unset one of them.")
    if given is not None:
        return given.get_secret_value()
    return None if file is None else read_secret(file, f"{variable}_FILE")


def read_secret(file: Path, name: str) -> str:
    """The secret in a file; `name` says what named the file.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        return file.read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{name}={str(file)!r} cannot be read: {error}. Correct the path or its permissions."
        ) from None


def new_secret() -> str:
    """A secret that can be a key."""
    return secrets.token_urlsafe(SECRET_BYTES)
