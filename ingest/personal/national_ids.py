"""National identity numbers that can be told from other numbers by their check digits or their form."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.personal.finding import Finding, Kind

_BEFORE, _AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_SPANISH_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def find_national_ids(text: str) -> Iterator[Finding]:
    """Gives the national identity numbers in a text."""
    for form in _FORMS:
        for match in form.pattern.finditer(text):
            value = re.sub(r"[ ./-]", "", match.group()).upper()
            if form.is_valid(value):
                yield Finding(Kind.NATIONAL_ID, match.start(), match.end(), value)


def is_german(number: str) -> bool:
    """Whether 11 digits are a German Steuer-ID: ISO 7064 MOD 11,10, with one repeated digit."""
    counts = sorted(number[:10].count(digit) for digit in set(number[:10]))
    if number[0] == "0" or counts[-1] not in (2, 3) or counts[-2] != 1:
        return False
    product = 10
    for digit in number[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(number[10])


def is_french(number: str) -> bool:
    """Whether 15 characters are a French NIR: its key is 97 less the rest of the number modulo 97."""
    digits = number[:13].replace("2A", "19").replace("2B", "18")  # Corsica
    return digits.isdigit() and 97 - int(digits) % 97 == int(number[13:])


def is_spanish(number: str) -> bool:
    """Whether a Spanish DNI or NIE has the letter that belongs to its number."""
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return _SPANISH_LETTERS[int(digits) % 23] == number[-1]


def is_italian(code: str) -> bool:
    """Whether an Italian codice fiscale has the letter that belongs to it."""
    total = 0
    for place, character in enumerate(code[:15]):
        number = int(character) if character.isdigit() else ord(character) - ord("A")
        total += _ITALIAN_ODD[number] if place % 2 == 0 else number
    return chr(ord("A") + total % 26) == code[15]


def is_polish(number: str) -> bool:
    """Whether 11 digits are a Polish PESEL with a possible month."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
    weighted = sum(int(digit) * weight for digit, weight in zip(number[:10], weights, strict=True))
    month, day = int(number[2:4]) % 20, int(number[4:6])  # the century is added to the month
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - weighted % 10) % 10 == int(number[10])


def is_swiss(number: str) -> bool:
    """Whether 13 digits are a Swiss AHV number: an EAN-13 that begins with 756."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(number))
    return total % 10 == 0


def is_brazilian(number: str) -> bool:
    """Whether 11 digits are a Brazilian CPF: two check digits, modulo 11."""

    def check(digits: str) -> int:
        total = sum(int(digit) * (len(digits) + 1 - place) for place, digit in enumerate(digits))
        return 10 * total % 11 % 10

    is_one_digit = len(set(number)) == 1
    return not is_one_digit and check(number[:9]) == int(number[9]) and check(number[:10]) == int(number[10])


def is_american(number: str) -> bool:
    """Whether 9 digits can be a US social security number, which has no check digit."""
    return (
        number[:3] not in ("000", "666") and number[0] != "9" and number[3:5] != "00" and number[5:] != "0000"
    )


def is_british(number: str) -> bool:
    """Whether a UK national insurance number has a prefix that was given out."""
    return number[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


@dataclass(frozen=True)
class _Form:
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool]


def _form(pattern: str, is_valid: Callable[[str], bool]) -> _Form:
    return _Form(re.compile(_BEFORE + pattern + _AFTER), is_valid)


_FORMS = (
    _form(r"\d{3}([- ])\d{2}\1\d{4}", is_american),
    _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]( ?)\d{2}\1\d{2}\1\d{2}\1[A-D]", is_british),
    _form(r"[1-9]\d( ?)\d{3}\1\d{3}\1\d{3}", is_german),
    _form(r"[1-478]( ?)\d{2}\1(?:0[1-9]|1[0-2]|[2-9]\d)\1(?:\d{2}|2[AB])\1\d{3}\1\d{3}\1\d{2}", is_french),
    _form(r"(?:\d{8}|[XYZ][ -]?\d{7})[ -]?[A-HJ-NP-TV-Z]", is_spanish),
    _form(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", is_italian),
    _form(r"\d{11}", is_polish),
    _form(r"756([. ]?)\d{4}\1\d{4}\1\d{2}", is_swiss),
    _form(r"\d{3}\.\d{3}\.\d{3}-\d{2}", is_brazilian),
)
