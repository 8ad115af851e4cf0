"""Which workers are there, as their heartbeats say. Knows no Kafka and no clock: times come in."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events import ModelStatus


@dataclass(frozen=True)
class Serving:
    """One worker's last word on one model type."""

    worker_id: str
    model_type: str
    ready: bool
    model_id: str
    model_version: str
    expires_at_s: float


class WorkerPresence:
    """Workers by model type; one whose last heartbeat is too old counts as gone.

    Two questions, because a worker that is there but not ready (it has just returned and its group is still
    being assigned) will answer who already waits, while a new caller is better told to come back.
    """

    def __init__(self, gone_after_s: float) -> None:
        self._gone_after_s = gone_after_s
        self._serving: dict[tuple[str, str], Serving] = {}

    def observe(self, status: ModelStatus, *, now_s: float, age_s: float = 0.0) -> None:
        """Note a heartbeat that was `age_s` old when it was read at `now_s`."""
        self._serving[status.worker_id, status.model_type] = Serving(
            worker_id=status.worker_id,
            model_type=status.model_type,
            ready=status.ready,
            model_id=status.model_id,
            model_version=status.model_version,
            expires_at_s=now_s + self._gone_after_s - max(0.0, age_s),
        )

    def forget(self, worker_id: str, model_type: str) -> None:
        """Note a tombstone: the worker said goodbye."""
        self._serving.pop((worker_id, model_type), None)

    def expire(self, now_s: float) -> None:
        """Drop those whose last heartbeat is too old."""
        self._serving = {key: one for key, one in self._serving.items() if now_s < one.expires_at_s}

    def is_present(self, model_type: str, now_s: float) -> bool:
        """Whether some worker serves `model_type`, ready or not."""
        return any(one.model_type == model_type for one in self.serving(now_s))

    def is_ready(self, model_type: str, now_s: float) -> bool:
        """Whether some worker takes records of `model_type` just now."""
        return any(one.model_type == model_type and one.ready for one in self.serving(now_s))

    def serving(self, now_s: float) -> tuple[Serving, ...]:
        """Every worker and model type that is there at `now_s`."""
        return tuple(one for one in self._serving.values() if now_s < one.expires_at_s)

    def next_expiry_s(self) -> float | None:
        """When `expire` next drops somebody, unless they are heard of before; None: nobody is there."""
        return min((one.expires_at_s for one in self._serving.values()), default=None)
