"""How texts are put together so that little padding goes through the model. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

CHARS_PER_TOKEN: Final = 3
"""On the low side of Vietnamese and English text through the starter's tokenizer (3.8 on average, fewer than
3 in one sentence of a hundred), so an estimate seldom falls short of the truth."""

SPECIAL_TOKENS: Final = 2


def estimated_tokens(text: str, max_tokens: int) -> int:
    """About how many tokens the text has, without a tokenizer: the event loop has no time for one."""
    return min(max_tokens, len(text) // CHARS_PER_TOKEN + 1 + SPECIAL_TOKENS)


def passes(lengths: Sequence[int], max_padded_tokens: int, threads: int = 1) -> list[list[int]]:
    """Cut a batch into passes through the encoder: indices into `lengths`, longest texts first.

    A pass of n texts costs n times its longest; that product stays within `max_padded_tokens`, but for a text
    that is longer alone. There are as many passes as keep every thread busy to the end, and they cost about
    the same.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    needed = len(_cut(order, lengths, max_padded_tokens))
    wanted = -(-needed // threads) * threads
    return _cut(order, lengths, _least_cap(order, lengths, max_padded_tokens, wanted))


def padding_share(lengths: Sequence[int]) -> float:
    """The share of padding in a pass over texts of these lengths, 0 to 1."""
    padded = len(lengths) * max(lengths)
    return 1 - sum(lengths) / padded if padded else 0.0


def _least_cap(order: Sequence[int], lengths: Sequence[int], enough: int, wanted: int) -> int:
    """The least cap with which `wanted` passes are enough; `enough` is one with which they are."""
    low, high = 1, enough
    while low < high:
        middle = (low + high) // 2
        if len(_cut(order, lengths, middle)) <= wanted:
            high = middle
        else:
            low = middle + 1
    return low


def _cut(order: Sequence[int], lengths: Sequence[int], cap: int) -> list[list[int]]:
    """Fill passes in this order, longest first, each up to the cap or with one text."""
    cut: list[list[int]] = []
    room = 0
    for index in order:
        if room == 0:
            cut.append([])
            room = max(1, cap // lengths[index])
        cut[-1].append(index)
        room -= 1
    return cut
