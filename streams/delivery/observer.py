"""What delivery tells whoever counts: a call a batch, after the fact, and nothing hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streams.delivery.records import Output, Record, Wait


class Observer(Protocol):
    """Called on the event loop, so an implementation is brief; what it raises ends the process."""

    def confirmed(self, written: Sequence[tuple[Record, Output]]) -> None:
        """The broker has these results and dead letters."""

    def undelivered(self, records: Sequence[Record]) -> None:
        """Their replies can't be delivered."""

    def acknowledged(self, records: Sequence[Record]) -> None:
        """All of their outputs are through."""

    def waits(self, waiting: Sequence[tuple[Record, Wait]]) -> None:
        """They step aside, and will be tried again."""


class Unobserved:
    """Nobody counts."""

    def confirmed(self, written: Sequence[tuple[Record, Output]]) -> None: ...

    def undelivered(self, records: Sequence[Record]) -> None: ...

    def acknowledged(self, records: Sequence[Record]) -> None: ...

    def waits(self, waiting: Sequence[tuple[Record, Wait]]) -> None: ...
