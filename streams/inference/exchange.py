"""The batches that are in the child, and the ones that go there next.

The child takes two at once: a lone text never waits for company, nor behind one other batch, however long
that computes; and under load the second one is made ready while the first computes.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from streams.inference.backlog import Backlog, Batch, Entry
from streams.inference.calls import Place, answer_of
from streams.inference.frames import GarbageOnLink
from streams.inference.messages import BatchResults
from streams.inference.protocol import BATCHES_AT_ONCE, Item, Outcome
from streams.inference.spawn import Child

log = logging.getLogger(__name__)

OnResults: TypeAlias = Callable[[Sequence[Item], Sequence[Outcome]], None]
"""Gets what the child answered to one batch, an outcome for each item."""


class Exchange:
    """Moves entries from a backlog to the child of the moment, and their answers back to their places."""

    def __init__(
        self, backlog: Backlog[Place], *, batch_limit_s: float, on_results: OnResults | None = None
    ) -> None:
        self._backlog = backlog
        self._on_results = on_results
        self._batch_limit_s = batch_limit_s
        self._in_child: dict[int, _Sent] = {}
        self._batch_ids = itertools.count(1)
        self._child: Child | None = None

    @property
    def child(self) -> Child | None:
        return self._child

    @property
    def busy_since(self) -> float | None:
        """When (time.monotonic) the oldest batch that is in the child was sent there."""
        return min((sent.at for sent in self._in_child.values()), default=None) if self._child else None

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
            for sent in self._in_child.values():
                sent.limit.cancel()

    def pump(self) -> None:
        """Send what is to be sent now."""
        while self._child is not None and len(self._in_child) < BATCHES_AT_ONCE:
            batch = self._backlog.next_batch([sent.batch for sent in self._in_child.values()])
            if batch is None:
                return
            batch_id = next(self._batch_ids)
            limit = asyncio.get_running_loop().call_later(self._batch_limit_s, self._end_hang, self._child)
            # Before it is sent: from here on its entries are found whatever happens.
            self._in_child[batch_id] = _Sent(batch, time.monotonic(), limit)
            self._child.send(batch_id, [entry.owner.item for entry in batch.entries])

    def leave_to_next_child(self) -> list[Entry[Place]]:
        """Line up what the dead child held for the next one; returns the entries that killed too many."""
        in_child = [sent.batch for sent in self._in_child.values()]
        self._in_child.clear()
        return self._backlog.died(in_child)

    def give_up(self) -> list[Entry[Place]]:
        """Everything without an answer, in the child or waiting; nothing is left."""
        in_child = [entry for sent in self._in_child.values() for entry in sent.batch.entries]
        self._in_child.clear()
        return [*in_child, *self._backlog.clear()]

    def _take(self, results: BatchResults) -> None:
        sent = self._in_child.get(results.batch_id)
        if sent is None:
            raise GarbageOnLink("results for a batch that isn't computing")
        entries = sent.batch.entries
        if len(results.outcomes) != len(entries):
            raise GarbageOnLink("results that aren't as many as their batch's items")
        sent.limit.cancel()
        del self._in_child[results.batch_id]
        for entry, outcome in zip(entries, results.outcomes, strict=True):
            entry.owner.answer(answer_of(outcome))
        if self._on_results is not None:
            self._on_results([entry.owner.item for entry in entries], results.outcomes)

    def _end_hang(self, child: Child) -> None:
        log.error("inference child %d takes over %g s for a batch: killed", child.pid, self._batch_limit_s)
        child.kill()  # `receive` sees the end of file, after any results that are already in the pipe


class _Sent(NamedTuple):
    batch: Batch[Place]
    at: float
    limit: asyncio.TimerHandle
