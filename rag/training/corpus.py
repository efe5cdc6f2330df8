"""Paragraphs of an unlabelled corpus that questions can be asked about.

The corpus is a text file: articles separated by an empty line, of each the title first, then its paragraphs,
one a line. Lists, tables and paragraphs with holes or markup are left out, and articles that questions for
measuring come from.
"""

import random
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.generator.passages import Passage
from rag.training.data import read_examples, read_lines

LEAST_CHARACTERS, MOST_CHARACTERS = 400, 1200
PARAGRAPHS_OF_ARTICLE = 2
_MARKUP = re.compile(r"[_|{}\[\]<>=*#\\]|\(\s*[;,)]|\s{2,}|\bhttps?:")
_PROSE = re.compile(r"[\"“A-Z0-9].*[.!?][\"”’)]*$", re.DOTALL)
_LIST_ITEM = re.compile(r"\d+\.\s")


@dataclass(frozen=True)
class Article:
    """A title and what stands under it."""

    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph to ask about, and the one beside it."""

    passage: Passage
    neighbour: Passage | None
    """Of the same article, likewise prose; None where there is none."""


def read_articles(path: Path) -> Iterator[Article]:
    """Read the articles of a corpus.

    Raises:
        DataError: the file cannot be read to its end.
    """
    lines: list[str] = []
    for line in read_lines(path):
        if line.strip():
            lines.append(line.strip())
        elif lines:
            yield Article(lines[0], tuple(lines[1:]))
            lines = []
    if lines:
        yield Article(lines[0], tuple(lines[1:]))


def choose_paragraphs(
    articles: Iterator[Article], left_out: Collection[str], seed: int, most: int | None = None
) -> list[Paragraph]:
    """Return a few paragraphs of every article, in an order that the seed decides.

    Args:
        articles: of the corpus.
        left_out: of `titles_in`.
        seed: chooses.
        most: how many at most; None for all.
    """
    chosen: list[Paragraph] = []
    for article in articles:
        if plain_title(article.title) not in left_out:
            chosen += _choose(article, random.Random(f"{seed}/{article.title}"))
    random.Random(seed).shuffle(chosen)
    return chosen[:most]


def _choose(article: Article, rng: random.Random) -> list[Paragraph]:
    fitting = [i for i, text in enumerate(article.paragraphs) if is_prose(text)]
    chosen = rng.sample(fitting, min(PARAGRAPHS_OF_ARTICLE, len(fitting)))
    return [_paragraph(article, i, fitting) for i in chosen]


def _paragraph(article: Article, i: int, fitting: Sequence[int]) -> Paragraph:
    beside = next((n for n in (i + 1, i - 1) if n in fitting), None)
    neighbour = None if beside is None else Passage(article.paragraphs[beside], article.title)
    return Paragraph(Passage(article.paragraphs[i], article.title), neighbour)


def is_prose(text: str) -> bool:
    """Whether a paragraph is of the right length, and text that somebody wrote to be read."""
    return (
        LEAST_CHARACTERS <= len(text) <= MOST_CHARACTERS
        and _PROSE.match(text) is not None
        and not _LIST_ITEM.match(text)
        and not _MARKUP.search(text)
    )


def titles_in(files: Sequence[Path]) -> frozenset[str]:
    """The titles of all passages of question files, as `plain_title` has them.

    Raises:
        DataError: a file cannot be read.
    """
    return frozenset(plain_title(p.title) for f in files for e in read_examples(f) for p in e.passages)


def plain_title(title: str) -> str:
    """A title as it is compared: lower-case, with spaces."""
    return title.replace("_", " ").strip().lower()
