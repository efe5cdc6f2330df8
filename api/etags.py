"""Entity tags: what a caller has seen of a document, and whether it still is so (RFC 9110, section 13)."""

import hashlib
import re

from starlette.datastructures import Headers

from api.refusals import ChangedError
from store.types import Document

TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


def etag_of(document: Document, shown_version: int | None = None) -> str:
    """The tag of a document as it stands now; each of its versions is shown under a tag of its own.

    `shown_version` None is the newest.
    """
    state = (document.id, document.version, document.updated_at, document.status, document.duplicate_of)
    shown = shown_version or document.version
    return f'"{shown}-{hashlib.sha256(repr(state).encode()).hexdigest()[:24]}"'


def seen_already(headers: Headers, etag: str) -> bool:
    """Whether the caller's `If-None-Match` has this tag: then nothing has to be sent."""
    given = headers.get("if-none-match")
    return given is not None and (given.strip() == "*" or etag in _tags(given, weak=True))


def check_unchanged(headers: Headers, document: Document | None) -> None:
    """Compare a document with the tags of the caller's `If-Match`, and `If-None-Match: *`, if there are any.

    None is a document that is not there.

    Raises:
        ChangedError: It is not what the caller has seen.
    """
    expected = headers.get("if-match")
    if expected is not None:
        if document is None:
            raise ChangedError("There is no such document (any more)")
        etag = etag_of(document)
        if expected.strip() != "*" and etag not in _tags(expected, weak=False):
            raise ChangedError(f"The document changed: its ETag is {etag} now")
    if headers.get("if-none-match", "").strip() == "*" and document is not None:
        raise ChangedError("The document is there already")


def conditional(headers: Headers) -> bool:
    """Whether the caller sets conditions for a change."""
    return "if-match" in headers or headers.get("if-none-match", "").strip() == "*"


def _tags(header: str, *, weak: bool) -> set[str]:
    found = TAG.finditer(header)
    return {f'"{tag[2]}"' for tag in found if weak or not tag[1]}
