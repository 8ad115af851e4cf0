"""The batches that are in the child, and the ones that go there next.

A batch is sent at once when the child is idle, so a lone text never waits for company; one batch more while
it computes, but only a full one, so a batch that could still grow does.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from streams.inference.backlog import Backlog, Batch, Entry
from streams.inference.calls import Place, answer_of
from streams.inference.frames import GarbageOnLink
from streams.inference.messages import BatchResults
from streams.inference.spawn import Child

BATCHES_IN_CHILD: Final = 2
"""One computes, one is ready behind it."""

log = logging.getLogger(__name__)


class Exchange:
    """Moves entries from a backlog to the child of the moment, and their answers back to their places."""

    def __init__(self, backlog: Backlog[Place], *, batch_limit_s: float) -> None:
        self._backlog = backlog
        self._batch_limit_s = batch_limit_s
        self._in_child: deque[_Sent] = deque()
        self._batch_ids = itertools.count(1)
        self._child: Child | None = None
        self._limit: asyncio.TimerHandle | None = None
        self.busy_since: float | None = None
        """When (time.monotonic) the child began to compute what it computes now."""

    @property
    def child(self) -> Child | None:
        return self._child

    async def serve(self, child: Child) -> None:
        """Exchange batches and results until the child is of no more use: LinkError."""
        self._child = child
        try:
            self.pump()
            while True:
                self._take(await child.receive())
                self.pump()
        finally:
            self._child = None
            self._watch_head()

    def pump(self) -> None:
        """Send what is to be sent now."""
        while self._child is not None and len(self._in_child) < BATCHES_IN_CHILD:
            batch = self._backlog.next_batch(only_full=bool(self._in_child))
            if batch is None:
                return
            sent = _Sent(next(self._batch_ids), batch)
            self._in_child.append(
                sent
            )  # before it is sent: from here on its entries are found whatever happens
            self._child.send(sent.batch_id, [entry.owner.item for entry in batch.entries])
            if len(self._in_child) == 1:
                self._watch_head()

    def leave_to_next_child(self) -> list[Entry[Place]]:
        """Line up what the dead child held for the next one; returns the entries that killed too many."""
        in_child = [sent.batch for sent in self._in_child]
        self._in_child.clear()
        return self._backlog.died(in_child)

    def give_up(self) -> list[Entry[Place]]:
        """Everything without an answer, in the child or waiting; nothing is left."""
        in_child = [entry for sent in self._in_child for entry in sent.batch.entries]
        self._in_child.clear()
        return [*in_child, *self._backlog.clear()]

    def _take(self, results: BatchResults) -> None:
        if not self._in_child or results.batch_id != self._in_child[0].batch_id:
            raise GarbageOnLink("results for a batch that isn't computing")
        entries = self._in_child[0].batch.entries
        if len(results.outcomes) != len(entries):
            raise GarbageOnLink("results that aren't as many as their batch's items")
        self._in_child.popleft()
        self._watch_head()
        for entry, outcome in zip(entries, results.outcomes, strict=True):
            entry.owner.answer(answer_of(outcome))

    def _watch_head(self) -> None:
        """The batch that computes now has its limit from now on."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = self.busy_since = None
        if self._in_child and self._child is not None:
            self.busy_since = time.monotonic()
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(self._batch_limit_s, self._end_hang, self._child)

    def _end_hang(self, child: Child) -> None:
        log.error("inference child %d takes over %g s for a batch: killed", child.pid, self._batch_limit_s)
        child.kill()  # `receive` sees the end of file, after any results that are already in the pipe


@dataclass(frozen=True, slots=True)
class _Sent:
    batch_id: int
    batch: Batch[Place]
