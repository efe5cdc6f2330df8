"""Snapshots on disk: written whole or not at all, and used only if every byte is as it was written.

To read gigabytes before the first search can take a minute. So large files that are still what was written,
by size, time of change and number on the disk, are used at once and read behind (`store.index.checking`).

A directory holds `manifest.json`, which names the one folder `snapshot-…` that counts. A new snapshot goes
into a folder of its own; replacing the manifest is the instant at which it counts. The caller holds the
directory's lock around every call.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from store.errors import IndexCorruptError
from store.index.files import Stamp, replace_file, sha256_of_files, stamps_of_files, sync_files

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
CHECKED_AT_ONCE_BYTES = 64 << 20
"""Up to so much is read before it is used: that takes less than a second from any disk."""


@dataclass(frozen=True)
class Contents:
    """What a snapshot is of; one that is of anything else than expected is not used."""

    format_version: int
    analysis_version: int
    language: str
    engine: str
    corpus_id: int
    corpus_created_at: str
    encoder: str
    encoder_revision: str
    dimension: int


@dataclass(frozen=True)
class About:
    """Up to where in the log a snapshot goes, how many chunks it has and how their vectors are searched."""

    position: int
    chunks: int
    vectors: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The description of a snapshot.

    `files` gives the SHA-256 of every file by its path in `folder`, `stamps` what it is known again by if it
    is not read; `vectors` how vectors are searched and what was measured of it (`VectorIndex.describe`).
    """

    contents: Contents
    position: int
    chunks: int
    folder: str
    files: Mapping[str, str]
    vectors: Mapping[str, Any]
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


class Sound(NamedTuple):
    """A snapshot that can be used; `is_checked` tells whether all of it was read."""

    folder: Path
    is_checked: bool


def read_manifest(directory: Path) -> Manifest | None:
    """Return the manifest of the directory's snapshot, None if there is none.

    Raises:
        IndexCorruptError: it is not a manifest.
    """
    path = directory / MANIFEST
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        contents = Contents(**fields.pop("contents"))
        stamps = {name: Stamp(*stamp) for name, stamp in fields.pop("stamps", {}).items()}
        manifest = Manifest(contents=contents, stamps=stamps, **fields)
        _check_types(manifest)
        return manifest
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexCorruptError(str(path), f"it is not a manifest of this version ({error})") from error


def find_sound(directory: Path, manifest: Manifest, expected: Contents) -> Sound:
    """Return the folder of a snapshot: after reading all of it, or none where it is large and known again.

    Raises:
        IndexCorruptError: see `verify`.
    """
    folder = directory / manifest.folder
    _check_contents(folder, manifest, expected)
    stamps = stamps_of_files(folder)
    is_small = sum(stamp.size_bytes for stamp in stamps.values()) <= CHECKED_AT_ONCE_BYTES
    if stamps == manifest.stamps and not is_small:
        return Sound(folder, is_checked=False)
    verify(directory, manifest, expected)
    if stamps != manifest.stamps:  # a copy, or an earlier version wrote it: the next start need not read it
        _write_manifest(directory, replace(manifest, stamps=stamps))
    return Sound(folder, is_checked=True)


def verify(directory: Path, manifest: Manifest, expected: Contents) -> Path:
    """Return the folder of a snapshot after reading all of it.

    Raises:
        IndexCorruptError: it is of something else than expected, or a file is missing, added or changed.
    """
    folder = directory / manifest.folder
    _check_contents(folder, manifest, expected)
    digests = sha256_of_files(folder)
    for name in sorted(digests.keys() | manifest.files.keys()):
        if digests.get(name) != manifest.files.get(name):
            raise IndexCorruptError(str(folder), changed(name))
    return folder


def changed(name: str) -> str:
    """What is said of a file that is not as it was written."""
    return f"the SHA-256 of {name} is not that of the manifest"


def _check_contents(folder: Path, manifest: Manifest, expected: Contents) -> None:
    found, wanted = asdict(manifest.contents), asdict(expected)
    for name, value in wanted.items():
        if found[name] != value:
            raise IndexCorruptError(str(folder), f"its {name} is {found[name]!r}, expected {value!r}")


def is_older(directory: Path, contents: Contents, position: int, base: str | None) -> bool:
    """Tell whether the snapshot is of an earlier state, or searches vectors by another base; or is none."""
    with suppress(IndexCorruptError):
        manifest = read_manifest(directory)
        if manifest is not None and manifest.contents == contents:
            return (manifest.position, False) < (position, manifest.vectors.get("base") != base)
    return True


def write(directory: Path, contents: Contents, about: About, fill: Callable[[Path], None]) -> None:
    """Make a new snapshot of what `fill` writes into the folder it is given, in place of the last one."""
    folder = directory / f"snapshot-{uuid4().hex}"
    folder.mkdir()
    try:
        fill(folder)
        sync_files(folder)
        digests, stamps = sha256_of_files(folder), stamps_of_files(folder)
        manifest = Manifest(
            contents, about.position, about.chunks, folder.name, digests, about.vectors, stamps
        )
        _write_manifest(directory, manifest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in directory.glob("snapshot-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _write_manifest(directory: Path, manifest: Manifest) -> None:
    replace_file(directory / MANIFEST, json.dumps(asdict(manifest), indent=1))


def _check_types(manifest: Manifest) -> None:
    kinds = {"position": int, "chunks": int, "folder": str, "files": dict, "vectors": dict}
    for name, wanted in kinds.items():
        value = getattr(manifest, name)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TypeError(f"its {name} is {value!r}")


def discard(directory: Path) -> None:
    """Delete the directory's snapshot."""
    (directory / MANIFEST).unlink(missing_ok=True)
    for folder in directory.glob("snapshot-*"):
        shutil.rmtree(folder, ignore_errors=True)
