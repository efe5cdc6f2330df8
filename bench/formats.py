"""How much of each format's words the readers get, and in which order, against reference renderings.

    python -m bench.formats ../shared/data/formats --out bench/results/formats.json

A reference is `groundtruth/NAME.md` beside `sources/NAME`; PDF files without one are compared with the text
that pypdf gets from them. Words are runs of letters and digits in small letters. Recall is the share of the
reference's words that were read, precision the share of what was read that the reference has (both count
repetitions), order the share of the reference's words in the longest common subsequence of both.
"""

import argparse
import html
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from pypdf import PdfReader

from bench.environment import environment
from ingest.readers import Problem, RawDocument, media_type_of, read

_NOT_TEXT = re.compile(r"<!--.*?-->|\]\([^()\s]*\)|</?[a-z][^<>]*>", re.DOTALL)
_WORD = re.compile(r"[^\W_]+")
_BROKEN_WORD = re.compile(r"(?<=[a-z])-\n(?=[a-z])")


@dataclass(frozen=True)
class Figures:
    """What was read of one file, or of all files of a format on average."""

    name: str
    files: int
    recall: float
    precision: float
    order: float
    seconds: float
    problems: tuple[str, ...] = ()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a folder with a folder for each format")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    env = environment()
    measured = {
        folder.name: [measure(path, folder.name) for path in sorted(sources(folder))]
        for folder in sorted(arguments.folder.iterdir())
        if folder.is_dir()
    }
    print(f"{'format':10} {'files':>5} {'recall':>7} {'precision':>9} {'order':>6} {'s/file':>7}  problems")
    for name, files in measured.items():
        if files:
            total = average(name, files)
            problems = "; ".join(total.problems)
            print(
                f"{name:10} {total.files:5} {total.recall:7.3f} {total.precision:9.3f} {total.order:6.3f} "
                f"{total.seconds:7.2f}  {problems[:120]}"
            )
    figures = {
        name: {**asdict(average(name, files)), "each": [asdict(one) for one in files]}
        for name, files in measured.items()
        if files
    }
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps({"environment": env, "figures": figures}, indent=1) + "\n")


def sources(folder: Path) -> Iterator[Path]:
    """Gives the files of a format that there is something to compare with."""
    for path in folder.rglob("*"):
        is_source = path.parent.name == "sources" and reference_of(path).exists()
        if is_source or path.suffix == ".pdf":
            yield path


def reference_of(path: Path) -> Path:
    return path.parent.parent / "groundtruth" / f"{path.name}.md"


def measure(path: Path, format_name: str) -> Figures:
    """Read one file and compare it with its reference."""
    begun = time.perf_counter()
    items = list(read(path, media_type=None if media_type_of(path) else "text/plain"))
    seconds = time.perf_counter() - begun
    text = "\n".join(item.text for item in items if isinstance(item, RawDocument))
    reference = pypdf_text(path) if format_name == "pdf" else reference_of(path).read_text()
    found, wanted = words(text), words(reference)
    shared = (Counter(found) & Counter(wanted)).total()
    return Figures(
        path.name,
        1,
        shared / len(wanted) if wanted else 1.0,
        shared / len(found) if found else float(not wanted),
        longest_common_subsequence(found, wanted) / len(wanted) if wanted else 1.0,
        seconds,
        tuple(item.kind for item in items if isinstance(item, Problem)),
    )


def average(name: str, files: Sequence[Figures]) -> Figures:
    kinds = Counter(kind for one in files for kind in one.problems)
    return Figures(
        name,
        len(files),
        mean(one.recall for one in files),
        mean(one.precision for one in files),
        mean(one.order for one in files),
        mean(one.seconds for one in files),
        tuple(f"{count} {kind}" for kind, count in kinds.items()),
    )


def pypdf_text(path: Path) -> str:
    """Returns what pypdf reads, words that a hyphen breaks at a line end joined as we join them."""
    return _BROKEN_WORD.sub("", "\n".join(page.extract_text() for page in PdfReader(path).pages))


def words(text: str) -> list[str]:
    plain = html.unescape(_NOT_TEXT.sub(" ", text)).replace("\\", "")
    return _WORD.findall(plain.lower())


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Returns its length by the bit-parallel method of Hyyrö (2004): a bit for each word of `second`."""
    places: dict[str, int] = {}
    for index, word in enumerate(second):
        places[word] = places.get(word, 0) | 1 << index
    everything = (1 << len(second)) - 1
    row = everything
    for word in first:
        if matches := row & places.get(word, 0):
            row = ((row + matches) | (row - matches)) & everything
    return len(second) - row.bit_count()


if __name__ == "__main__":
    main()
