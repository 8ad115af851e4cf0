"""A text as words with their case and what stands before each: what persons and addresses are read from."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from streams.normalisation.folding import Folded


@dataclass(frozen=True, slots=True)
class Token:
    """A word: as written (composed), folded, its place in the text, and the gap to the word before."""

    written: str
    folded: str
    start: int
    end: int
    gap: str

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.written[0].isupper()

    @property
    def follows(self) -> bool:
        """Whether only white space parts it from the word before."""
        return self.gap.isspace()


def tokens(text: str) -> list[Token]:
    """The words of a text."""
    folded = Folded(text)
    return [
        Token(
            unicodedata.normalize("NFC", text[start:end]),
            word,
            start,
            end,
            folded.gap(index),
        )
        for index, ((start, end), word) in enumerate(zip(folded.words, folded.search.split(), strict=True))
    ]
