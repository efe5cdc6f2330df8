"""What recognisers find."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a piece of personal data is; its pseudonym begins with it."""

    SECRET = "secret"
    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    NATIONAL_ID = "national_id"
    IP = "ip"
    PHONE = "phone"
    NAME = "name"


@dataclass(frozen=True)
class Finding:
    """Personal data at `text[start:end]`; the same datum has the same `value`, however it is written."""

    kind: Kind
    start: int
    end: int
    value: str


Recogniser = Callable[[str], Iterator[Finding]]
