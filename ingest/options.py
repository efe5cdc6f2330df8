"""How to ingest, and what was asked for: what a job keeps, so that it can be resumed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ingest.cuts import ChunkSize
from ingest.errors import RequestError
from ingest.readers import ReadOptions
from store.types import Origin, Readers
from store.visibility import Reader

_HIDDEN = "***"


@dataclass(frozen=True)
class IngestOptions:
    """How to ingest.

    `prune` removes documents that earlier ingestions found under the paths and this one did not. A batch has
    about `batch_characters` of text, by default enough for some 256 chunks. `metadata` is given to every
    document and goes before what the document says itself. `origin` tells who wrote the documents.
    `readers` are those who may see them; None leaves the lists that documents have. `sender` is in whose name
    it happens: documents that are hidden from it are neither replaced nor removed; None may all.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    chunk_size: ChunkSize = field(default_factory=ChunkSize)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin.HUMAN
    prune: bool = False
    readers: Readers | None = None
    sender: Reader | None = None
    batch_characters: int = 200_000


@dataclass(frozen=True)
class SentFile:
    """A file that was sent for a job: kept in the database under its number until the job is finished."""

    number: int
    name: str
    source: str
    size_bytes: int


@dataclass(frozen=True)
class JobRequest:
    """What a job is to ingest: paths of its host, or files that were sent.

    `only_known` leaves out what was not there, or was read, when the job last looked: it retries failures.
    """

    paths: tuple[str, ...] = ()
    files: tuple[SentFile, ...] = ()
    options: IngestOptions = field(default_factory=IngestOptions)
    only_known: bool = False

    def to_json(self) -> dict[str, Any]:
        """Returns the request as plain values, without passwords."""
        plain: dict[str, Any] = _REQUEST.dump_python(self, mode="json")
        return {**plain, "paths": [without_password(path) for path in self.paths]}

    @property
    def fingerprint(self) -> str:
        """The same for the same request."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def parse_request(plain: Mapping[str, Any]) -> JobRequest:
    """Returns the request that `to_json` wrote.

    Raises:
        RequestError: it was written by another version, or a password was left out of it.
    """
    try:
        request = _REQUEST.validate_python(dict(plain))
    except ValidationError as error:
        raise RequestError(
            f"its request was written by another version ({error.error_count()} errors)"
        ) from None
    hidden = next((path for path in request.paths if f":{_HIDDEN}@" in path), None)
    if hidden is not None:
        raise RequestError(f"the password of {hidden} is not kept")
    return request


def without_password(path: str) -> str:
    """Returns the path; the password in it, if it is the address of a database, is hidden."""
    if "://" not in path:
        return path
    try:
        return make_url(path).render_as_string(hide_password=True)
    except ArgumentError:
        return path


_REQUEST = TypeAdapter(JobRequest)
