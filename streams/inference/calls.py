"""Who waits for what: a caller's items, and where each answer belongs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from schemas.errors import Internal, ModelUnavailable, UnknownModelType, VeriAIDPOError
from streams.inference.backlog import Entry
from streams.inference.packing import estimated_tokens
from streams.inference.protocol import Classification, Item, ItemFailure, Outcome

Answer: TypeAlias = Classification | VeriAIDPOError


class Call:
    """One caller's items. `done` is the list of their answers, once each has one."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.done: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._items = items
        self._answers: dict[int, Answer] = {}
        self._settle()

    def entries(self, max_tokens: int) -> list[Entry[Place]]:
        """What of it is to go to the child. An item that can't be sent has its answer at once."""
        entries: list[Entry[Place]] = []
        for index, item in enumerate(self._items):
            place = Place(self, index, item)
            try:
                size_bytes = len(item.text.encode()) + len(item.model_type.encode())
            except UnicodeEncodeError as error:  # a lone surrogate: Python can hold it, UTF-8 can't
                place.answer(Internal(exception=type(error).__name__))
            else:
                entries.append(Entry(place, estimated_tokens(item.text, max_tokens), size_bytes))
        return entries

    def answer(self, index: int, answer: Answer) -> None:
        self._answers[index] = answer
        self._settle()

    def fail(self, error: Exception) -> None:
        """The caller gets the exception itself: nothing more can be answered."""
        if not self.done.done():
            self.done.set_exception(error)

    def _settle(self) -> None:
        if len(self._answers) == len(self._items) and not self.done.done():
            self.done.set_result([self._answers[index] for index in range(len(self._items))])


class Place(msgspec.Struct, frozen=True, eq=False):
    """Where an answer belongs: to the nth item of a call."""

    call: Call
    index: int
    item: Item

    def answer(self, answer: Answer) -> None:
        self.call.answer(self.index, answer)


def answer_of(outcome: Outcome) -> Answer:
    """What the child says of an item, in the worker's words."""
    if isinstance(outcome, ItemFailure):
        kind = _FAILURES.get(outcome.code)
        return kind(**outcome.details) if kind else Internal(exception=outcome.code)
    return outcome


def model_unavailable(item: Item, reason: str) -> ModelUnavailable:
    return ModelUnavailable(model_type=item.model_type, reason=reason)


_FAILURES: Final[Mapping[str, type[VeriAIDPOError]]] = {
    kind.code: kind for kind in (UnknownModelType, ModelUnavailable, Internal)
}
