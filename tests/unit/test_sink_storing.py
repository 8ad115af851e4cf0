"""What the sink does when the database is away, and when it refuses a row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from connectors.database.rows import Row
from schemas.errors import DatabaseRefused, DatabaseUnavailable, RowRefused
from streams.sink import storing
from streams.sink.reading import Pending
from streams.sink.storing import Stopped, Storing
from tests.support.waiting import eventually

BAD = -1


class FakeDatabase:
    """Takes batches without a bad row, whole; is away for the first `away` asks."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.rows: list[int] = []
        self.asks = 0
        self.forgotten = 0

    async def write(self, rows: Sequence[Row]) -> int:
        self.asks += 1
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable(reason="away")
        if any(row[0] == BAD for row in rows):
            raise RowRefused(reason="bad")
        self.rows += [number for row in rows if isinstance(number := row[0], int)]
        return len(rows)

    async def forget(self) -> None:
        self.forgotten += 1


def pending(numbers: Sequence[int]) -> list[Pending]:
    return [
        Pending(
            ConsumerRecord("veriaidpo.results", 0, offset, 0, 1, None, b"", None, 0, 0, ()),
            (number,),
        )
        for offset, number in enumerate(numbers)
    ]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "FIRST_BACK_OFF_S", 0.001)


@given(st.lists(st.booleans(), max_size=40))
async def test_every_row_that_is_not_bad_is_stored_once_in_order_and_every_bad_one_is_named(
    bad: list[bool],
) -> None:
    database = FakeDatabase()
    numbers = [BAD if is_bad else number for number, is_bad in enumerate(bad)]

    refused = await Storing(database.write, database.forget, asyncio.Event()).store(pending(numbers))

    assert database.rows == [number for number in numbers if number != BAD]
    assert [one.record.offset for one in refused] == [place for place, is_bad in enumerate(bad) if is_bad]


async def test_one_bad_row_in_two_thousand_is_found_in_a_few_dozen_transactions() -> None:
    database = FakeDatabase()
    numbers = [BAD if number == 1_234 else number for number in range(2_000)]

    refused = await Storing(database.write, database.forget, asyncio.Event()).store(pending(numbers))

    assert len(refused) == 1
    assert len(database.rows) == 1_999
    assert database.asks <= 24


async def test_a_database_that_is_away_is_waited_for_on_new_connections() -> None:
    database = FakeDatabase(away=4)
    sink = Storing(database.write, database.forget, asyncio.Event())

    assert await sink.store(pending([1, 2])) == []
    assert (database.rows, sink.stored, database.forgotten) == ([1, 2], 2, 4)


async def test_stop_ends_the_wait_and_nothing_counts_as_stored() -> None:
    database = FakeDatabase(away=1_000_000)
    stop = asyncio.Event()
    waiting = asyncio.create_task(Storing(database.write, database.forget, stop).store(pending([1])))
    await eventually(lambda: database.asks > 1)
    stop.set()
    with pytest.raises(Stopped):
        await waiting


async def test_what_an_operator_has_to_mend_is_neither_waited_for_nor_dead_lettered() -> None:
    async def write(rows: Sequence[Row]) -> int:
        raise DatabaseRefused(reason="no such table")

    with pytest.raises(DatabaseRefused):
        await Storing(write, FakeDatabase().forget, asyncio.Event()).store(pending([1, 2]))
