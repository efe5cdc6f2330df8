"""E-mail messages (eml): headers and text as one document, each attachment as documents of its own."""

import email
import email.policy
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from ingest.clean import normalise_line
from ingest.readers.bytes import UnfitTextError, open_file, too_large
from ingest.readers.compose import Composer
from ingest.readers.document import ProblemKind, RawDocument, Reading, ReadOptions, part_source
from ingest.readers.html import render
from ingest.readers.packages import parsing
from ingest.readers.parts import MAX_DEPTH, read_part

MESSAGE = "an e-mail message"
MEDIA_TYPE = "message/rfc822"

_SHOWN = ("From", "To", "Cc", "Date")
_HEADERS_OF_MAIL = ("from", "to", "subject", "date", "received", "mime-version", "message-id", "return-path")


def read_mail(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the message with its headers as a document titled by its subject, then its attachments."""
    with open_file(path) as file:
        data = file.stream.read(10 * options.max_document_bytes + 1)
    if len(data) > 10 * options.max_document_bytes:
        raise too_large("The message", options)
    with parsing(MESSAGE):
        message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(message.get(n) for n in _HEADERS_OF_MAIL):
        reason = "it has none of the headers of an e-mail message; check that it was saved whole, as .eml"
        raise UnfitTextError(ProblemKind.MALFORMED, reason)
    yield _message(message, options, source, title)
    yield from _attachments(message, options, source)


def _message(message: EmailMessage, options: ReadOptions, source: str, title: str) -> RawDocument:
    composer = Composer()
    with parsing(MESSAGE):
        subject = _header(message, "Subject")
        composer.add_heading(subject, 1)
        shown = [f"{name}: {value}" for name in _SHOWN if (value := _header(message, name))]
        composer.add("\n".join(shown))
        body = message.get_body(("plain", "html"))
        if isinstance(body, EmailMessage):
            text = _text(body)
            if body.get_content_subtype() == "html":
                render(LexborHTMLParser(text), composer)
            else:
                composer.add(text)
        composer.check_size(options)
    return composer.document(source, subject or title, MEDIA_TYPE, _metadata(message))


def _metadata(message: EmailMessage) -> dict[str, str]:
    metadata = {name.lower(): value for name in ("From", "To") if (value := _header(message, name))}
    with suppress(ValueError, TypeError):  # no date, or one that is none
        metadata["date"] = parsedate_to_datetime(str(message.get("Date") or "")).isoformat()
    return metadata


def _attachments(message: EmailMessage, options: ReadOptions, source: str) -> Reading:
    """Gives what is attached, each file read by the reader for its name, messages in messages too."""
    for number, part in enumerate(_attached(message), start=1):
        content: object
        with parsing(MESSAGE):
            name = normalise_line(part.get_filename() or "")
            if part.get_content_type() == MEDIA_TYPE:
                name = name if name.lower().endswith(".eml") else f"{name or f'message {number}'}.eml"
                content = part.get_payload(0)
                data = content.as_bytes() if isinstance(content, EmailMessage) else b""
            else:
                found = part.get_payload(decode=True)
                data = found if isinstance(found, bytes) else b""
        place = part_source(source, name or f"attachment {number}")
        yield from _read(data, name or f"attachment {number}", options, place)


def _read(data: bytes, name: str, options: ReadOptions, source: str) -> Reading:
    with tempfile.TemporaryDirectory(prefix="groundwork-mail-") as folder:
        yield from read_part(data, name, Path(folder), options, source)


def _attached(message: EmailMessage) -> Iterator[EmailMessage]:
    """Gives the attached files, in their order; pictures that stand in the text are none."""
    body = message.get_body(("plain", "html"))
    for part in _leaves(message):
        is_text = part is body or (
            part.get_content_maintype() == "text" and not part.get_filename() and not part.is_attachment()
        )
        if not is_text and (part.is_attachment() or part.get_filename() or _is_message(part)):
            yield part


def _leaves(part: EmailMessage, depth: int = 0) -> Iterator[EmailMessage]:
    """Gives the parts that hold something; what is in an attached message belongs to that."""
    if depth > 10 * MAX_DEPTH:
        raise RecursionError
    if part.is_multipart() and not _is_message(part):
        for inner in part.iter_parts():
            if isinstance(inner, EmailMessage):
                yield from _leaves(inner, depth + 1)
    else:
        yield part


def _is_message(part: EmailMessage) -> bool:
    return part.get_content_type() == MEDIA_TYPE


def _text(part: EmailMessage) -> str:
    """Returns a part's text; in an encoding that it does not name truly, as far as it can be read."""
    try:
        content = part.get_content()
    except (LookupError, UnicodeError):
        payload = part.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return content if isinstance(content, str) else ""


def _header(message: EmailMessage, name: str) -> str:
    return normalise_line(str(message.get(name) or ""), 1_000)
