"""The worker processes of a run: so many at any time, started anew after every end, as a supervisor would."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.kin import descendants, inference_child, inference_children_naming
from tests.support.processes import Process, is_running, run_command
from tests.support.waiting import eventually

WORKER = (sys.executable, "-m", "cli.main", "worker")
READY_LINE = "worker ready"
ORPHAN_LIMIT_S = 5.0
TERM_LIMIT_S = 60.0
READY_LIMIT_S = 120.0
LOOK_EVERY_S = 0.1


@dataclass
class Member:
    """One worker process; `doomed` once its end was asked for."""

    process: Process
    doomed: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        return self.process.returncode is not None

    @property
    def is_ready(self) -> bool:
        return not self.has_ended and READY_LINE in self.process.output


@dataclass
class Ends:
    """How processes ended, for the ledger."""

    term_codes: list[int] = field(default_factory=list)
    unasked_codes: list[int] = field(default_factory=list)
    """Exit codes of workers that nobody had asked to end: a supervisor starts them again."""
    orphans: list[int] = field(default_factory=list)
    """Processes that were there 5 s after the end of the worker that they belonged to."""


class Fleet:
    """Workers inside `async with`, all ready when it begins; what fails in keeping them ends the block."""

    def __init__(
        self,
        size: int,
        folder: Path,
        env: Mapping[str, str],
        *,
        options: Sequence[str] = (),
        command: Sequence[str] = WORKER,
        on_event: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._size = size
        self._folder = folder
        self._env = env
        self._command = [*command, *options]
        self._on_event = on_event
        self._processes = AsyncExitStack()
        self._members: list[Member] = []
        self._pids: list[int] = []
        self._tasks = asyncio.TaskGroup()
        self._aside: list[asyncio.Task[None]] = []
        self.ends = Ends()

    async def __aenter__(self) -> Self:
        try:
            await self._fill()
            await self._until_ready()
        except BaseException:
            await self._processes.aclose()
            raise
        await self._tasks.__aenter__()
        self._keeper = self._tasks.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.cancel()
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            await self._processes.aclose()

    @property
    def starts(self) -> int:
        """How many workers there were in all."""
        return len(self._pids)

    async def kill_worker(self, chance: random.Random) -> int:
        """kill -9 of any worker, ready or not; its process id."""
        member = await self._any(chance, lambda member: True)
        family = descendants(member.pid)
        member.doomed = True
        member.process.kill()
        self._do_aside(self._look_for_orphans(member.pid, family))
        return member.pid

    async def kill_child(self, chance: random.Random) -> int:
        """kill -9 of the inference child of a worker that is ready; the child's process id."""
        while True:
            member = await self._any(
                chance, lambda member: member.is_ready and inference_child(member.pid) is not None
            )
            if (child := inference_child(member.pid)) is not None:
                os.kill(
                    child, signal.SIGKILL
                )  # it can't be gone: a worker's child that ended is a zombie first
                return child

    async def terminate_worker(self, chance: random.Random) -> int:
        """SIGTERM to a worker that is ready; its process id. Its end is awaited aside."""
        member = await self._any(chance, lambda member: member.is_ready)
        member.doomed = True  # before its end begins: nobody is chosen twice
        self._do_aside(self._terminate(member))
        return member.pid

    async def stop(self) -> None:
        """SIGTERM to all, once those that are starting are ready; then nothing of theirs may be left."""
        await self._until_ready()
        self._keeper.cancel()
        await asyncio.gather(*(self._terminate(member) for member in self._live()))
        await asyncio.gather(*self._aside)
        await self._gone(lambda: [pid for worker in self._pids for pid in inference_children_naming(worker)])

    async def _keep(self) -> None:
        """Replace whoever has ended."""
        while True:
            for member in [one for one in self._members if one.has_ended]:
                self._members.remove(member)
                if not member.doomed:
                    self.ends.unasked_codes.append(member.process.returncode or 0)
                    self._on_event(f"worker {member.pid} ended by itself: {member.process.returncode}")
            await self._fill()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _fill(self) -> None:
        while len(self._members) < self._size:
            start = run_command(self._command, self._folder, env=self._env)
            process = await self._processes.enter_async_context(start)
            self._members.append(Member(process))
            self._pids.append(process.pid)

    async def _terminate(self, member: Member) -> None:
        member.doomed = True
        member.process.terminate()
        code = await member.process.wait(TERM_LIMIT_S)
        self.ends.term_codes.append(code)
        self._on_event(f"worker {member.pid} ended after SIGTERM: {code}")

    async def _look_for_orphans(self, worker: int, family: Sequence[int]) -> None:
        await self._gone(
            lambda: [pid for pid in {*family, *inference_children_naming(worker)} if is_running(pid)]
        )

    async def _gone(self, left: Callable[[], list[int]]) -> None:
        with suppress(AssertionError):
            await eventually(lambda: not left(), timeout_s=ORPHAN_LIMIT_S)
        self.ends.orphans += left()

    async def _any(self, chance: random.Random, fits: Callable[[Member], bool]) -> Member:
        found = await eventually(
            lambda: [member for member in self._live() if fits(member)],
            timeout_s=READY_LIMIT_S,
            what="a worker that the fault can be done to",
        )
        return chance.choice(found)

    async def _until_ready(self) -> None:
        def are_ready() -> bool:
            return sum(member.is_ready for member in self._live()) == self._size

        await eventually(are_ready, timeout_s=READY_LIMIT_S, what="all workers are ready")

    def _live(self) -> list[Member]:
        return [member for member in self._members if not member.doomed and not member.has_ended]

    def _do_aside(self, work: Coroutine[None, None, None]) -> None:
        self._aside.append(self._tasks.create_task(work))
