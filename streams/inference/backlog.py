"""What waits for the models: batches formed by arrival, and what becomes of a batch whose child died. Pure.

The batches that were in the child when it died are suspects. Each is sent again once, whole, with nothing
beside it, so that the next death says whose it was; then it is halved, and so on down to single entries. An
entry that was alone in the child at `POISON_DEATHS` deaths, with no other death in between, is poison.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

POISON_DEATHS: Final = 3

Owner = TypeVar("Owner")


@dataclass(eq=False, slots=True)
class Entry(Generic[Owner]):
    """Something that waits, what it will cost, and whom it belongs to."""

    owner: Owner
    tokens: int
    size_bytes: int
    abandoned: bool = False


@dataclass(eq=False, slots=True)
class Batch(Generic[Owner]):
    """Entries that go to the child together."""

    entries: list[Entry[Owner]]
    deaths: int = 0


class Backlog(Generic[Owner]):
    """First come, first served, in batches of at most so many tokens, entries and bytes."""

    def __init__(self, *, max_tokens: int, max_entries: int, max_bytes: int = 4 * 1024 * 1024) -> None:
        self._max_tokens = max_tokens
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._waiting: deque[Entry[Owner]] = deque()
        self._entries = 0
        self._retries: deque[Batch[Owner]] = deque()
        self._suspect: Entry[Owner] | None = None
        self._suspect_deaths = 0

    def __len__(self) -> int:
        """Entries that wait, retries included."""
        return self._entries + sum(len(batch.entries) for batch in self._retries)

    def add(self, entry: Entry[Owner]) -> None:
        self._waiting.append(entry)
        self._entries += 1

    def abandon(self, entry: Entry[Owner]) -> None:
        """Nobody waits for it any more; it is skipped when its turn comes."""
        entry.abandoned = True

    def next_batch(self, in_child: Collection[Batch[Owner]]) -> Batch[Owner] | None:
        """The batch that goes to the child now, beside those that are in it; a suspect goes alone."""
        if in_child and (self._retries or any(batch.deaths for batch in in_child)):
            return None
        while self._retries:
            batch = self._retries.popleft()
            batch.entries = [entry for entry in batch.entries if not entry.abandoned]
            if batch.entries:
                return batch
        entries = self._take()
        return Batch(entries) if entries else None

    def died(self, in_child: Sequence[Batch[Owner]]) -> list[Entry[Owner]]:
        """The child died with these batches in it. Returns what is poison.

        All the rest will come out of `next_batch` again, before anything newer.
        """
        for batch in in_child:
            batch.deaths += 1
        match in_child:
            case []:
                return []
            case [Batch(entries=[_]) as alone]:
                return self._blame(alone)
            case [Batch(deaths=deaths) as suspect] if deaths > 1:
                middle = len(suspect.entries) // 2
                halves = suspect.entries[:middle], suspect.entries[middle:]
                in_child = [Batch(half, deaths=1) for half in halves]
        self._suspect = None
        self._retries.extendleft(reversed(in_child))
        return []

    def clear(self) -> list[Entry[Owner]]:
        """Everything that waits, in order; nothing does any more."""
        retried = [entry for batch in self._retries for entry in batch.entries]
        waiting = [*retried, *self._waiting]
        self._retries.clear()
        self._waiting.clear()
        self._entries = 0
        return [entry for entry in waiting if not entry.abandoned]

    def _blame(self, batch: Batch[Owner]) -> list[Entry[Owner]]:
        (entry,) = batch.entries
        if entry is not self._suspect:
            self._suspect, self._suspect_deaths = entry, 0
        self._suspect_deaths += 1
        if self._suspect_deaths < POISON_DEATHS:
            self._retries.appendleft(batch)
            return []
        self._suspect = None
        return [entry]

    def _take(self) -> list[Entry[Owner]]:
        taken: list[Entry[Owner]] = []
        tokens = size_bytes = 0
        while self._waiting and len(taken) < self._max_entries:
            entry = self._waiting[0]
            if not entry.abandoned:
                tokens += entry.tokens
                size_bytes += entry.size_bytes
                if taken and (tokens > self._max_tokens or size_bytes > self._max_bytes):
                    break
                taken.append(entry)
            self._waiting.popleft()
            self._entries -= 1
        return taken
