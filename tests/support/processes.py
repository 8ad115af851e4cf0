"""The command as its users run it: a real child process, found and ended by its id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.child_process import dies_with_parent
from tests.support.clusters import PROJECT
from tests.support.waiting import eventually


class Process:
    """A child in a process group of its own, whose output goes to a file."""

    def __init__(self, popen: subprocess.Popen[bytes], output: Path) -> None:
        self._popen = popen
        self._output = output

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        return self._popen.poll()

    @property
    def output(self) -> str:
        """What it has printed so far, stdout and stderr together."""
        return self._output.read_text(errors="replace")

    async def wait_for_line(self, part: str, timeout_s: float = 60) -> str:
        """The first line that contains `part`; AssertionError with the output if it ends without it."""

        def line() -> str | None:
            ended = self.returncode is not None  # asked first: what it printed before is then complete
            found = next((each for each in self.output.splitlines() if part in each), None)
            if found is None and ended:
                raise RuntimeError(f"ended with {self.returncode} without {part!r}:\n{self.output}")
            return found

        try:
            return await eventually(line, timeout_s=timeout_s, what=f"a line with {part!r}") or ""
        except AssertionError as error:
            raise AssertionError(f"{error}; it printed:\n{self.output}") from None

    async def wait(self, timeout_s: float = 30) -> int:
        """Its exit status: negative is the signal that ended it."""
        try:
            await eventually(
                lambda: self.returncode is not None, timeout_s=timeout_s, what="the process ends"
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; it printed:\n{self.output}") from None
        status = self.returncode
        assert status is not None
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """To the process alone, not to its children: what a supervisor or an OOM killer does."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


@asynccontextmanager
async def run_veriaidpo(
    arguments: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """`veriaidpo ARGUMENTS…` in `folder`, which is also its home's; ended with its group at the block's end.

    `env` is added to this process's, less the variables that would name another installation.
    """
    async with run_command([sys.executable, "-m", "cli.main", *arguments], folder, env=env) as process:
        yield process


@asynccontextmanager
async def run_command(
    command: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Any command, in the same way."""
    output = _new_file(folder)
    with output.open("wb") as file:
        popen = subprocess.Popen(  # noqa: ASYNC220 - the fork must come from the loop's own thread
            dies_with_parent(command),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(folder, env or {}),
            process_group=0,
        )
    try:
        yield Process(popen, output)
    finally:
        _kill_group(popen.pid)
        await asyncio.to_thread(popen.wait, 10)


def is_running(pid: int) -> bool:
    """Whether a process is there; one that ended and waits for its parent to look (a zombie) is not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def children_of(pid: int) -> list[int]:
    """Its direct children."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def _environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    named = ("VERIAIDPO_", "KAFKA_", "JWT_", "DATABASE_", "REDIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    return {
        **kept,
        "PYTHONPATH": str(PROJECT),
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
        "VERIAIDPO_HOME": str(folder / ".veriaidpo"),
        **extra,
    }


def _new_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (file := folder / f"output-{number}.txt").exists():
        number += 1
    return file


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
