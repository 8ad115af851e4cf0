"""Finds names in a text and puts placeholders in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

import msgspec

from connectors.companies import Company
from streams.normalisation.addresses import find_addresses
from streams.normalisation.companies import CompanyNames
from streams.normalisation.matches import ADDRESS, COMPANY, PERSON, Match, NormalisedText, replaced
from streams.normalisation.persons import find_persons

Finder = Callable[[str], list[Match]]


class Normaliser:
    """Immutable: a changed registry is a new normaliser, and its owner swaps one for the other.

    What isn't a name comes back exactly as it was, in whatever Unicode form it was written. Normalising
    twice changes nothing more.
    """

    def __init__(self, companies: Iterable[Company]) -> None:
        self._companies = CompanyNames(companies)

    def normalise(
        self, text: str, *, companies: bool = True, persons: bool = False, locations: bool = False
    ) -> NormalisedText:
        """Replace every company name in the text, and on demand persons and addresses."""
        if companies and not (persons or locations):  # the way of every record
            return replaced(text, self._companies.find(text))
        finders: list[Finder] = []
        if companies:
            finders.append(self._companies.find)
        if locations:
            finders.append(find_addresses)
        if persons:
            finders.append(find_persons)
        return replaced(text, _found(text, finders))


def _found(text: str, finders: Sequence[Finder]) -> list[Match]:
    """Everything that the finders find, in order.

    A finder sees a text without placeholders and without what was found already, and what was found parts
    the text as a placeholder does. So when all is found, the pieces left are those of the normalised text,
    and nothing is in them.
    """
    matches: list[Match] = []
    pieces = list(_between(0, len(text), (at.span() for at in _PLACEHOLDER.finditer(text))))
    while pieces:
        start, end = pieces.pop()
        for finder in finders:
            found = finder(text[start:end])
            if found:
                moved = [
                    msgspec.structs.replace(match, start=match.start + start, end=match.end + start)
                    for match in found
                ]
                matches += moved
                pieces += _between(start, end, ((match.start, match.end) for match in moved))
                break
    return sorted(matches, key=attrgetter("start"))


def _between(start: int, stop: int, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for begin, end in spans:
        if begin > start:
            yield start, begin
        start = end
    if start < stop:
        yield start, stop


_PLACEHOLDER = re.compile("|".join(map(re.escape, (COMPANY, PERSON, ADDRESS))), re.IGNORECASE)
