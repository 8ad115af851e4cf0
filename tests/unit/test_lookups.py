"""A record that raises a question gets its answer, however late it comes back for it."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from schemas.errors import KeysUnavailable, UnknownSchema
from streams.classification.lookups import KEPT_S, Lookups, StillLooking
from streams.delivery.intake import LONGEST_BACK_OFF_S


class Outside:
    """Answers with an error; counts how often it was asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    async def __call__(self) -> None:
        self.asked += 1
        raise self.error


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def ask(lookups: Lookups, outside: Outside) -> None:
    """A record's question for the first time: it waits, and the outside answers meanwhile."""
    with pytest.raises(StillLooking):
        lookups.settle("question", outside)
    await asyncio.sleep(0)


async def test_record_that_comes_back_after_the_longest_back_off_finds_its_definite_answer() -> None:
    clock, outside = Clock(), Outside(UnknownSchema(fingerprint="7"))
    lookups = Lookups(clock)
    await ask(lookups, outside)
    clock.now_s += LONGEST_BACK_OFF_S + 1
    with pytest.raises(UnknownSchema):
        lookups.settle("question", outside)
    assert outside.asked == 1


async def test_definite_answer_is_asked_for_again_in_the_end() -> None:
    clock, outside = Clock(), Outside(UnknownSchema(fingerprint="7"))
    lookups = Lookups(clock)
    await ask(lookups, outside)
    clock.now_s += 60
    await ask(lookups, outside)
    assert outside.asked == 2


async def test_outside_that_was_away_is_asked_again_sooner() -> None:
    clock, outside = Clock(), Outside(KeysUnavailable(issuer="i", reason="away", reason_vi="vắng"))
    lookups = Lookups(clock)
    await ask(lookups, outside)
    clock.now_s += KEPT_S - 1
    with pytest.raises(KeysUnavailable):
        lookups.settle("question", outside)
    clock.now_s += 2
    await ask(lookups, outside)
    assert outside.asked == 2


async def test_answer_that_no_record_comes_back_for_is_nothing_to_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        await ask(Lookups(Clock()), Outside(UnknownSchema(fingerprint="7")))
        gc.collect()
    assert not caplog.records
