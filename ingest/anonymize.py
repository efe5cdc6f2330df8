"""Puts pseudonyms in the place of personal data, before anything is stored.

A pseudonym such as `[EMAIL_1a2b3c4d5e6f]` is a keyed hash of what it stands for: the same datum has the same
one in every document and every run, and without the key nobody can try out whose it is.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from ingest.personal.emails import find_emails
from ingest.personal.finding import Finding, Kind, Recogniser
from ingest.personal.national_ids import find_national_ids
from ingest.personal.numbers import find_cards, find_ibans, find_ips, phone_recogniser
from ingest.personal.secrets import find_secrets
from ingest.readers.document import RawDocument
from store.vault import NewEntry, VaultKey

_PSEUDONYM = re.compile(r"\[(?:SECRET|EMAIL|IBAN|CARD|NATIONAL_ID|IP|PHONE|NAME)_[0-9a-f]{12}\]")

Pseudonym = Callable[[str, str], str]
"""Gives the pseudonym of a datum of a kind: see `store.vault.VaultKey.pseudonym`."""


@dataclass(frozen=True)
class Anonymized:
    """A text without personal data, what its pseudonyms stand for, and where its pieces were before."""

    text: str
    entries: tuple[NewEntry, ...]
    _ends: tuple[int, ...]
    """Where what was replaced ended in the text as it was, in order."""
    _shifts: tuple[int, ...]
    """How much longer the text became by each replacement and those before it."""
    _lengths: tuple[int, ...]
    """How long what was replaced was."""

    def moved(self, offset: int) -> int:
        """Returns where a place of the text as it was is now; inside a datum, where its pseudonym starts."""
        number = bisect_right(self._ends, offset)
        if number < len(self._ends):
            start = self._ends[number] - self._lengths[number]
            offset = min(offset, start)  # what comes before this datum comes after the one before it
        return offset + (self._shifts[number - 1] if number else 0)


@dataclass(frozen=True)
class AnonymizedDocument:
    """A document without personal data, and what its pseudonyms stand for."""

    document: RawDocument
    entries: tuple[NewEntry, ...]


def recognisers(
    kinds: Iterable[Kind], *, phone_regions: Sequence[str] = (), names: Recogniser | None = None
) -> list[Recogniser]:
    """Returns what finds data of these kinds, those first that win where two find the same place.

    `phone_regions` are countries, such as "DE", whose way to write telephone numbers without + is known.
    `names` is what finds names; without it none are found.
    """
    of_kind: dict[Kind, Recogniser | None] = {
        Kind.SECRET: find_secrets,
        Kind.EMAIL: find_emails,
        Kind.IBAN: find_ibans,
        Kind.CARD: find_cards,
        Kind.NATIONAL_ID: find_national_ids,
        Kind.IP: find_ips,
        Kind.PHONE: phone_recogniser(phone_regions),
        Kind.NAME: names,
    }
    wanted = set(kinds)
    return [found for kind, found in of_kind.items() if kind in wanted and found is not None]


def anonymize(text: str, recognisers: Sequence[Recogniser], pseudonym: Pseudonym) -> Anonymized:
    """Replaces what the recognisers find; a text that went through this already comes out as it is."""
    taken = [(match.start(), match.end()) for match in _PSEUDONYM.finditer(text)]
    findings: list[Finding] = []
    for recognise in recognisers:
        found = [finding for finding in recognise(text) if not _overlaps(finding, taken)]
        for finding in found:
            if not _overlaps(finding, taken):  # one recogniser may find the same place twice
                taken.append((finding.start, finding.end))
                taken.sort()
                findings.append(finding)
    findings.sort(key=lambda finding: finding.start)
    return _replaced(text, findings, pseudonym)


def anonymize_values(
    value: Any, recognisers: Sequence[Recogniser], pseudonym: Pseudonym
) -> tuple[Any, list[NewEntry]]:
    """Replaces personal data in all strings of a JSON value, its keys apart; returns it with the entries."""
    if isinstance(value, str):
        done = anonymize(value, recognisers, pseudonym)
        return done.text, list(done.entries)
    if isinstance(value, list | tuple):
        parts = [anonymize_values(part, recognisers, pseudonym) for part in value]
        return [part for part, _ in parts], [entry for _, entries in parts for entry in entries]
    if isinstance(value, dict):
        fields = {key: anonymize_values(part, recognisers, pseudonym) for key, part in value.items()}
        entries = [entry for _, found in fields.values() for entry in found]
        return {key: part for key, (part, _) in fields.items()}, entries
    return value, []


def _overlaps(finding: Finding, taken: Sequence[tuple[int, int]]) -> bool:
    after = bisect_right(taken, (finding.start, finding.start))
    return (after > 0 and taken[after - 1][1] > finding.start) or (
        after < len(taken) and taken[after][0] < finding.end
    )


def _replaced(text: str, findings: Sequence[Finding], pseudonym: Pseudonym) -> Anonymized:
    names = [pseudonym(finding.kind, finding.value) for finding in findings]
    parts: list[str] = []
    end = 0
    for finding, name in zip(findings, names, strict=True):
        parts += [text[end : finding.start], name]
        end = finding.end
    lengths = [finding.end - finding.start for finding in findings]
    return Anonymized(
        text="".join([*parts, text[end:]]),
        entries=tuple(
            NewEntry(name, finding.kind, text[finding.start : finding.end])
            for finding, name in zip(findings, names, strict=True)
        ),
        _ends=tuple(finding.end for finding in findings),
        _shifts=tuple(accumulate(len(name) - old for name, old in zip(names, lengths, strict=True))),
        _lengths=tuple(lengths),
    )


@dataclass(frozen=True)
class Anonymizer:
    """What makes the documents of a corpus anonymous: what it looks for, and the key of the vault."""

    recognisers: Sequence[Recogniser]
    key: VaultKey

    def document(self, document: RawDocument) -> AnonymizedDocument:
        """Returns the document with pseudonyms in text, title, headings and metadata; its source stays."""
        text = anonymize(document.text, self.recognisers, self.key.pseudonym)
        labels, entries = anonymize_values(
            {
                "title": document.title,
                "headings": [heading.title for heading in document.headings],
                "metadata": dict(document.metadata),
            },
            self.recognisers,
            self.key.pseudonym,
        )
        headings = tuple(
            replace(heading, start=text.moved(heading.start), end=text.moved(heading.end), title=title)
            for heading, title in zip(document.headings, labels["headings"], strict=True)
        )
        done = replace(
            document,
            text=text.text,
            title=labels["title"],
            metadata=labels["metadata"],
            headings=headings,
            places=tuple(replace(place, start=text.moved(place.start)) for place in document.places),
        )
        return AnonymizedDocument(done, (*text.entries, *entries))
