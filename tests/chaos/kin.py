"""Who belongs to which worker process, asked of the process table, also when the worker is gone."""

from __future__ import annotations

import psutil

CHILD_MODULE = "streams.inference.child"


def descendants(pid: int) -> list[int]:
    """Children, and theirs."""
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def inference_child(worker: int) -> int | None:
    """The worker's inference child, while there is one."""
    return next((pid for pid in descendants(worker) if CHILD_MODULE in _command_line(pid)), None)


def inference_children_naming(worker: int) -> list[int]:
    """Inference children that were started with `--parent WORKER`, whoever has adopted them since."""
    return [pid for pid in psutil.pids() if _names(_command_line(pid), worker)]


def _names(command: list[str], worker: int) -> bool:
    return CHILD_MODULE in command and ["--parent", str(worker)] in [
        command[at : at + 2] for at in range(len(command))
    ]


def _command_line(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()  # empty for a zombie
    except psutil.Error:
        return []
