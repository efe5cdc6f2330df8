"""Finds the paragraphs that a document shares with many others: headers, footers, legal notices.

They stay in the documents, and are left out of the chunks of all documents but one, which holds each of them
for the index: what only they say can still be found.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from ingest.readers.document import Heading
from store.paragraphs import Repeated

if TYPE_CHECKING:
    from ingest.corpus_settings import BoilerplateSettings
    from ingest.split import Span

_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\n]+)*")
MAX_CHARACTERS = 2_000
"""Longer paragraphs are not what is meant."""
MAX_PARAGRAPHS = 200
"""Of a document, half of them from its beginning, half from its end."""


@dataclass(frozen=True)
class Paragraph:
    """The paragraph `text[start:end]`; one that differs in spacing and case only has the same key."""

    start: int
    end: int
    key: int


@dataclass(frozen=True)
class Pages:
    """A document of a batch as far as its paragraphs matter.

    `is_new` is one that was never counted, `is_indexed` one that no near-duplicate stands for.
    """

    source: str
    paragraphs: Sequence[Paragraph]
    is_new: bool
    is_indexed: bool

    @property
    def keys(self) -> frozenset[int]:
        """The keys of its paragraphs."""
        return frozenset(paragraph.key for paragraph in self.paragraphs)


@dataclass(frozen=True)
class Boilerplate:
    """What is left out of each document's chunks, in order, and which source holds which paragraph."""

    ranges: Sequence[Sequence[tuple[int, int]]]
    holders: Mapping[int, str]


def paragraphs(text: str, headings: Sequence[Heading] = ()) -> list[Paragraph]:
    """Returns the paragraphs of a text that may be repeated in others; headings are not among them."""
    starts = sorted(heading.start for heading in headings if heading.end > heading.start)
    found = []
    for match in _PARAGRAPH.finditer(text):
        has_heading = bisect_left(starts, match.start()) < bisect_left(starts, match.end())
        is_short = match.end() - match.start() <= MAX_CHARACTERS
        if is_short and not has_heading and any(map(str.isalpha, match.group())):
            found.append(Paragraph(match.start(), match.end(), _key(match.group())))
    if len(found) > MAX_PARAGRAPHS:
        return found[: MAX_PARAGRAPHS // 2] + found[-MAX_PARAGRAPHS // 2 :]
    return found


def find_boilerplate(
    batch: Sequence[Pages], stored: Mapping[int, Repeated], documents: int, settings: "BoilerplateSettings"
) -> Boilerplate:
    """Finds what each document of a batch shares with so many that it is not its own.

    Args:
        batch: documents that are new or have changed.
        stored: what is known of their paragraphs.
        documents: how many documents of the corpus were counted so far.
        settings: how many documents make a paragraph theirs.
    """
    new = [pages for pages in batch if pages.is_new]
    counts = Counter(key for pages in new for key in pages.keys)
    counts.update({key: repeated.documents for key, repeated in stored.items()})
    least = max(settings.min_documents, settings.min_share * (documents + len(new)))
    holders = {key: repeated.holder for key, repeated in stored.items() if repeated.holder is not None}
    ranges = []
    for pages in batch:
        if pages.is_indexed:
            for key in pages.keys:
                holders.setdefault(key, pages.source)
        shared = {
            key
            for key in pages.keys
            if counts[key] >= least and holders.get(key, pages.source) != pages.source
        }
        ranges.append(_ranges(pages.paragraphs, shared))
    return Boilerplate(ranges, holders)


def leave_out(text: str, spans: Sequence["Span"], ranges: Sequence[tuple[int, int]]) -> list["Span"]:
    """Returns the spans without these ranges, which are in order: cut in two where one is in the middle."""
    left = []
    for span in spans:
        start = span.start
        for first, last in ranges:
            if last <= start or first >= span.end:
                continue
            left += _part(text, span, start, min(first, span.end))
            start = max(start, last)
        left += _part(text, span, start, span.end)
    return left


def _ranges(found: Sequence[Paragraph], keys: Collection[int]) -> list[tuple[int, int]]:
    """Returns where the paragraphs with these keys are; none where nothing else would be left."""
    ranges = [(paragraph.start, paragraph.end) for paragraph in found if paragraph.key in keys]
    return ranges if len(ranges) < len(found) else []


def _part(text: str, span: "Span", start: int, end: int) -> list["Span"]:
    """A piece of a span without the white space at its ends; nothing where there is nothing else."""
    piece = text[start:end]
    if not piece.strip():
        return []
    first = start + len(piece) - len(piece.lstrip())
    return [replace(span, start=first, end=first + len(piece.strip()))]


def _key(paragraph: str) -> int:
    """A hash of the words; 0 stands for no paragraph."""
    plain = " ".join(paragraph.lower().split())
    return int.from_bytes(blake2b(plain.encode(), digest_size=8).digest(), "little", signed=True) or 1
