"""Keys, tokens and passwords: known by how they begin, by what stands before them, or by looking random."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from ingest.personal.finding import Finding, Kind

_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:AKIA|ASIA)[A-Z0-9]{16}"  # Amazon
    r"|gh[oprsu]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255}"
    r"|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|sk-[A-Za-z0-9_-]{20,}"
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"  # SendGrid
    r"|gw_[A-Za-z0-9_-]{40,}"  # ours
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"  # a JSON Web Token
    r")(?![A-Za-z0-9])"
)
_KEY_NAME = r" (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BEGINS = re.compile("-----BEGIN" + _KEY_NAME)
_KEY_ENDS = re.compile("-----END" + _KEY_NAME)
_MAX_KEY_CHARACTERS = 20_000
_ASSIGNED = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|api[ _-]?key|access[ _-]?key|client[ _-]?secret)"
    r"[\"']?\s?(?::=|[:=])\s?[\"']?([^\s\"'`,;<>()\[\]{}]{8,200})",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s:/@]{1,100}:([^\s/@]{3,200})(?=@)")
_RANDOM = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{32,512}={0,2}(?![A-Za-z0-9+/=_-])")

MIN_BITS = 4.2
"""Least entropy of what looks random, in bits for each character: words have less, hexadecimal digests 4."""
MIN_ASSIGNED_BITS = 2.5
"""Least entropy of what is called a password: "xxxxxxxx" has none."""


def find_secrets(text: str) -> Iterator[Finding]:
    """Gives the keys, tokens and passwords in a text."""
    yield from _private_keys(text)
    for match in _PREFIXED.finditer(text):
        yield Finding(Kind.SECRET, match.start(), match.end(), match.group())
    for match in _IN_ADDRESS.finditer(text):
        yield Finding(Kind.SECRET, match.start(1), match.end(1), match.group(1))
    for match in _ASSIGNED.finditer(text):
        if entropy(match.group(1)) >= MIN_ASSIGNED_BITS and not _is_word(match.group(1)):
            yield Finding(Kind.SECRET, match.start(1), match.end(1), match.group(1))
    for match in _RANDOM.finditer(text):
        if _looks_random(match.group()):
            yield Finding(Kind.SECRET, match.start(), match.end(), match.group())


def _private_keys(text: str) -> Iterator[Finding]:
    end = None
    for begin in _KEY_BEGINS.finditer(text):
        if end is None or end.end() <= begin.start():
            end = _KEY_ENDS.search(text, begin.end())
        if end is None:
            return
        if begin.end() <= end.start() <= begin.end() + _MAX_KEY_CHARACTERS:
            yield Finding(Kind.SECRET, begin.start(), end.end(), text[begin.start() : end.end()])


def entropy(text: str) -> float:
    """Returns the entropy of a text's characters in bits for each (Shannon 1948)."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def _is_word(value: str) -> bool:
    return value.isalpha() and (value.islower() or value.istitle())


def _looks_random(value: str) -> bool:
    """Whether capitals, small letters and digits are mixed without order; a path or an identifier is not."""
    classes = (any(map(str.isupper, value)), any(map(str.islower, value)), any(map(str.isdigit, value)))
    parts = re.split("[/_-]", value)
    is_composed = sum(part.isalpha() or part.isdigit() for part in parts) > len(parts) / 2
    return all(classes) and not is_composed and entropy(value) >= MIN_BITS
