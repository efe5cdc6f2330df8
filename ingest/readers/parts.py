"""Files in files: what an archive or a message holds is read by the reader for its name, one by one."""

from dataclasses import replace
from pathlib import Path

from ingest.clean import normalise_line
from ingest.readers.document import Problem, ProblemKind, Reading, ReadOptions
from ingest.readers.files import media_type_of, read, unsupported

MAX_DEPTH = 3
"""How many archives and messages may lie around a file."""


def has_reader(name: str) -> bool:
    """Whether a part of this name would be read."""
    return media_type_of(Path(name)) is not None


def read_part(data: bytes, name: str, folder: Path, options: ReadOptions, source: str) -> Reading:
    """Gives the documents of a part that is at hand as bytes; see `read_part_file`."""
    path = folder / file_name(name)
    path.write_bytes(data)
    yield from read_part_file(path, name, options, source)


def read_part_file(path: Path, name: str, options: ReadOptions, source: str) -> Reading:
    """Gives the documents of a part, which was unpacked to `path` with the ending of its name.

    A part that no reader claims is a note, as in a folder; one that lies too deep is a problem.
    """
    if not has_reader(name):
        reason = f"no reader is there for {Path(name).suffix or name!r} files"
        known = unsupported(Path(name))
        yield replace(known, source=source) if known else Problem(source, None, ProblemKind.SKIPPED, reason)
    elif options.depth >= MAX_DEPTH:
        reason = f"it lies in more than {MAX_DEPTH} archives or messages; unpack them and ingest the folder"
        yield Problem(source, None, ProblemKind.UNSAFE, reason)
    else:
        inner = replace(options, depth=options.depth + 1)
        title = normalise_line(Path(name).name.partition(".")[0] or name)
        yield from read(path, inner, source=source, title=title)


def file_name(name: str) -> str:
    """Returns a name for a copy of a part: only the endings are the part's own."""
    endings = [ending for ending in Path(name).suffixes[-2:] if ending[1:].isalnum() and len(ending) < 12]
    return "part" + "".join(endings)
