"""When faults come, what is published, and how long a recovery took: the pure parts of a chaos run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from schemas.taxonomy import MODEL_TYPES
from tests.chaos.plan import LAST_FAULT_SHARE, Plan, schedule
from tests.chaos.recovery import Settlement, caught_up_s
from tests.chaos.run import plan_of
from tests.chaos.traffic import WAYS, traffic_of


@pytest.mark.parametrize("seed", range(20))
def test_schedule_holds_every_fault_in_order_and_inside_the_run(seed: int) -> None:
    plan = Plan(seed=seed)
    planned = schedule(plan)
    assert Counter(one.fault for one in planned) == Counter(plan.faults)
    places = [one.after for one in planned]
    assert places == sorted(places)
    assert places[0] > 0
    assert places[-1] <= plan.records * LAST_FAULT_SHARE


def test_schedule_is_the_seeds() -> None:
    assert schedule(Plan(seed=5)) == schedule(Plan(seed=5))
    assert schedule(Plan(seed=5)) != schedule(Plan(seed=6))


def test_schedule_of_a_single_fault_is_that_fault() -> None:
    plan = Plan(worker_kills=0, child_kills=1, worker_terms=0, broker_kills=0)
    assert len(schedule(plan)) == 1


def test_full_run_is_what_make_chaos_promises() -> None:
    plan = plan_of([])
    assert (plan.records, plan.malformed_share, plan.workers, plan.partitions) == (20_000, 0.01, 2, 4)
    assert list(plan.faults.values()) == [6, 6, 2, 2]
    assert plan.is_full


@pytest.mark.parametrize(
    "option",
    [["--records", "500"], ["--broker-kills", "1"], ["--engine", "constant"]],
    ids=lambda each: each[0],
)
def test_smaller_run_is_not_full(option: list[str]) -> None:
    assert not plan_of(option).is_full


def test_pace_is_a_share_of_what_the_machine_manages_and_has_a_limit() -> None:
    plan = replace(Plan(), rate=100.0, share=0.5)
    assert plan.paced(offline_rate=80.0) == 40.0
    assert plan.paced(offline_rate=1000.0) == 100.0


def test_traffic_has_every_model_type_and_every_way_to_spoil_a_record() -> None:
    traffic = traffic_of(replace(Plan(), records=2000), ["một câu"], "veriaidpo.replies.chaos")
    assert {item.request.model_type for item in traffic} == set(MODEL_TYPES)
    assert {item.way for item in traffic} == {None, *WAYS}
    assert sum(item.way is not None for item in traffic) == 20
    assert len({item.request.request_id for item in traffic}) == 2000


def test_what_arrived_before_a_fault_counts_until_it_is_settled() -> None:
    found = [Settlement(1000, 9000), Settlement(2000, 4000), Settlement(5000, 60_000)]
    assert caught_up_s(found, 3000, read_ms=70_000) == 6.0


def test_what_is_never_settled_counts_until_the_topics_are_read() -> None:
    assert caught_up_s([Settlement(1000, None)], 3000, read_ms=70_000) == 67.0


def test_what_was_settled_before_the_fault_took_no_time_after_it() -> None:
    assert caught_up_s([Settlement(1000, 1500)], 3000, read_ms=70_000) == 0.0
