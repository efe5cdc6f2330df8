"""TLS: the certificate that the server shows."""

import ssl

from api.settings import Settings, SettingsError


def check_tls(settings: Settings) -> None:
    """See to it that certificate and key can be used, before the server starts with them.

    Raises:
        SettingsError: One of the two is missing or cannot be read, or they do not belong together.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        return
    if settings.tls_cert is None or settings.tls_key is None:
        raise SettingsError("RAG_TLS_CERT and RAG_TLS_KEY go together: set both, or none.")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_refuse)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise SettingsError(
            f"RAG_TLS_CERT={str(settings.tls_cert)!r} and RAG_TLS_KEY={str(settings.tls_key)!r} cannot be "
            f"used: {getattr(error, 'reason', None) or getattr(error, 'strerror', None) or error}. Give a "
            "certificate in PEM and its own private key, without a passphrase."
        ) from None


def _refuse() -> str:
    raise ValueError("the key has a passphrase")
