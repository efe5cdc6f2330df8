"""Opening files that are packed or that foreign parsers read: limits before, clear problems after.

Office documents and EPUB books are ZIP archives. What such a file unpacks to is bounded before anything is
unpacked; and whatever a parser raises on a broken file becomes a problem that says what to do about it.
"""

import logging
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from ingest.clean import normalise_line
from ingest.readers.bytes import READ_ERRORS, UnfitTextError, open_file, too_large
from ingest.readers.document import ProblemKind, ReadOptions

logger = logging.getLogger(__name__)

MAX_MEMBERS = 50_000
MAX_RATIO = 300
"""Real office files unpack to some 5 to 100 times their size."""
SMALL_BYTES = 20_000_000
"""What unpacks to less does no harm, whatever its ratio."""
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_COPY_BYTES = 1 << 20


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turns whatever a parser raises on a broken file into an UnfitTextError; `what` is what it should be.

    A parser in foreign hands may raise anything on a file that is cut off or made to break it. The errors in
    READ_ERRORS and those that already say what is wrong go through.
    """
    try:
        yield
    except (UnfitTextError, RecursionError, OSError, EOFError):
        raise
    except Exception as error:
        logger.debug("A parser failed", exc_info=True)
        said = normalise_line(str(error), 160)
        told = f"{type(error).__name__}: {said}" if said else type(error).__name__
        reason = (
            f"it cannot be read as {what} ({told}); it may be cut off or damaged: "
            f"open it where it was made and save it again"
        )
        raise UnfitTextError(ProblemKind.MALFORMED, reason) from error


@contextmanager
def local_file(path: Path, options: ReadOptions) -> Iterator[Path]:
    """Gives a path whose content is not gzipped: the file's own, or that of an unpacked copy.

    Raises:
        UnfitTextError: it unpacks to more than ten documents may have.
        OSError, EOFError, zlib.error: it cannot be read.
    """
    if path.suffix.lower() != ".gz":
        yield path
        return
    limit = 10 * options.max_document_bytes
    with tempfile.NamedTemporaryFile(prefix="groundwork-") as copy:
        with open_file(path) as file:
            while data := file.stream.read(_COPY_BYTES):
                if copy.tell() + len(data) > limit:
                    raise too_large("The unpacked file", options)
                copy.write(data)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def open_package(path: Path, what: str, options: ReadOptions) -> Iterator[zipfile.ZipFile]:
    """Opens an office file or a book; `what` is what it should be (`a Word document`).

    Raises:
        UnfitTextError: it is no package, encrypted, damaged, or unpacks to too much.
        OSError: it cannot be read.
    """
    with local_file(path, options) as local:
        _refuse_other(local, what)
        with parsing(what):
            package = zipfile.ZipFile(local)
        with package:
            check_package(package, options)
            yield package


def check_package(package: zipfile.ZipFile, options: ReadOptions) -> None:
    """Raises UnfitTextError for a ZIP archive that unpacks to too much to be an honest document.

    The sizes are those that its directory states; no more than they is ever unpacked.
    """
    members = package.infolist()
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    limit = 10 * options.max_document_bytes
    if len(members) > MAX_MEMBERS:
        raise unsafe(f"it holds {len(members):,} parts, more than {MAX_MEMBERS:,}")
    if unpacked > limit:
        raise unsafe(f"it unpacks to {unpacked:,} bytes, more than {limit:,}")
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed:
        raise unsafe(f"it unpacks to {unpacked // max(packed, 1):,} times its size, as bombs do")


def unsafe(reason: str) -> UnfitTextError:
    """Returns the error for an archive that is refused, whoever made it."""
    return UnfitTextError(ProblemKind.UNSAFE, f"{reason}; if it is honest, unpack it and ingest the folder")


def encrypted(what: str) -> UnfitTextError:
    """Returns the error for a file that needs a password."""
    return UnfitTextError(
        ProblemKind.ENCRYPTED, f"it is {what} that is encrypted; save it without a password first"
    )


def read_member(package: zipfile.ZipFile, name: str, what: str) -> bytes:
    """Returns a part of a package.

    Raises:
        UnfitTextError: it is missing, encrypted or damaged.
    """
    try:
        if package.getinfo(name).flag_bits & 1:
            raise encrypted(what)
        with parsing(what):
            return package.read(name)
    except KeyError:
        reason = f"it is no whole {what.partition(' ')[2]}: its part {name!r} is missing; save it again"
        raise UnfitTextError(ProblemKind.MALFORMED, reason) from None
    except READ_ERRORS as error:
        raise UnfitTextError(
            ProblemKind.MALFORMED, f"its part {name!r} is damaged ({error}); save it again"
        ) from error


def parse_xml(data: bytes, what: str) -> etree._Element:
    """Returns the root of an XML document; no entities are resolved and nothing is fetched.

    Raises:
        UnfitTextError: it is no XML, or made to exhaust the parser.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    with parsing(what):
        return etree.fromstring(data, parser)


def local_name(node: etree._Element) -> str:
    """Returns an element's name without its namespace; empty for what is no element."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _refuse_other(path: Path, what: str) -> None:
    with path.open("rb") as file:
        start = file.read(1 << 16)
    if start.startswith(_OLE):
        with path.open("rb") as file:
            hidden = _ENCRYPTED_STREAM in file.read(1 << 24)
        if hidden:
            raise encrypted(what)
        raise UnfitTextError(
            ProblemKind.UNSUPPORTED, "it is an office file of the time before 2007; save it in today's format"
        )
    if not start.strip(b"\0"):
        raise UnfitTextError(ProblemKind.EMPTY, f"it is empty, not {what}; check how it was made")
