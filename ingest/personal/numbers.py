"""Numbers that name an account, a device or a line: cards, IBANs, network addresses, telephones."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from ingest.personal.finding import Finding, Kind, Recogniser

_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w]|[.,]\d)")
_ISSUERS = (
    re.compile(  # of the digits alone: Visa, Mastercard, Amex, Discover, JCB, Diners, UnionPay, Maestro
        r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)\d+|3[47]\d{13}"
        r"|(?:6011|64[4-9]|65)\d{12,15}|35(?:2[89]|[3-8])\d{12,15}|3(?:0[0-5]|[689])\d{11,16}"
        r"|62\d{14,17}|(?:50|5[6-9]|6)\d{10,17}"
    )
)
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])")
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 "
    "QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_IBAN_LENGTH = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split(" ")}
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![\w:])")
_LINE = re.compile(r"[^\n]+")
_PHONE_DIGITS = re.compile(r"\d(?:[^\n\d]{0,4}\d){5}")


def find_cards(text: str) -> Iterator[Finding]:
    """Gives numbers of payment cards: of a known issuer, with the check digit of Luhn."""
    for match in _CARD.finditer(text):
        digits = re.sub("[ -]", "", match.group())
        if _ISSUERS.fullmatch(digits) and has_luhn_digit(digits):
            yield Finding(Kind.CARD, match.start(), match.end(), digits)


def has_luhn_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def find_ibans(text: str) -> Iterator[Finding]:
    """Gives international bank account numbers: as long as in their country, 1 modulo 97 (ISO 13616)."""
    for match in _IBAN_START.finditer(text):
        length = _IBAN_LENGTH.get(match.group()[:2])
        end = None if length is None else _end_of(text, match.start(), length)
        if end is not None:
            value = re.sub("[ -]", "", text[match.start() : end])
            if has_iban_digits(value):
                yield Finding(Kind.IBAN, match.start(), end, value)


def _end_of(text: str, start: int, length: int) -> int | None:
    """Where `length` capitals and digits end that have at most one space or hyphen between them."""
    written = re.compile(rf"[A-Z0-9](?:[ -]?[A-Z0-9]){{{length - 1}}}(?![A-Za-z0-9])").match(text, start)
    return None if written is None else written.end()


def has_iban_digits(value: str) -> bool:
    """Whether the two digits after the country fit the rest."""
    return int("".join(str(int(character, 36)) for character in value[4:] + value[:4])) % 97 == 1


def find_ips(text: str) -> Iterator[Finding]:
    """Gives addresses of the internet protocol, of version 4 and 6."""
    for pattern in (_IP4, _IP6):
        for match in pattern.finditer(text):
            try:
                value = ip_address(match.group()).compressed
            except ValueError:
                continue
            if any(character.isalnum() for character in value):  # "::" alone is more often punctuation
                yield Finding(Kind.IP, match.start(), match.end(), value)


def phone_recogniser(regions: Sequence[str]) -> Recogniser:
    """Returns what finds telephone numbers: written with +, or as one does within these countries."""

    def find_phones(text: str) -> Iterator[Finding]:
        # The matcher takes milliseconds for a page, and most lines have no number at all.
        for line in _LINE.finditer(text):
            if _PHONE_DIGITS.search(line.group()):
                yield from _phones_in(line.group(), line.start(), regions)

    return find_phones


def _phones_in(line: str, offset: int, regions: Sequence[str]) -> Iterator[Finding]:
    from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, format_number

    countries: Sequence[str | None] = regions or [None]
    for region in countries:
        for match in PhoneNumberMatcher(line, region, leniency=Leniency.VALID):
            value = format_number(match.number, PhoneNumberFormat.E164)
            yield Finding(Kind.PHONE, offset + match.start, offset + match.end, value)
