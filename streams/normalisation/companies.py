"""Companies by their names: one automaton for all of them, and the rules by which its hits count."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from ahocorasick_rs import AhoCorasick

from connectors.companies import Company
from streams.normalisation.folding import Folded, bare, marks
from streams.normalisation.legal_forms import PREFIXES, SUFFIXES, LegalForm
from streams.normalisation.matches import ADDRESS, COMPANY, PERSON, Match
from streams.normalisation.names import Name, names_of


class CompanyNames:
    """The names of some companies, compiled; immutable, so that its owner can swap it while others read.

    - On word boundaries, leftmost first and of several the longest; letter case doesn't matter, and any
      run of white space in a text stands for the space in a name.
    - A name may be written without some or all of its diacritics, or with the tone mark on the other
      vowel ("Hoà Phát"). Other diacritics make another word: "hóa phạt" isn't "Hòa Phát". A name listed
      without diacritics is found with any.
    - A legal form before or behind a name belongs to it ("CTCP FPT", "FPT Corporation"). A name that is
      listed with one is found with any spelling of that form ("Cty CP Sữa Việt Nam"), never without.
    - A one-word alias of up to three characters (VCB, FPT, F88, MB) is found in upper case only, because
      "mb" is also what people type for other things. KB, MB, GB and TB after a number are a size.
    - An alias that is an ordinary word ("Be", "Con Cưng") is found in its own case only, and not where a
      sentence begins; written in capitals, it isn't found by its case.
    - Both kinds are found in any case right behind a legal form or a word such as "app" or "cổ phiếu".
    - Of two companies with the same alias the first listed has it. A placeholder in a text stays, and
      what stands before it says nothing about what stands behind it.

    Time is linear in the text, whatever the text. Memory is some 200 bytes for each character listed.
    """

    def __init__(self, companies: Iterable[Company]) -> None:
        patterns: defaultdict[str, _Pattern] = defaultdict(_Pattern)
        for placeholder in (COMPANY, PERSON, ADDRESS):
            patterns[Folded(placeholder).search].placeholder = placeholder.lower()
        for form, spellings in PREFIXES.items():
            for spelling in spellings:
                patterns[Folded(spelling).search].prefix = form, spelling
        for spelling in SUFFIXES:
            patterns[Folded(spelling).search].suffix = True
        for company in companies:
            for name in names_of(company):
                patterns[name.search].names.append(name)
        self._patterns = [(pattern, search.count(" ") - 1) for search, pattern in patterns.items()]
        self._automaton = AhoCorasick(list(patterns))

    def find(self, text: str) -> list[Match]:
        """Every company in the text, from left to right."""
        folded = Folded(text)
        found = self._automaton.find_matches_as_indexes(folded.search, overlapping=True)
        return _Reading(folded).matches(self._hits(folded.search, found)) if found else []

    def _hits(self, search: str, found: list[tuple[int, int, int]]) -> list[_Hit]:
        hits: list[_Hit] = []
        spaces = counted = 0
        for index, _, end in found:  # by their ends: so spaces are counted once
            spaces += search.count(" ", counted, end)
            counted = end
            pattern, words = self._patterns[index]
            last = spaces - 2
            hits.append((last - words + 1, last, pattern))
        return hits


@dataclass(slots=True)
class _Pattern:
    """What a search form may be; more than one thing where names are odd."""

    names: list[Name] = field(default_factory=list)
    prefix: tuple[LegalForm, str] | None = None
    suffix: bool = False
    placeholder: str = ""


_LONGER_THAN_ANY_NAME = 1_000
_Hit = tuple[int, int, _Pattern]
"""First and last word, both included."""


class _Reading:
    """One text, and what is known of its words while names are chosen from left to right."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._prefixes: defaultdict[int, list[tuple[int, LegalForm, str]]] = defaultdict(list)
        self._suffixes: dict[int, int] = {}
        self._taken = 0  # the first word behind the last match or placeholder

    def matches(self, hits: list[_Hit]) -> list[Match]:
        matches: list[Match] = []
        if not any(pattern.names for _, _, pattern in hits):
            return matches
        for first, length, names in sorted(self._candidates(hits), key=itemgetter(0, 1)):
            if first < self._taken:
                continue
            if names is None:
                self._taken = first + 1
                continue
            last = first - length - 1
            name = self._meant(names, first, last)
            if name is not None:
                matches.append(self._match(name, first, last))
        return matches

    def _candidates(self, hits: list[_Hit]) -> Iterator[tuple[int, int, list[Name] | None]]:
        """First word, number of words below zero (the longest sort first), names; None: a placeholder."""
        for first, last, pattern in hits:
            if pattern.names:
                yield first, first - last - 1, pattern.names
            if pattern.prefix is not None:
                self._prefixes[last].append((first, *pattern.prefix))
            if pattern.suffix and "[" not in self._folded.written(first, last):
                self._suffixes[first] = max(last, self._suffixes.get(first, last))
            if pattern.placeholder and self._is_placeholder(first, pattern.placeholder):
                yield first, -_LONGER_THAN_ANY_NAME, None

    def _is_placeholder(self, word: int, placeholder: str) -> bool:
        start, end = self._folded.words[word]
        return self._folded.text[max(start - 1, 0) : end + 1].lower() == placeholder

    def _meant(self, names: list[Name], first: int, last: int) -> Name | None:
        """Whose name these words are, if they mean one here."""
        written = self._folded.written(first, last)
        if len(names) > 1:  # "WinMart+" before "WinMart"
            end = self._folded.words[last][1]
            tail = self._folded.text[end : end + 1]
            names = sorted(names, key=lambda name: not (name.tail and name.tail[0] == tail))
        for name in names:
            if name.allows(written) and self._counts(name, written, first):
                return name
        return None

    def _counts(self, name: Name, written: str, first: int) -> bool:
        """Whether words that spell a name would mean it here."""
        if name.forms:
            return not name.forms.isdisjoint(self._forms_before(first)[0])
        if name.common:
            if not name.shouted and name.in_own_case(written) and not self._begins(first, written):
                return True
            return (not name.shouted or written == name.listed) and self._in_context(first)
        if not name.short:
            return True
        if name.in_own_case(written) and not (written in _SIZES and self._after_number(first)):
            return True
        return self._in_context(first)

    def _in_context(self, first: int) -> bool:
        return bool(self._forms_before(first)[0]) or self._after_context_word(first)

    def _forms_before(self, first: int) -> tuple[set[LegalForm], int]:
        """The legal forms that end where a name begins, and where they begin."""
        forms: set[LegalForm] = set()
        while first - 1 in self._prefixes and first > self._taken and self._folded.gap(first).isspace():
            begins = [
                (begin, form)
                for begin, form, spelling in self._prefixes[first - 1]
                if begin >= self._taken and _means(self._folded.written(begin, first - 1), spelling)
            ]
            if not begins:
                break
            first, form = min(begins, key=itemgetter(0))
            forms.add(form)
        return forms, first

    def _after_context_word(self, first: int) -> bool:
        if first == self._taken:
            return False
        before = _composed(self._folded.written(first - 1, first - 1))
        if before not in _CONTEXT_ENDS or not self._folded.gap(first).isspace():
            return False
        if before in _CONTEXT:
            return True
        return first - self._taken > 1 and _composed(self._folded.written(first - 2, first - 1)) in _CONTEXT

    def _begins(self, first: int, written: str) -> bool:
        """Whether a sentence may begin here, so that a first capital says nothing if it's the only one."""
        if any(letter.isupper() for letter in written[1:]):
            return False
        return first == self._taken or not _SENTENCE_ENDS.isdisjoint(self._folded.gap(first))

    def _after_number(self, first: int) -> bool:
        if first == self._taken or not self._folded.gap(first).isspace():
            return False
        return self._folded.written(first - 1, first - 1)[-1].isdecimal()

    def _match(self, name: Name, first: int, last: int) -> Match:
        folded = self._folded
        if self._prefixes:
            _, first = self._forms_before(first)
        end = folded.words[last][1]
        if name.tail and folded.text.startswith(name.tail, end):
            end += len(name.tail)
        elif last + 1 in self._suffixes and folded.gap(last + 1).strip() in ("", ","):
            last = self._suffixes[last + 1]
            end = folded.words[last][1]
        self._taken = last + 1
        return Match(folded.words[first][0], end, COMPANY, name.company)


def _composed(written: str) -> str:
    return (written if written.isascii() else unicodedata.normalize("NFC", written)).lower()


def _means(written: str, listed: str) -> bool:
    if written.isascii() or written.lower() == listed.lower():
        return True
    return all(some <= allowed for some, allowed in zip(marks(written), marks(listed), strict=True))


_SIZES = frozenset({"KB", "MB", "GB", "TB"})
_SENTENCE_ENDS = frozenset(".!?…:\n")
_CONTEXT = frozenset(
    spelling
    for words in (
        *("công ty", "cty", "ngân hàng", "nh", "hãng", "ứng dụng", "app", "sàn", "ví", "thương hiệu"),
        *("nền tảng", "chuỗi", "siêu thị", "cửa hàng", "nhà thuốc", "hệ thống", "taxi", "nhà xe", "tài xế"),
        *("bảo hiểm", "mã", "cổ phiếu", "mã chứng khoán", "tài khoản", "chứng khoán", "bệnh viện"),
        "trà sữa",
    )
    for spelling in (words, bare(words))
)
_CONTEXT_ENDS = frozenset(words.split()[-1] for words in _CONTEXT)
