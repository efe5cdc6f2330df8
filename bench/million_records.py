"""The records that `bench.million` ingests: whole articles, or very many short pieces of them."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from rag.training.data import read_lines

RECORDS_PER_FILE = 1_500
PIECES_PER_FILE = 50_000
WORDS = 95
"""Of a piece: about 130 tokens of MiniLM's."""
COPIED_EVERY = 100
NEARLY_COPIED_EVERY = 100
SEED = 7
_FAR = 1_000  # pieces between a copy and what it is a copy of, at least
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def write_records(articles: Path, folder: Path, limit: int | None) -> int:
    """Writes the articles as JSON Lines, in several files; returns how many there are."""
    records = ({"id": number, **record} for number, record in enumerate(_articles(articles)))
    return _write(islice(records, limit), folder, RECORDS_PER_FILE)


def write_pieces(articles: Path, folder: Path, documents: int) -> int:
    """Writes pieces of the articles, about `WORDS` words long and cut at sentences; returns how many.

    When the articles give out, their sentences are dealt anew: then each stands with others, from other
    articles, so that nothing is nearly the same. Of every hundred pieces one is a copy of an earlier one, and
    one of an earlier one but for a word: these say so in the field `copy_of`, which becomes metadata.
    """
    return _write(islice(_with_copies(_pieces(articles)), documents), folder, PIECES_PER_FILE)


def _write(records: Iterator[dict[str, Any]], folder: Path, per_file: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while part := list(islice(records, per_file)):
        with (folder / f"{number // per_file:03}.jsonl").open("w") as out:
            out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in part)
        number += len(part)
    return number


def _articles(articles: Path) -> Iterator[dict[str, Any]]:
    blocks = groupby(read_lines(articles), key=lambda line: bool(line.strip()))
    for article in (list(lines) for filled, lines in blocks if filled):
        title, *paragraphs = (line.strip() for line in article)
        yield {"title": title, "text": "\n\n".join(paragraphs)}


def _pieces(articles: Path) -> Iterator[dict[str, Any]]:
    """Gives pieces without end."""
    kept: list[str] = []
    for article in _articles(articles):
        sentences = _SENTENCE.split(article["text"].replace("\n\n", " "))
        kept += sentences
        for part in _parts(sentences):
            yield {"title": article["title"], "text": part}
    rng = random.Random(SEED)
    number = 0
    while True:
        rng.shuffle(kept)
        for part in _parts(kept):
            number += 1
            yield {"title": f"Collection {number}", "text": part}


def _parts(sentences: Sequence[str]) -> Iterator[str]:
    """Gives sentences in a row as soon as they have as many words as a piece."""
    held: list[str] = []
    words = 0
    for sentence in sentences:
        held.append(sentence)
        words += sentence.count(" ") + 1
        if words >= WORDS:
            yield " ".join(held)
            held, words = [], 0


def _with_copies(pieces: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Numbers the pieces, and puts copies among them."""
    rng = random.Random(SEED)
    earlier: list[tuple[int, dict[str, Any]]] = []
    number = 0
    for piece in pieces:
        yield {"id": number, **piece}
        if number % 50 == 0:
            earlier.append((number, piece))
        number += 1
        for every, place, change in ((COPIED_EVERY, 33, False), (NEARLY_COPIED_EVERY, 66, True)):
            if number % every == place and earlier and earlier[0][0] < number - _FAR:
                original, copied = earlier.pop(rng.randrange(max(len(earlier) - _FAR // 50, 1)))
                text = _changed(copied["text"], rng) if change else copied["text"]
                kind = "near" if change else "exact"
                yield {
                    "id": number,
                    "title": copied["title"],
                    "text": text,
                    "copy_of": original,
                    "copy": kind,
                }
                number += 1


def _changed(text: str, rng: random.Random) -> str:
    """Returns a text of which one of the last words is another: at least 0.8 of its shingles are the same."""
    words = text.split(" ")
    words[-rng.randrange(1, 4)] = f"w{rng.randrange(50_000)}"
    return " ".join(words)
