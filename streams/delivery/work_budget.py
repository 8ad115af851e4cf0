"""How much a batch may hold, so that a process never has more than some seconds of engine work under way."""

from __future__ import annotations

FIRST_GUESS_BYTES_PER_S = 20_000.0
GROWTH = 2.0  # at most, from one batch to the next: one lucky batch is no measurement
SMOOTHING = 0.3
SHORTEST_S = 0.001  # a clock's grain isn't a speed


class WorkBudget:
    """Bytes of text a second, learnt from the batches, as the limit for the next ones.

    Bytes stand for work: an engine's time grows with tokens, and only the child has counted those.
    """

    def __init__(self, *, seconds_per_batch: float) -> None:
        self._seconds_per_batch = seconds_per_batch
        self._bytes_per_s = FIRST_GUESS_BYTES_PER_S

    @property
    def bytes_per_batch(self) -> int:
        return int(self._bytes_per_s * self._seconds_per_batch)

    def learn(self, *, batch_bytes: int, elapsed_s: float) -> None:
        """A batch of that size took so long. Short ones say little about speed: they can't lower it."""
        seen = batch_bytes / max(elapsed_s, SHORTEST_S)
        if seen < self._bytes_per_s and elapsed_s < self._seconds_per_batch / 4:
            return
        smoothed = self._bytes_per_s + SMOOTHING * (seen - self._bytes_per_s)
        self._bytes_per_s = min(smoothed, self._bytes_per_s * GROWTH)
