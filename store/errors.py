"""What can go wrong in the store; every message names the value and the mend."""

import reprlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID


class StoreError(Exception):
    """Base of all errors of the store."""


class UnknownCorpusError(StoreError):
    """No corpus has this name."""

    def __init__(self, name: str, known: Sequence[str]):
        self.name = name
        self.known = tuple(known)
        listed = ", ".join(repr(other) for other in self.known) or "none yet; ingest something to make one"
        super().__init__(f"There is no corpus {name!r}. Known corpora: {listed}.")


class UnknownDocumentError(StoreError):
    """No document has this id, or it has no such version."""

    def __init__(self, document_id: UUID, version: int | None = None):
        self.document_id = document_id
        self.version = version
        if version is None:
            message = f"There is no document {document_id}. List a corpus's documents to find its id."
        else:
            message = (
                f"Document {document_id} has no version {version}. Leave the version out for the newest."
            )
        super().__init__(message)


class NotNearDuplicateError(StoreError):
    """A document that is to be split from its cluster is no near-duplicate."""

    def __init__(self, document_id: UUID, status: str):
        self.document_id = document_id
        super().__init__(
            f"Document {document_id} cannot be split off: its status is {status!r}, not 'near_duplicate'. "
            "Name one of the near-duplicates of its cluster."
        )


class UnknownResponseError(StoreError):
    """No response has this id."""

    def __init__(self, response_id: UUID):
        self.response_id = response_id
        super().__init__(f"There is no response {response_id}. List the responses to find its id.")


class UnknownSessionError(StoreError):
    """No session of this user has this id."""

    def __init__(self, session_id: UUID, user: str):
        self.session_id = session_id
        self.user = user
        super().__init__(
            f"User {user!r} has no session {session_id}. Leave the session out to open a new one."
        )


class TurnError(StoreError):
    """What a question says of its place in a conversation contradicts itself."""


class UnknownFeedbackError(StoreError):
    """No feedback has this id."""

    def __init__(self, feedback_id: UUID):
        self.feedback_id = feedback_id
        super().__init__(f"There is no feedback {feedback_id}. List the feedback to find its id.")


class UnknownKeyError(StoreError):
    """No API key has this id."""

    def __init__(self, key_id: UUID):
        self.key_id = key_id
        super().__init__(f"There is no key {key_id}. List the keys to find its id.")


class UnknownUserError(StoreError):
    """No user has this name or id."""

    def __init__(self, user: str | UUID):
        self.user = user
        super().__init__(f"There is no user {str(user)[:200]!r}. Make one with `rag users create`.")


class UnknownGroupError(StoreError):
    """No group has this name or id."""

    def __init__(self, group: str | UUID):
        self.group = group
        super().__init__(f"There is no group {str(group)[:200]!r}. Make one with `rag groups create`.")


class NameTakenError(StoreError):
    """A user or group of this name is there already."""

    def __init__(self, what: str, name: str):
        self.name = name
        super().__init__(f"There is a {what} {name!r} already. Choose another name, or change that one.")


class KeyScopeError(StoreError):
    """A key is to be allowed what it cannot be."""


class UnknownJobError(StoreError):
    """No job has this id."""

    def __init__(self, job_id: UUID):
        self.job_id = job_id
        super().__init__(f"There is no job {job_id}. A job's id is given when it starts.")


class JobStateError(StoreError):
    """What is asked of a job cannot be done in the state that it is in."""

    def __init__(self, job_id: UUID, status: str, wish: str):
        self.job_id = job_id
        self.status = status
        super().__init__(
            f"Job {job_id} is {status}, so it cannot be {wish}. {_JOB_MENDS.get(status, '')}".rstrip()
        )


class JobTakenError(StoreError):
    """Another process works on the job."""

    def __init__(self, job_id: UUID):
        self.job_id = job_id
        super().__init__(
            f"Another process works on job {job_id}. See how far it is with `rag jobs show {job_id}`; "
            "pause it first if it is to go on here."
        )


_JOB_MENDS = {
    "running": "Pause it first.",
    "done": "Ingest again to begin anew, or retry what failed.",
    "cancelled": "Ingest again to begin anew.",
    "paused": "Resume it first.",
}


class VaultKeyError(StoreError):
    """The key of the vault is missing, or is not the one that it was filled with."""


class EncryptionKeyError(StoreError):
    """The key that the log is encrypted with is missing, or is another."""


class UnknownPseudonymError(StoreError):
    """The vault does not know what this pseudonym stands for."""

    def __init__(self, pseudonym: str):
        self.pseudonym = pseudonym
        super().__init__(
            f"The vault holds nothing for {pseudonym!r}. Write it as it stands in the text, such as "
            "[EMAIL_1a2b3c4d5e6f]; it may also have been forgotten."
        )


