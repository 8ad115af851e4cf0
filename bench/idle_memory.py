"""What the processes hold when nothing is asked of them, with all eleven models ready."""

from __future__ import annotations

import psutil

from bench.figure import Figure
from bench.rig import Rig

BRIDGE_TARGET_MB = 150.0
WORKER_TARGET_MB = 450.0
MB = 1_000_000


async def measure(rig: Rig) -> list[Figure]:
    """Resident memory of the bridge, and of the worker with its inference child, once each has answered."""
    await rig.stack.start_all()
    bridge = psutil.Process(rig.stack.pid("bridge"))
    worker = psutil.Process(rig.stack.pid("worker"))
    return [
        _figure("idle_rss_bridge_mb", _resident(bridge), BRIDGE_TARGET_MB),
        _figure("idle_rss_worker_mb", _resident(worker), WORKER_TARGET_MB),
    ]


def _resident(process: psutil.Process) -> float:
    """Megabytes of the process and its children; pages that they share count for each of them."""
    family = [process, *process.children(recursive=True)]
    return float(sum(member.memory_info().rss for member in family)) / MB


def _figure(name: str, value: float, target: float) -> Figure:
    return Figure(name=name, value=value, unit="MB", target=target, better="lower", peer="none")
