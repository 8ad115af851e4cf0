"""Finds names in a text and puts placeholders in their place."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.companies import Company
from streams.normalisation.companies import CompanyNames
from streams.normalisation.matches import NormalisedText, replaced


class Normaliser:
    """Immutable: a changed registry is a new normaliser, and its owner swaps one for the other.

    What isn't a name comes back exactly as it was, in whatever Unicode form it was written. Normalising
    twice changes nothing more.
    """

    def __init__(self, companies: Iterable[Company]) -> None:
        self._companies = CompanyNames(companies)

    def normalise(self, text: str) -> NormalisedText:
        """Replace every company name in the text."""
        return replaced(text, self._companies.find(text))
