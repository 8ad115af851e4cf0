"""What goes through a worker: a record in, its outputs out, and what is decided about it in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from schemas.errors import VeriAIDPOError
from streams.delivery.prefix import CommitPrefix


class Record(msgspec.Struct, frozen=True):
    """One record as it lies on its topic; `timestamp_ms` is the broker's append time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    prefix: CommitPrefix

    def acknowledge(self) -> bool:
        """Let the record's offset go; only once the broker has confirmed all of its outputs."""
        return self.prefix.acknowledge(self.offset)

    @property
    def revoked(self) -> bool:
        """The partition has another owner by now: no more work for it here."""
        return self.prefix.closed

    def __repr__(self) -> str:
        # Never its bytes: a value holds somebody's text, a header their token.
        return f"Record({self.topic}[{self.partition}]@{self.offset})"


class OutputKind(Enum):
    RESULT = "result"
    REPLY = "reply"
    DEAD_LETTER = "dead_letter"
    STATUS = "status"


class Output(msgspec.Struct, frozen=True):
    """A record to produce; `partition` None leaves the choice to the key.

    `error_code` says of a dead letter why it is one; of everything else it is None.
    """

    kind: OutputKind
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int | None = None
    error_code: str | None = None

    def __repr__(self) -> str:
        return f"Output({self.kind.value} to {self.topic})"


class Done(msgspec.Struct, frozen=True):
    """The record's end: `outputs` go to our own topics and must arrive, `reply` goes to whoever asked.

    Each record has a result or a dead letter among its outputs, never neither.
    """

    outputs: tuple[Output, ...]
    reply: Output | None = None


class Wait(msgspec.Struct, frozen=True):
    """Something the record needs is unavailable and nobody set a deadline: it stays, and is tried again."""

    error: VeriAIDPOError


Outcome: TypeAlias = Done | Wait
Handler: TypeAlias = Callable[[Sequence[Record]], Awaitable[Sequence[Outcome]]]
"""Decides about a batch, in its order. Expected failures are outcomes; what it raises ends the process."""
