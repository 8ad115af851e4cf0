"""Texts with the personal data in them covered: for people who look for a fault, not for a person.

Where it is in doubt it covers: an order number that could be an identity number is no loss here. What it
can't find: a name without family name, form of address or label before it. A masked text isn't anonymous.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from cli.dead_letters.names import mask_names

EMAIL = "[EMAIL]"
PHONE = "[PHONE]"
IDENTITY_NUMBER = "[ID]"
CARD = "[CARD]"
TOKEN = "[TOKEN]"  # noqa: S105 - what stands in for one


def mask(text: str) -> str:
    """Covers e-mail addresses, phone numbers, CCCD and CMND numbers, bank cards, names, and signed tokens.

    UUIDs and digests are left as they are. Time grows with the text's length, not faster.
    """
    parts = _KEPT.split(_one_spelling(text))
    # Every second part is one that the pattern kept.
    return "".join(part if number % 2 else _masked(part) for number, part in enumerate(parts))


def _masked(text: str) -> str:
    for pattern, replace in _STEPS:
        text = pattern.sub(replace, text)
    return mask_names(text)


def _one_spelling(text: str) -> str:
    """Composed letters, plain digits, nothing invisible: a number with a zero-width space is still one."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in composed if unicodedata.category(letter) != "Cf")


def _card(found: re.Match[str]) -> str:
    """Covers each card among numbers that stand beside each other."""
    groups = [(group.start(), group.end()) for group in _DIGITS.finditer(found[0])]
    masked, copied, first = "", 0, 0
    while first < len(groups):
        last = _end_of_card(found[0], groups, first)
        if last is None:
            first += 1
            continue
        masked += found[0][copied : groups[first][0]] + CARD
        copied, first = groups[last][1], last + 1
    return masked + found[0][copied:]


def _end_of_card(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last of the groups that are a card number together, the longest that there is."""
    longest = None
    digits = ""
    for number in range(first, len(groups)):
        digits += text[slice(*groups[number])]
        if len(digits) > _CARD_DIGITS[-1]:
            break
        if len(digits) in _CARD_DIGITS and _luhn(digits):
            longest = number
    return longest


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


_CARD_DIGITS = range(13, 20)
_DIGITS = re.compile(r"\d+")
_KEPT = re.compile(
    r"(?<![0-9A-Za-z-])"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{64})"
    r"(?![0-9A-Za-z-])"
)
# A date that begins as a mobile number does: 03.05.2026 12:30.
_NO_DATE = r"(?!(?:0[1-9]|[12]\d|3[01])[.-](?:0[1-9]|1[0-2])[.-](?:19|20)\d\d(?![.-]?\d))"
_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"), TOKEN),
    (re.compile(r"(?<![\w.+%'-])[\w.+%'-]+@[\w.-]*\w"), EMAIL),
    (re.compile(r"(?<!\d)\d(?:[ .-]?\d){12,}(?!\d)"), _card),
    # From abroad, and the country's own code in its spellings: +84, 0084, (84), 84 and nine digits.
    (re.compile(r"(?<![\d+])\(?\+\(?\d{1,3}\)?(?:[ .-]?\(?\d\)?){7,12}(?!\d)"), PHONE),
    (re.compile(r"(?<!\d)\(?(?:00)?84\)?(?:[ .-]?\(?0\)?)?[ .-]?[235789](?:[ .-]?\d){8,9}(?!\d)"), PHONE),
    # Twelve digits, in threes only where they begin as CCCD numbers do: 120.000.000.000 is money.
    (re.compile(r"(?<!\d)(?<!\d[.,])(?:\d{12}|0\d\d(?:[ .-]\d{3}){3})(?!\d)"), IDENTITY_NUMBER),
    (re.compile(rf"(?<!\d)(?<!\d[.,]){_NO_DATE}\(?0[ -]?[35789]\)?(?:[ .-]?\(?\d\)?){{8}}(?!\d)"), PHONE),
    (re.compile(r"(?<!\d)(?<!\d[.,])\(?0[12]\d{1,2}\)?(?:[ .-]?\d){7,8}(?!\d)"), PHONE),
    (re.compile(r"(?<!\d)(?<!\d[.,])(?:\d{9}|\d{3}[ -]\d{3}[ -]\d{3})(?!\d)"), IDENTITY_NUMBER),
    # With dots between its threes it is money, unless it is called what it is.
    (
        re.compile(
            r"(?i)((?:CMND|CMT|CCCD|căn cước|chứng minh)[^\d\n]{0,20})(?<!\d)\d{3}(?:\.\d{3}){2,3}(?![.]?\d)"
        ),
        rf"\1{IDENTITY_NUMBER}",
    ),
)
