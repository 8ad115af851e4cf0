"""A real Redis on a free port, in a temporary folder, that a test may freeze, kill and start again."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from connectors.ports import free_port
from tests.support.processes import Process, run_command
from tests.support.waiting import eventually


class RedisServer:
    """`redis-server` as a child; keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._running = AsyncExitStack()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> None:
        """Returns when it answers."""
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(self._port)]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "no"]
        self._process = await self._running.enter_async_context(run_command(command, self._folder))
        await eventually(self._answers, what="redis answers")

    async def kill(self) -> None:
        """kill -9; whatever it held is gone."""
        await self._running.aclose()

    def freeze(self) -> None:
        """It takes connections and answers nobody."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def _answers(self) -> bool:
        async with Redis.from_url(self.url) as client:
            try:
                return bool(await client.ping())
            except (RedisError, OSError):
                return False


@asynccontextmanager
async def running_redis(folder: Path) -> AsyncIterator[RedisServer]:
    """A server that is the test's alone."""
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
