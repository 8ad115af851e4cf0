"""A real Apache Kafka broker as a child process, for where no cluster is given."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.child_process import dies_with_parent
from connectors.kafka.broker_files import DataFolder, Listener, Ports, new_cluster_id, server_properties
from connectors.kafka.jars import kafka_jars
from connectors.kafka.jvm import INSTALL_JAVA, Jvm, java
from connectors.kafka.settings import KafkaSettings
from schemas.errors import BrokerFailed, ConfigurationError, MissingTool

logger = logging.getLogger(__name__)

_POLL_S = 0.05


@asynccontextmanager
async def ensure_broker(settings: KafkaSettings, home: Path) -> AsyncIterator[KafkaSettings]:
    """The settings of a cluster to use: the one they name, else of a broker that runs in this block."""
    if settings.bootstrap_servers is not None:
        yield settings
        return
    async with Broker(home / "kafka", jars_dir=home / "kafka-jars") as broker:
        yield KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


def cluster_of(settings: KafkaSettings, home: Path) -> KafkaSettings:
    """The cluster that `settings` name, else the embedded broker that runs in `home` now."""
    if settings.bootstrap_servers is not None:
        return settings
    address = DataFolder(home / "kafka").address_in_use()
    if address is None:
        raise ConfigurationError(
            setting="KAFKA_BOOTSTRAP_SERVERS",
            reason=f"it names no cluster, and no broker of 'veriaidpo broker' runs in {home}",
        )
    return KafkaSettings(bootstrap_servers=address)


class Broker:
    """One KRaft node on `data_dir`, up inside `async with`, ready when a metadata request answers.

    Its data and port stay with the folder, so a start after any end, kill -9 included, goes on where it
    ended. The broker dies with this process. It can be stopped or killed and started again in the block.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        jars_dir: Path,
        heap: str = "512m",
        listeners: Sequence[Listener] = (),
        properties: Mapping[str, str] | None = None,
        start_timeout_s: float = 60.0,
        stop_timeout_s: float = 20.0,
    ) -> None:
        self._folder = DataFolder(data_dir.resolve())
        self._port = port
        self._host = host
        self._jars_dir = jars_dir.resolve()
        self._heap = heap
        self._listeners = listeners
        self._properties = properties
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._ports: Ports | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._jvm: Jvm | None = None
        self._unfinished: Path | None = None  # a class archive that the broker leaves when it ends

    @property
    def bootstrap_servers(self) -> str:
        if self._ports is None:
            raise RuntimeError("the broker has not been started")
        return f"{self._host}:{self._ports.clients}"

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def log_file(self) -> Path:
        return self._folder.log_file

    async def __aenter__(self) -> Broker:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start on the folder's data and wait until the broker answers."""
        if self.pid is not None:
            return
        program = java()  # before the fetch: no use in jars without it
        jvm = Jvm(program, await kafka_jars(self._jars_dir), self._heap)
        deadline = time.monotonic() + self._start_timeout_s
        with await self._lock(deadline) as lock:
            self._write_settings()
            if not self._folder.is_formatted:
                await self._format(jvm)
            self._run(jvm, lock)
        try:
            await self._wait_until_ready(deadline)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """End the broker in order (SIGTERM), or by SIGKILL where that takes longer than its limit."""
        child = self._child
        if child is None:
            return
        try:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                await asyncio.wait_for(self.wait(), self._stop_timeout_s)
                self._ended_in_order()
        except TimeoutError:
            logger.warning("the broker did not stop within %.0f s: killed", self._stop_timeout_s)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End the broker at once, as kill -9 does."""
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.kill()
        await self.wait()
        self._child = None
        if self._unfinished is not None:
            self._unfinished.unlink(missing_ok=True)

    async def wait(self) -> int:
        """Wait until the broker's process has ended; its exit status."""
        child = self._child
        if child is None:
            raise RuntimeError("the broker does not run")
        while (status := child.poll()) is None:  # noqa: ASYNC110 - a Popen has no event to wait for
            await asyncio.sleep(_POLL_S)
        return status

    async def _lock(self, deadline: float) -> IO[bytes]:
        """The folder's lock. The broker process inherits it, so one that outlives us keeps others out."""
        while True:
            try:
                return self._folder.lock()
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BrokerFailed(
                        reason=f"another broker is running on {self._folder.path}", log=self.log_file
                    ) from None
            await asyncio.sleep(_POLL_S)

    def _write_settings(self) -> None:
        self._ports = self._folder.choose_ports(self._port, self._host)
        self._folder.write_properties(
            server_properties(
                log_dir=self._folder.log_dir,
                host=self._host,
                ports=self._ports,
                listeners=self._listeners,
                properties=self._properties,
            )
        )

    async def _format(self, jvm: Jvm) -> None:
        self._folder.clear_for_format()
        options = ["--standalone", "--cluster-id", new_cluster_id()]
        options += ["--config", str(self._folder.properties_file)]
        command = jvm.command("kafka.tools.StorageTool", "format", *options, log_file=self.log_file)
        self._child = self._spawn(command)
        try:
            if await self.wait() != 0:
                raise self._failure("its data folder could not be formatted")
        finally:
            await self.kill()
        self._folder.mark_formatted()

    def _run(self, jvm: Jvm, lock: IO[bytes]) -> None:
        self._jvm, self._unfinished = jvm, jvm.unfinished_archive()
        settings = str(self._folder.properties_file)
        command = jvm.command("kafka.Kafka", settings, log_file=self.log_file, leave_archive=self._unfinished)
        self._child = self._spawn(command, lock)

    def _ended_in_order(self) -> None:
        if self._jvm is not None and self._unfinished is not None:
            self._jvm.keep(self._unfinished)

    def _spawn(self, command: Sequence[str], *inherited: IO[bytes]) -> subprocess.Popen[bytes]:
        """In a process group of its own: Ctrl-C in a terminal reaches us, and we stop the broker in order."""
        with self._folder.output_file.open("wb") as output:
            return subprocess.Popen(
                dies_with_parent(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder.path,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                process_group=0,
                pass_fds=[file.fileno() for file in inherited],
            )

    async def _wait_until_ready(self, deadline: float) -> None:
        while not await _answers(self.bootstrap_servers):
            if self.pid is None:
                raise self._failure("it ended while starting")
            if time.monotonic() > deadline:
                raise self._failure(f"it was not ready within {self._start_timeout_s:.0f} s")
            await asyncio.sleep(_POLL_S)

    def _failure(self, what: str) -> BrokerFailed | MissingTool:
        cause = self._folder.last_words()
        if "UnsupportedClassVersionError" in cause:
            return MissingTool(tool="Java 17 or later", install=INSTALL_JAVA)
        return BrokerFailed(reason=f"{what}: {cause}", log=self.log_file)


async def _answers(bootstrap_servers: str) -> bool:
    """Whether a metadata request is answered, and names a broker."""
    host, port = bootstrap_servers.rsplit(":", 1)
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False  # before the port is open: aiokafka would log an error for each try
    writer.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
