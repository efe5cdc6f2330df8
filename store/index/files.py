"""Whole folders of files: copied without doubling the disk they take, hashed, and safely on disk."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """What a file is known again by without being read; a copy of it has another."""

    size_bytes: int
    modified_ns: int
    number: int
    """Of the file on its disk (inode)."""


def link_files(source: Path, target: Path) -> None:
    """Make `target` a folder with the files of `source`, sharing their space on disk where that is possible.

    Only for files that are never changed in place. Hidden lock files are left out.
    """
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.suffix == ".lock":
            continue
        try:
            os.link(path, target / path.name)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, target / path.name)


def sha256_of_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path from there."""
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def stamps_of_files(folder: Path) -> dict[str, Stamp]:
    """Return the stamp of every file below a folder, by its path from there."""
    stats = {path: path.stat() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        path.relative_to(folder).as_posix(): Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
        for path, found in stats.items()
    }


def sync_files(folder: Path) -> None:
    """Return when every file below a folder, and the folder's list of them, is on disk."""
    for path in [folder, *folder.rglob("*")]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_file(path: Path, text: str) -> None:
    """Give a file new content such that after a crash it has either the old or the new one, whole.

    One caller at a time.
    """
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
