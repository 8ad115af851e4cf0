"""Workers come and go as their heartbeats say, whatever the clocks do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.presence import WorkerPresence
from schemas.events import ModelStatus


def heartbeat(worker_id: str = "w1", model_type: str = "principles", *, ready: bool = True) -> ModelStatus:
    return ModelStatus(worker_id, "start", model_type, ready, "starter", "sha256:0", sent_at_ms=0)


def test_a_worker_is_ready_from_its_heartbeat_until_it_is_too_old() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat(), now_s=100)
    assert presence.is_ready("principles", 107.9)
    assert not presence.is_ready("principles", 108)
    assert not presence.is_present("principles", 108)


def test_a_heartbeat_read_late_counts_from_when_it_was_written() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat(), now_s=100, age_s=5)
    assert presence.is_ready("principles", 102.9)
    assert not presence.is_ready("principles", 103)


def test_an_append_time_ahead_of_our_clock_makes_no_worker_live_longer() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat(), now_s=100, age_s=-3600)
    assert presence.next_expiry_s() == 108


def test_a_tombstone_takes_a_worker_away_at_once() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat(), now_s=100)
    presence.observe(heartbeat("w2"), now_s=100)
    presence.forget("w1", "principles")
    assert {one.worker_id for one in presence.serving(100)} == {"w2"}
    presence.forget("w2", "principles")
    assert not presence.is_present("principles", 100)


def test_a_worker_that_has_returned_but_is_not_assigned_yet_is_present_and_not_ready() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat(), now_s=100)
    presence.observe(heartbeat(ready=False), now_s=101)
    assert presence.is_present("principles", 102)
    assert not presence.is_ready("principles", 102)


def test_one_ready_worker_of_two_is_enough() -> None:
    presence = WorkerPresence(gone_after_s=8)
    presence.observe(heartbeat("w1", ready=False), now_s=100)
    presence.observe(heartbeat("w2"), now_s=100)
    assert presence.is_ready("principles", 101)
    assert not presence.is_ready("industry", 101)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.floats(0, 30), st.floats(-5, 20))),
    st.floats(0, 60),
)
def test_expiring_never_changes_who_is_there(
    beats: list[tuple[str, bool, float, float]], now_s: float
) -> None:
    presence = WorkerPresence(gone_after_s=8)
    for worker_id, ready, at_s, age_s in sorted(beats, key=lambda beat: beat[2]):
        presence.observe(heartbeat(worker_id, ready=ready), now_s=at_s, age_s=age_s)
    before = set(presence.serving(now_s))
    presence.expire(now_s)
    assert set(presence.serving(now_s)) == before
    assert (presence.next_expiry_s() is None) == (not before)
