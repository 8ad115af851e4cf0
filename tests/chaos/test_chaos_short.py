"""`make chaos` in short: the same code, a tenth of the records, every kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import run_chaos
from tests.chaos.plan import Plan

SHORT = Plan(
    records=2000,
    sentences=50,
    share=0.5,
    burst=100,
    worker_kills=2,
    child_kills=2,
    worker_terms=1,
    broker_kills=1,
    seed=7,
)


@pytest.mark.kafka
@pytest.mark.timed
@pytest.mark.timeout(300)
async def test_no_record_is_lost_while_workers_children_and_the_broker_are_killed(tmp_path: Path) -> None:
    report = await run_chaos(SHORT, tmp_path)
    assert [line for line in report.lines if not line.holds] == [], report
