"""The two checks a conversion must pass: it answers as fp32 did, whatever batch a sentence rides in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = Mapping[str, Sequence[int]]
Scores = Mapping[str, Floats]
Batches = list[list[int]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What passes. Floating point itself moves scores a little with the shape of a batch."""

    agreement: float = 0.99
    lowest_agreement: float = 0.98
    score_move: float = 2e-3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Share of labels that are fp32's, over all comparisons and for each model type."""

    comparisons: int
    overall: float
    by_model: Mapping[str, float]

    @property
    def lowest(self) -> float:
        return min(self.by_model.values())

    def passes(self, limits: Limits) -> bool:
        return self.overall >= limits.agreement and self.lowest >= limits.lowest_agreement


@dataclass(frozen=True, slots=True)
class Invariance:
    """How answers differ from those a sentence gets alone, over all other arrangements of batches.

    A label may change only at a near-tie: its two best scores closer than a score may move.
    """

    comparisons: int
    labels_changed: int
    changed_elsewhere: int  # not at a near-tie
    near_ties: int
    largest_move: float

    def passes(self, limits: Limits) -> bool:
        return self.changed_elsewhere == 0 and self.largest_move <= limits.score_move


def agreement(scores: Scores, fp32: Labels) -> Agreement:
    """Compare the labels of `scores` with fp32's."""
    same = {name: np.asarray(fp32[name]) == rows.argmax(axis=1) for name, rows in scores.items()}
    return Agreement(
        comparisons=sum(len(row) for row in same.values()),
        overall=float(np.concatenate(list(same.values())).mean()),
        by_model={name: float(row.mean()) for name, row in same.items()},
    )


def arrangements(lengths: Sequence[int], seed: int = 7) -> dict[str, Batches]:
    """The probe set in other batches than one by one; `shuffled` mixes long with short."""
    order = list(range(len(lengths)))
    by_length = sorted(order, key=lambda index: lengths[index])
    shuffled = random.Random(seed).sample(order, len(order))  # noqa: S311  # no secret: the same each time
    return {
        "small": _cut(order, 4),
        "big": _cut(by_length, 48),
        "shuffled": _cut(shuffled, 16),
    }


def invariance(
    score: Callable[[Batches], Scores], lengths: Sequence[int], alone: Scores, limits: Limits
) -> Invariance:
    """Score the same sentences in every arrangement, and compare with the scores they got alone."""
    changed = elsewhere = comparisons = 0
    largest = 0.0
    for batches in arrangements(lengths).values():
        other = score(batches)
        for name, rows in alone.items():
            differs = rows.argmax(axis=1) != other[name].argmax(axis=1)
            changed += int(differs.sum())
            elsewhere += int((differs & ~_near_tie(rows, limits)).sum())
            largest = max(largest, float(np.abs(rows - other[name]).max()))
            comparisons += len(rows)
    ties = sum(int(_near_tie(rows, limits).sum()) for rows in alone.values())
    return Invariance(comparisons, changed, elsewhere, ties, largest)


def _near_tie(rows: Floats, limits: Limits) -> npt.NDArray[np.bool_]:
    best = np.sort(rows, axis=1)[:, -2:]
    close: npt.NDArray[np.bool_] = best[:, 1] - best[:, 0] < limits.score_move
    return close


def _cut(order: Sequence[int], size: int) -> Batches:
    return [list(order[start : start + size]) for start in range(0, len(order), size)]
