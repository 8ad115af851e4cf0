"""A text as it is searched: lower case, without diacritics, one space between words; and the way back."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter


class Folded:
    """A text and its search form: the words of the text, each between two spaces."""

    __slots__ = ("_letters", "_words", "search", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._letters = text.translate(_SEARCHED)
        self._words: list[tuple[int, int]] | None = None
        self.search = f" {' '.join(self._letters.split())} "

    @property
    def words(self) -> list[tuple[int, int]]:
        """Start and end of each word in the text; a letter's combining marks belong to it."""
        if self._words is None:  # most texts hold no name, and are never asked
            self._words = self._spans()
        return self._words

    def written(self, first: int, last: int) -> str:
        """The text from one word to another, both included."""
        words = self.words
        return self.text[words[first][0] : words[last][1]]

    def gap(self, word: int) -> str:
        """What stands between a word and the one before it."""
        words = self.words
        return self.text[words[word - 1][1] if word else 0 : words[word][0]]

    def _spans(self) -> list[tuple[int, int]]:
        spans = [word.span() for word in _WORD.finditer(self._letters)]
        if len(self._letters) == len(self.text):
            return spans
        kept = [offset for offset, letter in enumerate(self.text) if _SEARCHED[ord(letter)] is not None]
        kept.append(len(self.text))
        return [(kept[start], kept[end]) for start, end in spans]


def key(name: str) -> str:
    """What two spellings of a name have in common: letters, digits and, but for its kind, punctuation."""
    return " ".join(name.translate(_COMPARED).split())


def bare(name: str) -> str:
    """A name without its diacritics, in its own case."""
    letters = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in letters if ord(letter) not in _COMBINING)


def marks(name: str) -> tuple[Counter[str], ...]:
    """The diacritics of each word, wherever in it they sit; the bar of đ is one."""
    return tuple(_word_marks(name[start:end]) for start, end in Folded(name).words)


def _word_marks(word: str) -> Counter[str]:
    if word.isascii():
        return Counter()
    letters = unicodedata.normalize("NFD", word.lower())
    return Counter(letter for letter in letters if letter == "đ" or ord(letter) in _COMBINING)


_COMBINING = range(0x0300, 0x0370)  # every mark that Vietnamese decomposes into is here
_UNSEEN = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")  # what copying leaves inside words
_DASHES = frozenset("‐‑‒–—−")
_APOSTROPHES = frozenset("’‘ʼ´`")


def _folded(letter: str) -> str:
    """A Latin letter without its diacritics, any other in lower case; always one character."""
    if letter in "đĐ":
        return "d"
    code = ord(letter)
    latin = code < 0x0250 or 0x1E00 <= code < 0x1F00
    lower = (unicodedata.normalize("NFD", letter)[0] if latin else letter).lower()
    return lower if len(lower) == 1 else letter


class _Searched(dict[int, str | None]):
    """For str.translate: each character is looked at once, then known."""

    def __missing__(self, code: int) -> str | None:
        letter = chr(code)
        folded: str | None = " "
        if code in _COMBINING or letter in _UNSEEN:
            folded = None
        elif letter.isalnum():
            folded = _folded(letter)
            if not folded.isascii():
                folded = _FOREIGN
        self[code] = folded
        return folded


class _Compared(dict[int, str | None]):
    """As above, but keeps punctuation; dashes are one, and so are apostrophes."""

    def __missing__(self, code: int) -> str | None:
        letter = chr(code)
        compared: str | None = letter
        if code in _COMBINING or letter in _UNSEEN:
            compared = None
        elif letter in _DASHES:
            compared = "-"
        elif letter in _APOSTROPHES:
            compared = "'"
        elif letter.isalnum():
            compared = _folded(letter)
        self[code] = compared
        return compared


# The search form is ASCII, so the automaton has no offsets to translate; `key` tells such letters apart.
_FOREIGN = "\x01"
_SEARCHED = _Searched()
_COMPARED = _Compared()
_WORD = re.compile("[^ ]+")
