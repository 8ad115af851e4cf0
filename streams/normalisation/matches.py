"""What was found in a text, and the text without it."""

from __future__ import annotations

import msgspec

COMPANY = "[COMPANY]"
PERSON = "[PERSON]"
ADDRESS = "[ADDRESS]"


class Match(msgspec.Struct, frozen=True):
    """`text[start:end]` of the original text names something; offsets count code points."""

    start: int
    end: int
    placeholder: str
    name: str
    """A company's canonical name; a person or an address as the text has it."""


class NormalisedText(msgspec.Struct, frozen=True):
    """A text fit for the models, and what stood in it, from left to right; matches don't overlap."""

    text: str
    matches: tuple[Match, ...] = ()

    @property
    def companies(self) -> tuple[str, ...]:
        """The canonical names, each once, by first appearance."""
        return tuple(dict.fromkeys(match.name for match in self.matches if match.placeholder == COMPANY))


def replaced(text: str, matches: list[Match]) -> NormalisedText:
    """The text with its matches replaced; they come in order and don't overlap."""
    if not matches:
        return NormalisedText(text)
    pieces: list[str] = []
    copied = 0
    for match in matches:
        pieces += (text[copied : match.start], match.placeholder)
        copied = match.end
    pieces.append(text[copied:])
    return NormalisedText("".join(pieces), tuple(matches))
