"""Snapshots on disk: written whole or not at all, and read only if every byte is as it was written.

A directory holds `manifest.json`, which names the one folder `snapshot-…` that counts. A new snapshot goes
into a folder of its own; replacing the manifest is the instant at which it counts. The caller holds the
directory's lock around every call.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from store.errors import IndexCorruptError
from store.index.files import replace_file, sha256_of_files, sync_files

FORMAT_VERSION = 2
MANIFEST = "manifest.json"


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

    `files` gives the SHA-256 of every file by its path in `folder`, `vectors` how vectors are searched and
    what was measured of it (`VectorIndex.describe`).
    """

    contents: Contents
    position: int
    chunks: int
    folder: str
    files: Mapping[str, str]
    vectors: Mapping[str, Any]


def read_manifest(directory: Path) -> Manifest | None:
    """Return the manifest of the directory's snapshot, None if there is none.

    Raises:
        IndexCorruptError: it is not a manifest.
    """
    path = directory / MANIFEST
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        contents = Contents(**fields.pop("contents"))
        manifest = Manifest(contents=contents, **fields)
        _check_types(manifest)
        return manifest
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexCorruptError(str(path), f"it is not a manifest of this version ({error})") from error


def verify(directory: Path, manifest: Manifest, expected: Contents) -> Path:
    """Return the folder of a snapshot after reading all of it.

    Raises:
        IndexCorruptError: it is of something else than expected, or a file is missing, added or changed.
    """
    folder = directory / manifest.folder
    found, wanted = asdict(manifest.contents), asdict(expected)
    for name, value in wanted.items():
        if found[name] != value:
            raise IndexCorruptError(str(folder), f"its {name} is {found[name]!r}, expected {value!r}")
    digests = sha256_of_files(folder)
    for name in sorted(digests.keys() | manifest.files.keys()):
        if digests.get(name) != manifest.files.get(name):
            raise IndexCorruptError(str(folder), f"the SHA-256 of {name} is not that of the manifest")
    return folder


def write(directory: Path, contents: Contents, about: About, fill: Callable[[Path], None]) -> None:
    """Make a new snapshot of what `fill` writes into the folder it is given, in place of the last one."""
    folder = directory / f"snapshot-{uuid4().hex}"
    folder.mkdir()
    try:
        fill(folder)
        sync_files(folder)
        manifest = Manifest(
            contents, about.position, about.chunks, folder.name, sha256_of_files(folder), about.vectors
        )
        replace_file(directory / MANIFEST, json.dumps(asdict(manifest), indent=1))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for other in directory.glob("snapshot-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


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
