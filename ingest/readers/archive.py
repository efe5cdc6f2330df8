"""ZIP and TAR archives: every file in them is read by the reader for its name, one after the other.

Nothing is unpacked under the name that the archive gives it. How much may be unpacked is decided by the sizes
that the archive states, and no more than they is ever read.
"""

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ingest.readers.bytes import READ_ERRORS, UnfitTextError, unreadable
from ingest.readers.document import Problem, ProblemKind, Reading, ReadOptions, part_source
from ingest.readers.packages import MAX_RATIO, SMALL_BYTES, local_file, parsing, unsafe
from ingest.readers.parts import file_name, has_reader, read_part_file

ZIP = "a ZIP archive"
TAR = "a TAR archive"

_HIDDEN = frozenset({"__MACOSX", "__pycache__", "node_modules"})


@dataclass(frozen=True)
class _Member:
    """A file of an archive; `position` is how much of the archive it ends at, in bytes."""

    name: str
    size_bytes: int
    position: int
    is_encrypted: bool
    open: Callable[[], IO[bytes] | None]


def read_zip(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the documents of all files in a ZIP archive; their sources have the names as fragments."""
    with local_file(path, options) as local, ExitStack() as stack:
        with parsing(ZIP):
            package = stack.enter_context(zipfile.ZipFile(local))
            _refuse_bomb(package, options)
        yield from _members(_zip_members(package), local.stat().st_size, options, source, ZIP)


def read_tar(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the documents of all files in a TAR archive, packed or not; else like `read_zip`."""
    with ExitStack() as stack:
        with parsing(TAR):
            package = stack.enter_context(tarfile.open(path))
        yield from _members(_tar_members(package), path.stat().st_size, options, source, TAR)


def _zip_members(package: zipfile.ZipFile) -> Iterator[_Member]:
    for info in package.infolist():
        if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
            end = info.header_offset + info.compress_size
            encrypted = bool(info.flag_bits & 1)
            yield _Member(info.filename, info.file_size, end, encrypted, partial(package.open, info))


def _tar_members(package: tarfile.TarFile) -> Iterator[_Member]:
    for info in package:
        if info.isreg():
            end = info.offset_data + info.size
            yield _Member(info.name, info.size, end, False, partial(package.extractfile, info))


def _members(
    members: Iterator[_Member], packed_bytes: int, options: ReadOptions, source: str, what: str
) -> Reading:
    """Gives the documents of the members; stops where an archive is over its limits."""
    count = unpacked = 0
    with tempfile.TemporaryDirectory(prefix="groundwork-archive-") as folder:
        while (member := _next(members, what)) is not None:
            count += 1
            unpacked += member.size_bytes
            _check_limits(count, unpacked, packed_bytes, options)
            if not _is_hidden(member.name):
                left = replace(options, max_unpacked_bytes=options.max_unpacked_bytes - unpacked)
                for item in _member(member, Path(folder), left, source):
                    yield replace(item, position=min(member.position, packed_bytes))


def _next(members: Iterator[_Member], what: str) -> _Member | None:
    with parsing(what):
        return next(members, None)


def _member(member: _Member, folder: Path, options: ReadOptions, source: str) -> Reading:
    """Gives the documents of one file; one that cannot be read is a problem, and the others are read."""
    place = part_source(source, member.name.replace("\\", "/"))
    if _leads_out(member.name):
        reason = f"its name {member.name!r} leads out of the archive; it was left out"
        yield Problem(place, None, ProblemKind.UNSAFE, reason)
    elif member.is_encrypted:
        yield Problem(place, None, ProblemKind.ENCRYPTED, "it needs a password; pack it without one")
    elif not has_reader(member.name):
        yield from read_part_file(Path(), member.name, options, place)  # says so
    else:
        path = folder / file_name(member.name)
        try:
            _unpack(member, path)
        except UnfitTextError as error:
            yield error.problem(place)
        except READ_ERRORS as error:
            yield unreadable(error).problem(place)
        else:
            yield from read_part_file(path, member.name, options, place)
        path.unlink(missing_ok=True)


def _unpack(member: _Member, path: Path) -> None:
    """Writes the member's content; raises UnfitTextError for a damaged one, or the errors in READ_ERRORS."""
    with parsing("a file of the archive"):
        content = member.open()
        if content is None:
            raise EOFError("it has no content")
        with closing(content), path.open("wb") as file:
            shutil.copyfileobj(content, file)


def _refuse_bomb(package: zipfile.ZipFile, options: ReadOptions) -> None:
    """Raises UnfitTextError, before anything is read, for an archive that states too much."""
    infos = package.infolist()
    unpacked = sum(info.file_size for info in infos)
    _check_limits(len(infos), unpacked, sum(info.compress_size for info in infos), options)


def _check_limits(count: int, unpacked: int, packed: int, options: ReadOptions) -> None:
    if count > options.max_parts:
        raise unsafe(f"it holds more than {options.max_parts:,} files")
    if unpacked > options.max_unpacked_bytes:
        raise unsafe(f"it unpacks to more than {options.max_unpacked_bytes:,} bytes")
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * packed:
        raise unsafe(f"it unpacks to more than {MAX_RATIO} times its size, as bombs do")


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]


def _is_hidden(name: str) -> bool:
    """Whether a member is passed over, as it would be in a folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any((part.startswith(".") and part not in (".", "..")) or part in _HIDDEN for part in parts)
