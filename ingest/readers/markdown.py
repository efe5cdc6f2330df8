"""Markdown: the text stays as it was written; its headings give the structure."""

import re
from collections.abc import Iterator
from pathlib import Path

from ingest.clean import normalise, normalise_line
from ingest.readers.bytes import read_text
from ingest.readers.document import Heading, RawDocument, Reading, ReadOptions
from ingest.readers.plain import require_text

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NO_PARAGRAPH = re.compile(r" {4}|\t| {0,3}(?:[-*+>|]|\d+[.)]\s|#{1,6}\s|$)")
_FRONT_MATTER = re.compile(r"---\n(.*?)\n(?:---|\.\.\.)(?:\n|$)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
# Linear on any line: what stands in brackets may not open the same bracket again (but a target one pair).
_MARKUP = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()]++|\([^()]*\))*+\)|[`*]|(?<!\w)_|_(?!\w)| ?\{#[^{}]*\}$")


def read_markdown(path: Path, options: ReadOptions, source: str, title: str) -> Reading:
    """Gives the file as one document, titled by its front matter or its first top heading."""
    text = require_text(normalise(read_text(path, options)))
    headings = tuple(find_headings(text))
    front = _FRONT_MATTER.match(text)
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    front_title = normalise_line(named.group(1).strip("\"' ")) if named else ""
    top_title = headings[0].title if headings and headings[0].level == 1 else ""
    yield RawDocument(source, front_title or top_title or title, text, "text/markdown", {}, headings)


def find_headings(text: str) -> Iterator[Heading]:
    """Gives the headings of normalised Markdown, in order; lines inside code fences are none."""
    front = _FRONT_MATTER.match(text)
    body = front.end() if front else 0
    start, fence, before = 0, "", ""
    for line in text.split("\n"):
        end, prose = start + len(line), ""
        opened = _FENCE.match(line)
        if start < body:
            pass
        elif fence:
            if opened and opened.group(1).startswith(fence) and not line[opened.end() :].strip():
                fence = ""
        elif opened:
            fence = opened.group(1)
        elif atx := _ATX.match(line):
            yield Heading(start, end, len(atx.group(1)), plain_title(_atx_title(line[atx.end() :])))
        elif (under := _SETEXT.match(line)) and not _NO_PARAGRAPH.match(before):
            level = 1 if under.group(1).startswith("=") else 2
            yield Heading(start - 1 - len(before), end, level, plain_title(before))
        else:
            prose = line
        before, start = prose, end + 1


def plain_title(markdown: str) -> str:
    """Returns a heading's words without emphasis, code and link marks."""
    line = " ".join(markdown.split())
    return normalise_line(_MARKUP.sub(lambda match: match.group(1) or "", line), 120)


def _atx_title(rest: str) -> str:
    """Returns what follows the opening marks of a heading, without closing ones (`## Use ##`)."""
    rest = rest.strip(" \t")
    unclosed = rest.rstrip("#")
    return unclosed.rstrip(" \t") if unclosed.endswith((" ", "\t")) or not unclosed else rest
