"""When a group counts as stalled."""

from __future__ import annotations

import pytest

from streams.delivery.watchdog import Sample, StallDetector, Stalled, Watchdog

TIMEOUT_S = 30.0


def observed(*samples: tuple[float, Sample]) -> list[bool]:
    detector = StallDetector(TIMEOUT_S)
    return [detector.observe(sample, at_s) for at_s, sample in samples]


def lagging(progress: int = 0, *, working: bool = False) -> Sample:
    return Sample(lag=5, progress=progress, working=working)


def test_lag_without_progress_is_a_stall_after_the_timeout() -> None:
    assert observed((0, lagging()), (29.9, lagging()), (30, lagging())) == [False, False, True]


def test_acknowledged_record_starts_the_time_anew() -> None:
    assert observed((0, lagging(1)), (29, lagging(2)), (58, lagging(2)), (59, lagging(2))) == [
        False,
        False,
        False,
        True,
    ]


def test_batch_in_the_child_within_its_limit_is_progress() -> None:
    assert not any(observed(*((at_s, lagging(working=True)) for at_s in range(0, 300, 10))))


def test_group_without_lag_never_stalls() -> None:
    idle = Sample(lag=0, progress=0, working=False)
    assert not any(observed(*((at_s, idle) for at_s in range(0, 300, 10))))


def test_lag_that_nobody_can_tell_is_no_stall() -> None:
    unknown = Sample(lag=None, progress=0, working=False)
    assert observed((0, lagging()), (20, unknown), (31, lagging()), (51, lagging())) == [
        False,
        False,
        False,
        True,
    ]


def test_one_stalled_group_ends_the_process_though_others_move() -> None:
    now_s = 0.0
    watchdog = Watchdog(_NoGauge(), timeout_s=TIMEOUT_S, clock=lambda: now_s)
    watchdog.check({"moves": lagging(1), "stands": lagging(1)})
    now_s = 31.0
    with pytest.raises(Stalled, match="stands"):
        watchdog.check({"moves": lagging(2), "stands": lagging(1)})


class _NoGauge:
    async def samples(self) -> dict[str, Sample]:
        return {}
