"""What a company may be called, and how a text must spell it to mean the company."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.companies import Company
from streams.normalisation.folding import Folded, bare, key, marks
from streams.normalisation.legal_forms import LegalForm, abbreviations, without_forms


@dataclass(frozen=True, slots=True)
class Name:
    """One spelling of a company's name, as it is listed, without a legal form before it."""

    company: str
    listed: str
    lower: str
    search: str
    key: str
    marks: tuple[Counter[str], ...] | None  # allowed in each word; None: any
    forms: frozenset[LegalForm]  # one of these must stand before it; empty: none need
    short: bool  # found in upper case only, or in its context
    common: bool  # an ordinary word as well: found in its own case within a sentence, or in its context
    tail: str  # listed behind the last word: belongs to the name where the text has it

    @property
    def shouted(self) -> bool:
        """Whether it's listed in capitals only, which anything may be written in."""
        return self.listed.isupper()

    def allows(self, written: str) -> bool:
        """Whether these words spell it, whatever the case: no other diacritics, no other punctuation."""
        if written == self.listed or written.lower() == self.lower:
            return True
        if key(written) != self.key:
            return False
        if self.marks is None or written.isascii():
            return True
        return all(map(Counter.__le__, marks(written), self.marks))

    def in_own_case(self, written: str) -> bool:
        """Whether the capitals are those of the listed name."""
        return written == self.listed or bare(written) == bare(self.listed)


def names_of(company: Company) -> Iterable[Name]:
    """Every name that is searched for, once; one that's only listed with legal forms needs one of them."""
    found: dict[tuple[str, str], Name] = {}
    for alias in (company.name, *company.aliases, *company.tickers):
        for spelling in abbreviations(unicodedata.normalize("NFC", alias)):
            core, forms = without_forms(spelling)
            name = _name(company, core, forms, common=alias in company.common)
            if name is None:
                continue
            spelt = name.listed, name.tail
            known = found.get(spelt)
            if known is None or (known.forms and not forms):
                found[spelt] = name
            elif known.forms:
                found[spelt] = replace(known, forms=known.forms | forms)
    return found.values()


def _name(company: Company, core: str, forms: frozenset[LegalForm], *, common: bool) -> Name | None:
    folded = Folded(core)
    if not folded.words:
        return None
    listed = folded.written(0, -1)
    spelt = marks(listed)
    return Name(
        company=company.name,
        listed=listed,
        lower=listed.lower(),
        search=folded.search,
        key=key(listed),
        marks=spelt if any(spelt) else None,
        forms=forms,
        short=len(folded.words) == 1 and len(listed) <= _SHORT and listed.isupper(),
        common=common,
        tail=core[folded.words[-1][1] :].strip(),
    )


_SHORT = 3  # characters
