"""The whole product on one machine: broker, topics, a worker and a bridge, each a child process.

What `veriaidpo demo` and `veriaidpo up` stand on. Children get the command's own environment plus where the
broker is, so they read their settings exactly as they would in production.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from urllib.error import URLError
from urllib.request import urlopen

from cli.settings import Settings
from connectors.child_process import dies_with_parent
from connectors.installation import PUBLISHER_ISSUER
from connectors.kafka.broker import ensure_broker
from connectors.kafka.topic_admin import create_declared_topics
from connectors.ports import free_port
from schemas.errors import OperatorError

START_LIMIT_S = 120.0
POLL_S = 0.1
STOP_LIMIT_S = 35.0  # a worker's grace period, and a little


class ServiceFailed(OperatorError):
    """A part of the service didn't start (details: reason, logs)."""

    code = "SERVICE_FAILED"
    message = "The service didn't start: {reason}. The logs are in {logs}; correct the cause and try again."
    message_vi = "Dịch vụ không khởi động được: {reason}. Xem nhật ký trong {logs}, khắc phục rồi thử lại."


class Stack:
    """Broker and topics on entry, then what is asked for; everything is stopped in reverse on exit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exit = AsyncExitStack()
        self._logs = settings.home / "logs"
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self.kafka = settings.kafka
        self.bridge_url = ""

    async def __aenter__(self) -> Stack:
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            broker = ensure_broker(self._settings.kafka, self._settings.home)
            self.kafka = await self._exit.enter_async_context(broker)
            # The development key's issuer too: `veriaidpo publish --wait` works straight away.
            await create_declared_topics(self.kafka, self._settings.topics, clients=[PUBLISHER_ISSUER])
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker answers."""
        return self.kafka.client_options()["bootstrap_servers"]

    async def start_all(self, bridge_port: int | None = None) -> None:
        """A worker with all model types and the bridge; returns when a caller would be answered."""
        await self.start_worker()
        await self.start_bridge(bridge_port)
        await self._until(lambda: _healthy(self.bridge_url))

    async def start_worker(self, *options: str) -> None:
        """`veriaidpo worker` with these options; it is there before it is ready."""
        await self._child("worker", ["worker", *options])

    async def until_worker_is_ready(self) -> None:
        """Wait for the worker's own word."""
        await self._until(lambda: "worker ready" in (self._logs / "worker.log").read_text(errors="replace"))

    async def start_bridge(self, port: int | None = None) -> None:
        """`veriaidpo bridge` on that port, or on a free one."""
        port = port or free_port()
        await self._child("bridge", ["bridge", "--port", str(port)])
        self.bridge_url = f"http://127.0.0.1:{port}"

    def pid(self, name: str) -> int:
        """The process id of the "worker" or the "bridge"."""
        return self._children[name].pid

    async def wait_for_end(self) -> None:
        """Wait until a child ends by itself; raises ServiceFailed."""
        ends = [asyncio.create_task(process.wait()) for process in self._children.values()]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        self._refuse_dead()

    async def _child(self, name: str, command: Sequence[str]) -> None:
        with (self._logs / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *dies_with_parent([sys.executable, "-m", "cli.main", *command]),
                env={**os.environ, **self._environment()},
                stdout=log,
                stderr=log,
            )
        self._children[name] = process
        self._exit.push_async_callback(_stop, process)

    def _environment(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "VERIAIDPO_HOME": str(self._settings.home),
            "VERIAIDPO_MODE": self._settings.mode,
        }

    async def _until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(START_LIMIT_S):
                while not await asyncio.to_thread(holds):
                    self._refuse_dead()
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise ServiceFailed(
                reason=f"it was not ready within {START_LIMIT_S:.0f} s", logs=self._logs
            ) from None

    def _refuse_dead(self) -> None:
        for name, process in self._children.items():
            if process.returncode is not None:
                tail = _last_line(self._logs / f"{name}.log")
                raise ServiceFailed(
                    reason=f"the {name} ended with exit code {process.returncode}: {tail}", logs=self._logs
                )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _healthy(url: str) -> bool:
    """The bridge hears every model type's worker, and its own reply partition."""
    try:
        with urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - our own bridge, on loopback
            return bool(json.load(answer)["status"] == "healthy")
    except (URLError, OSError):
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
