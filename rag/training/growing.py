"""A file of examples that grows block by block, and that a stopped command goes on with.

Each block is a gzip member of its own in `NAME.partial`; how far the file is good, and with which part of the
corpus it goes on, stands in `NAME.state`. The file gets its name when it is complete.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.errors import DataError
from rag.generator.checkpoint import write_whole


@dataclass(frozen=True)
class Block:
    """What was made of a part of the corpus."""

    next_item: int
    """The number of the paragraph to go on with."""
    tried: int
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Grown:
    """How far a file is."""

    next_item: int = 0
    tried: int = 0
    answerable: int = 0
    unanswerable: int = 0
    size_bytes: int = 0

    def after(self, block: Block, size_bytes: int) -> "Grown":
        """With one more block."""
        able = sum(bool(r["answerable"]) for r in block.records)
        return Grown(
            next_item=block.next_item,
            tried=self.tried + block.tried,
            answerable=self.answerable + able,
            unanswerable=self.unanswerable + len(block.records) - able,
            size_bytes=size_bytes,
        )


def grow(
    out: Path,
    made_of: Mapping[str, Any],
    count: int,
    make: Callable[[int], Iterator[Block]],
    report: Callable[[Grown], None],
) -> Grown:
    """Write examples until there are `count` answerable ones, or no more can be made.

    Args:
        out: the file, `NAME.jsonl.gz`.
        made_of: what decides the content: settings, models, hashes. A stopped command goes on where it is
            the same.
        count: how many.
        make: makes the blocks from a number of the corpus on.
        report: told after each block how far the file is.

    Raises:
        DataError: what is there was made of something else, or the file cannot be written.
    """
    partial, state = out.with_name(out.name + ".partial"), out.with_name(out.name + ".state")
    try:
        grown = _resume(partial, state, made_of)
        with partial.open("r+b" if partial.exists() else "wb") as file:
            file.truncate(grown.size_bytes)
            file.seek(grown.size_bytes)
            blocks = make(grown.next_item)
            while grown.answerable < count and (block := next(blocks, None)) is not None:
                lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in block.records)
                file.write(gzip.compress(lines.encode(), mtime=0))
                file.flush()
                os.fsync(file.fileno())
                grown = grown.after(block, file.tell())
                _save(state, made_of, grown)
                report(grown)
        partial.replace(out)
        state.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error}. Give the same command again to go on.") from error
    return grown


def _save(path: Path, made_of: Mapping[str, Any], grown: Grown) -> None:
    text = json.dumps({"made_of": made_of, "grown": asdict(grown)})
    write_whole(path, lambda p: p.write_text(text))


def _resume(partial: Path, state: Path, made_of: Mapping[str, Any]) -> Grown:
    if not state.exists():
        return Grown()
    try:
        saved = json.loads(state.read_text())
        before, grown = saved["made_of"], Grown(**saved["grown"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{state} cannot be read ({error}). Delete it to begin anew.") from error
    if before != json.loads(json.dumps(made_of)):
        other = [key for key in made_of if before.get(key) != made_of[key]]
        raise DataError(
            f"{state} is of a command with other {' and '.join(other)}: give the same again to go on, "
            "or delete it to begin anew"
        )
    if not partial.exists() or partial.stat().st_size < grown.size_bytes:
        raise DataError(f"{partial} is shorter than {state} says. Delete both to begin anew.")
    return grown