class CorpusExistsError(StoreError):
    """A corpus with this name is there already."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(f"Corpus {name!r} exists already. Choose another name, or delete it first.")


class EncoderMismatchError(StoreError):
    """The encoder at hand is not the one whose embeddings the corpus holds."""

    def __init__(self, corpus: str, expected: str, given: str):
        self.corpus = corpus
        self.expected = expected
        self.given = given
        super().__init__(
            f"Corpus {corpus!r} was embedded by {expected}, but the encoder at hand is {given}. "
            f"Use {expected}, or ingest into a corpus with another name."
        )


class DatabaseUnavailableError(StoreError):
    """PostgreSQL cannot be reached, or went away."""

    def __init__(
        self,
        where: str,
        reason: str,
        mend: str = "Check that it runs and that RAG_DATABASE_URL is right, then try again.",
    ):
        self.where = where
        self.reason = reason
        super().__init__(f"PostgreSQL at {where} cannot be reached: {reason}. {mend}")


class NewerTablesError(StoreError):
    """The tables are those of a newer program, whose changes are not known here."""

    def __init__(self, revisions: Sequence[str]):
        super().__init__(
            f"The database's tables ({', '.join(revisions)}) were made by a newer Groundwork than this one. "
            "Nothing was changed: install that version, or restore a backup from before."
        )


class DatabaseFullError(StoreError):
    """PostgreSQL has no room left, on its disk or in its memory."""

    def __init__(self, where: str, reason: str):
        self.where = where
        self.reason = reason
        super().__init__(
            f"PostgreSQL at {where} has no room left: {reason}. Make room on its machine, then try again; "
            "nothing was half written."
        )


class StoppingError(StoreError):
    """The indexes are closed for good."""

    def __init__(self) -> None:
        super().__init__("The indexes are closed because the server is stopping: try again in a moment.")


class IndexCorruptError(StoreError):
    """A snapshot of an index cannot be trusted."""

    def __init__(self, path: str, reason: str):
        self.path = path
        self.reason = reason
        super().__init__(
            f"The index snapshot {path} cannot be used: {reason}. It is built again from PostgreSQL."
        )


class FilterError(StoreError):
    """A metadata filter has a shape that means nothing."""

    def __init__(self, filter: Any, reason: str):
        self.filter = filter
        self.reason = reason
        # reprlib: a hostile filter may be nested deeper than repr can follow.
        super().__init__(f"The filter {reprlib.repr(filter)} cannot be used: {reason}.")


class InvalidKeyError(StoreError):
    """The API key is unknown, expired or revoked, or its user is disabled."""

    def __init__(self) -> None:
        super().__init__(
            "The API key is unknown, expired or revoked, or its user is disabled. "
            "Make one with `rag keys create`."
        )


class InvalidLoginError(StoreError):
    """The login is unknown or over."""

    def __init__(self) -> None:
        super().__init__("Nobody is logged in here, or the time of the login is over. Log in again.")


class WrongPasswordError(StoreError):
    """User and password do not belong together."""

    def __init__(self) -> None:
        super().__init__("This is not the password of this user. `rag users password NAME` gives another.")


class WeakPasswordError(StoreError):
    """A password that is easy to guess."""


class LockedOutError(StoreError):
    """It failed too often to log in."""

    def __init__(self, wait_s: int):
        self.wait_s = wait_s
        super().__init__(f"It failed too often to log in. Try again in {wait_s} seconds.")


class LimitReachedError(StoreError):
    """A caller has used up what is allowed."""

    def __init__(self, what: str, limit: int, wait_s: int):
        self.wait_s = wait_s
        super().__init__(f"The limit of {limit:,} {what} is reached. Try again in {wait_s} seconds.")


class InvalidCursorError(StoreError):
    """A page cursor was not made by this program, or for another list."""

    def __init__(self, cursor: str):
        self.cursor = cursor
        super().__init__(
            f"The cursor {cursor[:100]!r} is not one of this list. Leave it out to start at the first page."
        )


class RequestReusedError(StoreError):
    """The name of an idempotent request stands for another request already."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"The Idempotency-Key {name[:100]!r} was used for another request, or what it was answered with "
            "may not be shown again. Send a new one with each request, and the same one only to repeat a "
            "request as it was, with the same key and rights."
        )


class RequestRunningError(StoreError):
    """The first of two idempotent requests of one name is still worked on."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(
            f"The request with the Idempotency-Key {name[:100]!r} is still worked on. Send it again later."
        )


class BackupError(StoreError):
    """A backup cannot be written, read or put back."""
