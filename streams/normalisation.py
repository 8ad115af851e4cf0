"""Company names become `[COMPANY]`, the word the models were trained on.

The text is folded (lower case, diacritics dropped) only to find names; what isn't a name comes back
exactly as it was, in whatever Unicode form it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from connectors.companies import Company

PLACEHOLDER = "[COMPANY]"


class NormalisedText(msgspec.Struct, frozen=True):
    """A text fit for the models, and the canonical names that were in it, by first appearance."""

    text: str
    companies: tuple[str, ...]


class Normaliser:
    """Finds the names and aliases of companies in a text.

    - On word boundaries, leftmost first and of several the longest; letter case doesn't matter, and any
      run of white space in a text stands for the space in a name.
    - A name may be written without some or all of its diacritics, or with the tone mark on the other
      vowel ("Hoà Phát"). Other diacritics make another word: "hóa phạt" isn't "Hòa Phát". A name listed
      without diacritics is found with any.
    - A one-word alias of up to three characters (VCB, FPT, F88, MB) is found in upper case only, because
      "mb" is also what people type for other things. KB, MB, GB and TB after a number are a size.
    - Of two companies with the same alias the first listed has it. `[COMPANY]` in a text stays.

    Time is linear in the text, whatever the text: at each word, at most the longest name is compared.
    """

    def __init__(self, companies: Iterable[Company]) -> None:
        self._names: dict[str, list[_Name]] = {}
        for company in companies:
            for alias in (company.name, *company.aliases):
                self._add(unicodedata.normalize("NFC", alias), company.name)
        self._finder = _finder(self._names)

    def normalise(self, text: str) -> NormalisedText:
        """Replace every company name in the text."""
        pieces: list[str] = []
        found: dict[str, None] = {}
        copied = 0
        for start, end, company in self._matches(text):
            pieces += (text[copied:start], PLACEHOLDER)
            found[company] = None
            copied = end
        if not found:
            return NormalisedText(text, ())
        pieces.append(text[copied:])
        return NormalisedText("".join(pieces), tuple(found))

    def _add(self, alias: str, company: str) -> None:
        origin = _Origin(alias)
        words = list(_WORD.finditer(origin.folded))
        if not words:
            return
        start, end = words[0].start(), words[-1].end()
        short = len(words) == 1 and len(alias) <= _SHORT and alias.isupper()
        marks = origin.marks(start, end)
        name = _Name(company, alias if short else None, marks if any(marks) else None)
        self._names.setdefault(_key(origin.folded[start:end]), []).append(name)

    def _matches(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and company of each name, in offsets of the text as it was given."""
        origin = _Origin(text)
        resume = taken = 0
        while candidate := self._finder.search(origin.folded, resume):
            start, resume = candidate.span()
            found = candidate[0]
            if found == _FOLDED_PLACEHOLDER:
                taken = resume
                continue
            company = self._spelt(found, origin, start, taken)
            if company is None and not found.isalnum():  # of several words, the first few may be a name
                ends = [word.end() for word in _WORD.finditer(found)]
                while company is None and len(ends) > 1:
                    ends.pop()
                    company = self._spelt(found[: ends[-1]], origin, start, taken)
                resume = start + ends[-1]  # where none is, a name may still begin at the next word
            if company is not None:
                taken = resume
                yield origin.at(start), origin.at(resume), company

    def _spelt(self, found: str, origin: _Origin, start: int, taken: int) -> str | None:
        """Whose name `found` is as the text at `start` spells it; `taken` ends the name before."""
        end = start + len(found)
        for name in self._names.get(found) or self._names.get(_key(found)) or ():
            if name.exact is not None:
                spelt = origin.text[origin.at(start) : origin.at(end)] == name.exact and not (
                    name.exact in _SIZES and _after_number(origin.folded, taken, start)
                )
            else:
                spelt = name.marks is None or _within(origin.marks(start, end), name.marks)
            if spelt:
                return name.company
        return None


@dataclass(frozen=True, slots=True)
class _Name:
    company: str
    exact: str | None  # the only spelling allowed
    marks: tuple[Counter[str], ...] | None  # allowed in each word; None: any


class _Origin:
    """A text, its folded form, and the way back from offsets in the latter to offsets in the former."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = text.lower() if text.isascii() else text.translate(_FOLDING)
        self._aligned = len(self.text) == len(self.folded)
        self._offsets: list[int] | None = None

    def at(self, offset: int) -> int:
        if self._aligned:
            return offset
        if self._offsets is None:  # combining marks were dropped: a letter's marks go with the letter
            self._offsets = [i for i, letter in enumerate(self.text) if ord(letter) not in _COMBINING]
            self._offsets.append(len(self.text))
        return self._offsets[offset]

    def marks(self, start: int, end: int) -> tuple[Counter[str], ...]:
        """The diacritics of each word between two offsets of the folded text."""
        words = (word.span() for word in _WORD.finditer(self.folded, start, end))
        return tuple(_marks(self.text[self.at(first) : self.at(last)]) for first, last in words)


def _finder(names: Iterable[str]) -> re.Pattern[str]:
    """One expression for all names; a placeholder is found as a whole, so that no name begins inside it."""
    any_name = _longest_of(list(names)) or r"(?!)"
    return re.compile(rf"{re.escape(_FOLDED_PLACEHOLDER)}|(?<!{_LETTER}){any_name}(?!{_LETTER})")


def _longest_of(names: list[str]) -> str:
    """An expression for the longest of the names that fits; what several begin with is read once."""
    by_letter: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        if name:
            by_letter[name[0]].append(name[1:])
    branches = [
        (r"\s++" if letter == " " else re.escape(letter)) + _longest_of(rests)
        for letter, rests in by_letter.items()
    ]
    if len(branches) == 1 and "" not in names:
        return branches[0]
    return f"(?:{'|'.join(branches)})" + ("?" if "" in names else "") if branches else ""


def _key(folded_name: str) -> str:
    return " ".join(folded_name.split())


def _within(marks: tuple[Counter[str], ...], allowed: tuple[Counter[str], ...]) -> bool:
    return all(map(Counter.__le__, marks, allowed))


def _after_number(folded: str, taken: int, start: int) -> bool:
    """Whether a number stands before `start`; what is before `taken` belongs to another name."""
    end = start - 1
    while end >= taken and folded[end].isspace():
        end -= 1
    return taken <= end < start - 1 and folded[end].isdecimal()


def _marks(word: str) -> Counter[str]:
    """The diacritics of a word, wherever in it they sit; the bar of đ is one."""
    if word.isascii():
        return Counter()
    letters = unicodedata.normalize("NFD", word.lower())
    return Counter(letter for letter in letters if letter == "đ" or ord(letter) in _COMBINING)


def _folding() -> dict[int, str | None]:
    """Latin letters to lower case without diacritics, one for one; combining marks to nothing."""
    folding: dict[int, str | None] = dict.fromkeys(_COMBINING)
    for code in (*range(0x0250), *range(0x1E00, 0x1F00)):
        base = unicodedata.normalize("NFD", chr(code))[0].lower()
        if len(base) == 1 and base != chr(code):
            folding[code] = base
    folding[ord("đ")] = folding[ord("Đ")] = "d"
    return folding


_SHORT = 3  # characters
_SIZES = frozenset({"KB", "MB", "GB", "TB"})
_COMBINING = range(0x0300, 0x0370)  # every mark that Vietnamese decomposes into is here
_FOLDING = _folding()
_FOLDED_PLACEHOLDER = PLACEHOLDER.lower()
_LETTER = r"[^\W_]"  # or digit
_WORD = re.compile(f"{_LETTER}+")
