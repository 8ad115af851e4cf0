"""Which offset of a partition may be committed. Pure: no Kafka, no clock.

The rule that no record is lost rests on: a committed offset never passes a record that was delivered and not
acknowledged. Offsets have gaps (transaction markers, aborted records, compaction), so "the next number" means
nothing; what counts is the order of delivery.
"""

from __future__ import annotations

from collections import OrderedDict


class CommitPrefix:
    """One partition, from its assignment to its revocation.

    Offsets are remembered as numbers, not as references to records: a record that is dropped anywhere on its
    way, by anybody's mistake, pins its offset, and is delivered again after the next assignment.
    """

    __slots__ = ("_acknowledged_ahead", "_closed", "_last_delivered", "_open", "_position")

    def __init__(self) -> None:
        self._open: OrderedDict[int, bool] = OrderedDict()  # offset -> acknowledged; in order of delivery
        self._acknowledged_ahead = 0  # how many in `_open` are acknowledged, behind one that isn't
        self._last_delivered = -1
        self._position: int | None = None
        self._closed = False

    def deliver(self, offset: int) -> None:
        """A record was handed out. One that comes again after a seek back is known already."""
        if not self._closed and offset > self._last_delivered:
            self._last_delivered = offset
            self._open[offset] = False

    def acknowledge(self, offset: int) -> bool:
        """All of the record's outputs are durable. False where that changes nothing.

        After a revocation nothing here counts: the partition's next owner sees the record again.
        """
        if self._open.get(offset) is not False:
            return False
        self._open[offset] = True
        self._acknowledged_ahead += 1
        while self._open and self._open[next(iter(self._open))]:
            done, _ = self._open.popitem(last=False)
            self._acknowledged_ahead -= 1
            self._position = done + 1
        return True

    @property
    def position(self) -> int | None:
        """The offset to commit: one past the contiguous acknowledged prefix; None before its first record."""
        return self._position

    @property
    def unacknowledged(self) -> int:
        """How many delivered records still wait for their acknowledgement."""
        return len(self._open) - self._acknowledged_ahead

    @property
    def closed(self) -> bool:
        """The partition was revoked: its records are somebody else's now."""
        return self._closed

    def close(self) -> None:
        """Revoke the partition: what is unacknowledged stays so."""
        self._closed = True
        self._open.clear()
        self._acknowledged_ahead = 0
