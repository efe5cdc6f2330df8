"""Why requests are refused that only HTTP knows of; their statuses are in `api.errors`."""

from store.types import Role

SHOWN_CHARACTERS = 100
"""How much of a wrong value an error shows."""


class ApiError(Exception):
    """Base of the errors that only HTTP knows."""


class MissingKeyError(ApiError):
    """The request carries no API key."""

    def __init__(self) -> None:
        super().__init__(
            "An API key is needed: send the header `Authorization: Bearer KEY`. "
            "Make a key with `rag keys create`."
        )


class RoleError(ApiError):
    """The key's role does not allow this."""

    def __init__(self, role: Role, needed: Role, what: str = "This") -> None:
        super().__init__(f"{what} needs the role {needed}, but the key's is {role}. Use another key.")


class NoRoleError(ApiError):
    """A user without a role logs in, or their role was taken away."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"The user {user!r} has no role, so a login allows nothing. An administrator gives one with "
            f"`rag users change {user} --role ROLE`; API keys have roles of their own."
        )


class TooManyFailuresError(ApiError):
    """Too many requests from an address showed keys or logins that are none."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(
            f"Too many requests from your address had wrong keys or logins. Try again in {wait_s} seconds."
        )


class CsrfError(ApiError):
    """A request with a login's cookie would change something, and may come from another site."""

    def __init__(self) -> None:
        super().__init__(
            "A request that is made with a login has to carry its token in the header `X-CSRF-Token`. It is "
            "in the response to `POST /v1/login` and in the cookie `groundwork_csrf`."
        )


class AccessError(ApiError):
    """What the key, or the list of a corpus, does not allow."""


class BodyError(ApiError):
    """The body of a request does not have the form that is needed."""


class DocumentError(ApiError):
    """A document that was sent cannot be one; nothing of it was stored."""


class FolderError(ApiError):
    """A path of the server that no setting opens to callers."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path!r} is in none of the folders that this server reads for callers. Send the files instead, "
            "or let the administrator add the folder to RAG_JOB_FOLDERS."
        )


class TooLargeError(ApiError):
    """The body of a request is larger than the settings allow."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The request's body is larger than {max_bytes:,} bytes. Send less at once, use `rag ingest` on "
            "the server, or raise RAG_MAX_UPLOAD_BYTES there."
        )


class UnsupportedBodyError(ApiError):
    """The body of a request is of a media type that the route does not take."""

    def __init__(self, media_type: str) -> None:
        super().__init__(
            f"The request's body is {media_type!r}, but this route takes 'application/json'. "
            "Send it with the header `Content-Type: application/json`."
        )


class IdempotencyKeyError(ApiError):
    """The name that a caller gave a request cannot be one."""


class ChangedError(ApiError):
    """A document is not what the caller has seen of it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Nothing was done: look at it again, then repeat the request.")


class UnknownModelError(ApiError):
    """No model has this name."""

    def __init__(self, model: str) -> None:
        super().__init__(f"There is no model {model[:SHOWN_CHARACTERS]!r}. `GET /v1/models` lists them.")


class UnknownFileError(ApiError):
    """No file has this id."""

    def __init__(self, file: str) -> None:
        super().__init__(f"There is no file {file[:SHOWN_CHARACTERS]!r}. `GET /v1/files` lists them.")


class UnknownStreamError(ApiError):
    """No stream has this id, or not any more."""

    def __init__(self, stream: str) -> None:
        super().__init__(
            f"There is no streamed answer {stream[:SHOWN_CHARACTERS]!r} of this key, or not any more. "
            "Ask again, without Last-Event-ID."
        )


class CorpusChoiceError(ApiError):
    """It is not said which corpus is meant."""

    def __init__(self) -> None:
        super().__init__(
            "There is not exactly one corpus: say which is meant, with the model `groundwork/NAME` or the "
            "field `corpus`. `GET /v1/corpora` lists them."
        )


class UnsupportedError(ApiError):
    """Something is asked for that OpenAI's API has and we do not."""


class NotReadyError(ApiError):
    """The server cannot answer questions yet, or any more."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__(" ".join(reasons))
