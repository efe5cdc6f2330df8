"""Claims with evidence and a verdict, as the files of `rag evaluate --groundedness` hold them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import DataError
from rag.training.data import read_lines

BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "``": '"', "''": '"'}
"""How the Penn Treebank writes what a tokeniser would stumble over."""


@dataclass(frozen=True)
class Claim:
    """A claim, what it should rest on, and whether it does."""

    id: str
    source: str
    evidence: str
    text: str
    supported: bool
    label: str = ""
    """The source's own word for the verdict."""
    synthetic: bool = False


@dataclass(frozen=True)
class ClaimSplit:
    """Claims to train on, and claims on other evidence to choose and calibrate with."""

    train: list[Claim]
    dev: list[Claim]


def read_claims(path: Path, limit: int | None = None) -> list[Claim]:
    """Read the claims of one file; `limit` None takes all.

    Raises:
        DataError: the file cannot be read, or a line is not a claim; the message has its number.
    """
    claims: list[Claim] = []
    for number, line in enumerate(read_lines(path), start=1):
        if limit is not None and len(claims) >= limit:
            break
        if line.strip():
            claims.append(_parse(line, path, number))
    return claims


def _parse(line: str, path: Path, number: int) -> Claim:
    try:
        record = json.loads(line)
        supported = record["supported"]
        if not isinstance(supported, bool):
            raise TypeError(f"supported is {supported!r}, not true or false")
        return Claim(
            id=str(record["id"]),
            source=str(record.get("source", path.stem)),
            evidence=_text(record["evidence"]),
            text=_text(record["claim"]),
            supported=supported,
            label=str(record.get("label", "")),
            synthetic=bool(record.get("synthetic", False)),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}, line {number}: not a claim ({type(error).__name__}: {error}). "
            "Expected an object with id, evidence, claim and supported (true or false)."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    for token, character in BRACKETS.items():
        value = value.replace(token, character)
    return value


def split_claims(claims: Sequence[Claim], held_out: float, seed: int) -> ClaimSplit:
    """Hold out a share of the evidence texts with all their claims, by a hash of the text and the seed."""
    train: list[Claim] = []
    dev: list[Claim] = []
    for claim in claims:
        key = f"{seed}/{claim.evidence.lower()}".encode()
        place = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") / 2**64
        (dev if place < held_out else train).append(claim)
    return ClaimSplit(train, dev)
