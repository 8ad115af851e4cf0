"""The campaign of `make chaos-sink`, with fewer rows and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.database.rows import row_of
from tests.chaos.sink_campaign import Ledger, Plan, ledger_of, run
from tests.support.databases import result

SHORT = Plan(rows=3_000, kills=1, restarts=2, batch_records=50)


@pytest.mark.kafka
async def test_every_result_is_there_once_and_right_whatever_was_killed(tmp_path: Path) -> None:
    assert await run(SHORT, tmp_path) == Ledger(
        kills=1, restarts=2, lost=0, doubled=0, wrong=0, unasked=0, dead_letters_missing=0
    )


def test_the_ledger_opens_where_a_row_is_lost_doubled_wrong_or_unasked() -> None:
    first, second, other = (row_of(result(number)) for number in range(3))
    changed = row_of(result(0, confidence=0.5))
    plan = Plan(2, 0, 0, 1)
    assert ledger_of([first, second], [first, second], plan, missing=0).closes
    for found, broken in (
        ([first], "lost"),
        ([first, second, second], "doubled"),
        ([changed, second], "wrong"),
        ([first, second, other], "unasked"),
    ):
        ledger = ledger_of([first, second], found, plan, missing=0)
        assert getattr(ledger, broken) == 1
        assert not ledger.closes
    assert not ledger_of([first], [first], plan, missing=1).closes
