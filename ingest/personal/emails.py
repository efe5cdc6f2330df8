"""E-mail addresses, also where somebody wrote them so that programs should not find them."""

import re
from collections.abc import Iterator

from ingest.personal.finding import Finding, Kind

_LOCAL = r"[\w!#$%&'*+/=?^`{|}~-]{1,64}(?:\.[\w!#$%&'*+/=?^`{|}~-]{1,64}){0,8}"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_PLAIN = re.compile(rf"(?<![\w.@])({_LOCAL})@({_LABEL}(?:\.{_LABEL}){{1,8}})")
_DOT = r"(?:\.|\s?[(\[{]\s?dot\s?[)\]}]\s?)"
_HIDDEN = re.compile(
    rf"(?<!\w)([\w+-]{{1,64}}(?:{_DOT}[\w+-]{{1,64}}){{0,4}})\s?[(\[{{]\s?at\s?[)\]}}]\s?"
    rf"({_LABEL}(?:{_DOT}{_LABEL}){{1,4}})",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Finding]:
    """Gives the e-mail addresses in a text: `ada@example.org`, and `ada (at) example (dot) org`."""
    if "@" in text:
        for match in _PLAIN.finditer(text):
            yield Finding(Kind.EMAIL, match.start(), match.end(), match.group().lower())
    for match in _HIDDEN.finditer(text):
        local, domain = (re.sub(_DOT, ".", part, flags=re.IGNORECASE).lower() for part in match.groups())
        yield Finding(Kind.EMAIL, match.start(), match.end(), f"{local}@{domain}")
