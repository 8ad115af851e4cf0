"""Addresses: number and street, ward, district, province, in the old order and in that of 2025.

A chain of parts, with commas or nothing in between. It is an address where it has a street with a number or
a named ward, commune, district or town; a province alone is none, and neither is a floor, a group or "Q.1".
Names are capitalised words; in a text without capitals they end at a comma, and two parts are needed.
Linear in the text: an address has at most ten parts, and a part few words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from streams.normalisation.matches import ADDRESS, Match
from streams.normalisation.places import CITIES, DISTRICTS, PROVINCES
from streams.normalisation.tokens import Token, tokens


def find_addresses(text: str) -> list[Match]:
    """Every address in the text, from left to right."""
    words = tokens(text)
    small = not any(word.capital for word in words[1:])
    found: list[Match] = []
    at = 0
    while at < len(words):
        end = _Chain(words, small=small).end(at)
        if end > at:
            span = words[at].start, words[end - 1].end
            found.append(Match(*span, ADDRESS, text[span[0] : span[1]]))
        at = max(end, at + 1)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    end: int  # the word behind it
    weight: int  # 0: belongs to an address, 1: makes one with another part, 2: makes one


class _Chain:
    """The parts of one address, read from left to right."""

    def __init__(self, words: list[Token], *, small: bool) -> None:
        self._words = words
        self._small = small

    def end(self, at: int) -> int:
        """The word behind the address that begins here; `at` where none does."""
        weight = parts = 0
        end = start = at
        while (
            parts < _PARTS
            and end < len(self._words)
            and (end == start or _JOINT.fullmatch(self._words[end].gap))
        ):
            part = self._part(end, first=end == start) or (self._between(end) if parts else None)
            if part is None:
                break
            end = part.end
            weight += part.weight
            parts += 1
        enough = weight >= 2 and (parts > 1 or not self._small)
        return end if enough else start

    def _part(self, at: int, *, first: bool) -> _Part | None:
        part = self._street(at) or self._unit(at)
        if part is None and not first:
            end = self._place(at)
            part = _Part(end, 1) if end else None
        return part

    def _between(self, at: int) -> _Part | None:
        """A name between commas, with another part behind it: wards are often written without their word."""
        end = self._name(at)
        if end == at or end >= len(self._words):
            return None
        behind = "," in self._words[end].gap and self._part(end, first=False)
        return _Part(end, 0) if behind else None

    def _unit(self, at: int) -> _Part | None:
        """A word for a kind of area, and which."""
        for length in (3, 2, 1):
            kind = " ".join(word.folded for word in self._words[at : at + length])
            if kind not in _UNITS or not self._unbroken(at, length):
                continue
            weight, numbered, named = _UNITS[kind]
            which = at + length
            if which >= len(self._words) or self._words[which].gap.strip(" ") not in ("", "."):
                continue
            if self._words[which].gap.strip(" ") == "." and len(kind) > 2:
                continue
            word = self._words[which]
            if word.folded[0].isdecimal() and numbered:
                number = self._number(which)
                return _Part(number, weight if len(kind) > 2 and not self._small else min(weight, 1))
            if len(kind) == 1 and self._words[at].written.islower():
                continue
            known = self._place(which)
            end = max(self._name(which) if named else which, known)
            if known and self._small and end == len(self._words):  # nothing says where a name ends
                end = known
            if end > which:
                lone = len(kind) == 1 and end == which + 1 and not known  # "P. Nhân sự" is a department
                return _Part(end, min(weight, 1) if lone else weight)
            if kind in ("lo", "kcn") and word.capital:
                return _Part(which + 1, weight)
        return None

    def _street(self, at: int) -> _Part | None:
        """A number, alleys, and the name of a street."""
        marked = self._words[at].folded in ("so", "nha")
        if marked and (at + 1 >= len(self._words) or not self._words[at + 1].follows):
            return None
        end = at + 1 if marked else at
        alley = False
        numbers = 0
        while end < len(self._words) and numbers < _STROKES:
            word = self._words[end]
            behind = self._words[end + 1].folded if end + 1 < len(self._words) else ""
            if word.folded in _ALLEYS and _NUMBER.match(behind):
                alley = True
                end = self._number(end + 1)
            elif _NUMBER.match(word.folded) and not numbers:
                end = self._number(end)
            else:
                break
            numbers += 1
        if not numbers or end >= len(self._words) or not self._words[end].follows:
            return None
        lead = self._words[end].folded in ("duong", "pho")
        if lead:
            end += 1
            if end < len(self._words) and self._words[end].folded == "3":
                return _Part(min(end + 3, len(self._words)), 2)
        name = self._name(end)
        if name == end or (not lead and self._folded(end, name) in _REGIONS):
            return None
        strokes = any(word.gap == "/" for word in self._words[at + 1 : end])
        return _Part(name, 2 if marked or lead or alley or strokes else 1)

    def _folded(self, at: int, end: int) -> str:
        return " ".join(word.folded for word in self._words[at:end])

    def _number(self, at: int) -> int:
        """The word behind a number with all that hangs on it by strokes."""
        end = at + 1
        for word in self._words[end : end + _STROKES]:
            if word.gap != "/" or not word.folded[0].isdecimal():
                break
            end += 1
        return end

    def _name(self, at: int) -> int:
        """The word behind a name: up to four capitalised words."""
        end = at
        while end < min(at + _LONGEST, len(self._words)):
            word = self._words[end]
            if (end > at and not word.follows) or not word.written.isalpha():
                break
            if not (self._small or word.capital):
                break
            end += 1
        if self._small and end < len(self._words) and "," not in self._words[end].gap:
            return at
        return end

    def _place(self, at: int) -> int:
        """The word behind a place known by name, the longest that fits; 0 where none does."""
        for length in (4, 3, 2, 1):
            name = " ".join(word.folded for word in self._words[at : at + length])
            whole = at + length <= len(self._words) and self._joined(at, length)
            if whole and name in _KNOWN and (self._small or self._words[at].capital):
                return at + length
        return 0

    def _unbroken(self, at: int, length: int) -> bool:
        return all(word.follows for word in self._words[at + 1 : at + length])

    def _joined(self, at: int, length: int) -> bool:
        return all(word.gap.strip() in ("", ".") for word in self._words[at + 1 : at + length])


_KNOWN = frozenset((*PROVINCES, *CITIES, *DISTRICTS))
_REGIONS = frozenset((*PROVINCES, *CITIES))  # no streets: "45/2024 Hà Nội" is a letter's number
_LONGEST = 4  # words
_STROKES = 4  # numbers that hang on one, and alleys off a street
_PARTS = 10  # of one address; more would make long lists of floors cost their square
_JOINT = re.compile(r"\s*[,–-]?\s*")
_NUMBER = re.compile(r"k?\d{1,4}[a-z]?$")
_ALLEYS = frozenset({"ngo", "ngach", "hem", "kiet"})
_UNITS: dict[str, tuple[int, bool, bool]] = {  # weight, with a number, with a name
    **dict.fromkeys(("phuong", "quan"), (2, True, True)),
    **dict.fromkeys(("xa", "huyen", "thi tran", "thi xa", "thanh pho", "tp"), (2, False, True)),
    **dict.fromkeys(("p", "q"), (2, True, True)),
    **dict.fromkeys(("h", "tx", "tt", "x"), (1, False, True)),
    "tinh": (1, False, True),
    **dict.fromkeys(("thon", "ap", "to", "khu pho", "kp", "tang", "to dan pho"), (0, True, True)),
    **dict.fromkeys(("kcn", "khu cong nghiep", "chung cu", "khu do thi"), (0, False, True)),
    **dict.fromkeys(("ngo", "ngach", "hem", "kiet", "nha so", "doi", "km", "quoc lo"), (0, True, False)),
    **dict.fromkeys(("pho", "duong"), (1, False, True)),
    **dict.fromkeys(("duong so", "toa nha"), (0, True, True)),
    "lo": (0, False, False),
}
