"""What the paths of an ingestion stand for: files in folders, and modules for `pydoc:` names."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from ingest.errors import MissingPathError
from ingest.readers import (
    Problem,
    ProblemKind,
    Reading,
    ReadOptions,
    file_source,
    media_type_of,
    read,
    unsupported,
)
from ingest.readers.database import DatabaseQuery, is_database
from ingest.readers.pydoc import SCHEME, STANDARD_LIBRARY, pydoc_modules, read_pydoc
from ingest.readers.pydoc_modules import ModuleFile, standard_library_would_list, would_list

_IGNORED_FOLDERS = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True)
class Input:
    """A file, a module, the query of a database, or something that was found to be none of them.

    A file that was sent has a `name` other than its path, and a media type and a title if these were given.
    """

    origin: Path | ModuleFile | DatabaseQuery | Problem
    size_bytes: int = 0
    modified_ns: int | None = None
    name: str | None = None
    media_type: str | None = None
    title: str | None = None

    @property
    def source(self) -> str:
        """What its documents are known by; those of a file of records have a fragment behind it."""
        match self.origin:
            case Path() as path:
                return self.name or file_source(path)
            case ModuleFile() as module:
                return SCHEME + module.name
            case DatabaseQuery() as wanted:
                return wanted.source
            case Problem() as problem:
                return problem.source


@dataclass(frozen=True)
class Scope:
    """What one of the paths covers: pruning looks only there. Every covered source begins with `prefix`."""

    prefix: str
    covers: Callable[[str], bool]


@dataclass(frozen=True)
class Inputs:
    """All that the paths stand for, each file once."""

    found: Sequence[Input]
    scopes: Sequence[Scope]

    @property
    def size_bytes(self) -> int:
        """How large all of it is, packed files as they lie on disk."""
        return sum(found.size_bytes for found in self.found)


def find_inputs(paths: Sequence[str], query: str | None = None) -> Inputs:
    """Looks up the paths; folders are searched to the bottom, without hidden files and links to folders.

    `query` is what is asked of paths that are addresses of databases; None where there are none.

    Raises:
        MissingPathError: one of the paths does not exist.
        UnknownModuleError: a `pydoc:` name is no module.
        DatabaseSourceError: an address of a database cannot be used, or comes without a query.
    """
    found: dict[str, Input] = {}
    scopes = []
    for path in paths:
        if path.startswith(SCHEME):
            name = path.removeprefix(SCHEME)
            scopes.append(_module_scope(name))
            for module in pydoc_modules(name):
                found.setdefault(SCHEME + module.name, Input(module, module.size_bytes))
        elif is_database(path):
            from ingest.readers.sql import database_query

            wanted = database_query(path, query)
            scopes.append(_records_scope(wanted.source))
            found.setdefault(wanted.source, Input(wanted))
        else:
            file = Path(os.path.abspath(path))  # noqa: PTH100 - resolves "..", but no links, as sources do
            if not path or not os.path.lexists(file):
                raise MissingPathError(path)
            scopes.append(_file_scope(file))
            for place, item in _walk(file) if file.is_dir() else [(str(file), _file(file))]:
                found.setdefault(place, item)
    return Inputs(list(found.values()), scopes)


def read_input(found: Input, options: ReadOptions) -> Reading:
    """Gives what an input holds."""
    match found.origin:
        case Path() as path:
            yield from read(path, options, source=found.name, media_type=found.media_type, title=found.title)
        case ModuleFile() as module:
            yield from read_pydoc(module)
        case DatabaseQuery() as wanted:
            from ingest.readers.sql import read_database

            yield from read_database(wanted, options)
        case Problem() as problem:
            yield problem


def _walk(folder: Path) -> Iterator[tuple[str, Input]]:
    """Gives the files under a folder in order, by their paths; what cannot be looked into is a problem."""
    unreadable: list[OSError] = []
    for name, folders, files in os.walk(folder, onerror=unreadable.append):
        here = Path(name)
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for link in (here / name for name in folders if (here / name).is_symlink()):
            reason = f"{link.name!r} is a link to a folder; name it as a path of its own"
            yield str(link), Input(Problem(file_source(link), None, ProblemKind.SKIPPED, reason))
        for file in (here / name for name in sorted(files) if not _hidden(name)):
            yield str(file), _file(file) if media_type_of(file) else _skipped(file)
    for error in unreadable:
        reason = f"the folder cannot be read ({error.strerror}); check its permissions"
        source = file_source(Path(error.filename)) + "/"
        yield str(error.filename), Input(Problem(source, None, ProblemKind.UNREADABLE, reason))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _IGNORED_FOLDERS


def _file(path: Path) -> Input:
    try:
        status = path.stat()
    except OSError:
        return Input(path)  # reading it will say why
    if not stat.S_ISREG(status.st_mode):
        return Input(Problem(file_source(path), None, ProblemKind.SKIPPED, "this is no regular file"))
    return Input(path, status.st_size, status.st_mtime_ns)


def _skipped(path: Path) -> Input:
    if (problem := unsupported(path)) is not None:
        return Input(problem)
    reason = f"no reader is there for {path.suffix or path.name!r} files"
    return Input(Problem(file_source(path), None, ProblemKind.SKIPPED, reason))


def _file_scope(path: Path) -> Scope:
    source = file_source(path)
    if path.is_dir():
        prefix = source.rstrip("/") + "/"
        return Scope(prefix, lambda other: _is_walked(path, other.removeprefix(prefix)))
    return _records_scope(source)


def _records_scope(source: str) -> Scope:
    return Scope(source, lambda other: other == source or other.startswith(source + "#"))


def _module_scope(name: str) -> Scope:
    if name == STANDARD_LIBRARY:
        return Scope(SCHEME, lambda other: standard_library_would_list(other.removeprefix(SCHEME)))
    return Scope(SCHEME + name, lambda other: would_list(name, other.removeprefix(SCHEME)))


def _is_walked(folder: Path, below: str) -> bool:
    """Whether `_walk` of the folder comes to a place below it, given as the end of a source."""
    names = os.fsdecode(unquote_to_bytes(below.partition("#")[0])).split("/")
    if any(_hidden(name) for name in names):
        return False
    place = folder.joinpath(*names)
    above = list(place.parents)[: len(names) - 1]  # a link there may lead elsewhere, or nowhere for a while
    linked = any(map(os.path.islink, above))  # unlike Path's, these raise for no name
    return not linked and not (os.path.islink(place) and os.path.isdir(place))  # noqa: PTH112, PTH114
