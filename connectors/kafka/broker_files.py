"""What the embedded broker keeps on disk: its settings, ports, lock and log."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connectors.ports import free_port, is_free
from schemas.errors import BrokerFailed
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES, MAX_REQUEST_BYTES


@dataclass(frozen=True)
class Listener:
    """A further address of the broker, such as one with SASL; how it authenticates is in `properties`."""

    name: str
    security_protocol: str
    port: int


@dataclass(frozen=True)
class Ports:
    clients: int
    controller: int


def server_properties(
    *,
    log_dir: Path,
    host: str,
    ports: Ports,
    listeners: Sequence[Listener] = (),
    properties: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """A one-node KRaft cluster's server.properties; `properties` are added and win."""
    addresses = {"PLAINTEXT": ports.clients, **{each.name: each.port for each in listeners}}
    advertised = [f"{name}://{host}:{port}" for name, port in addresses.items()]
    protocols = ["CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT"]
    protocols += [f"{each.name}:{each.security_protocol}" for each in listeners]
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join([*advertised, f"CONTROLLER://127.0.0.1:{ports.controller}"]),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(protocols),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(log_dir),
        # Topics are declared (`veriaidpo topics create`): a mistyped name is an error, not a new topic.
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(MAX_REQUEST_BYTES + DEAD_LETTER_HEADROOM_BYTES),
        # One node: nothing to replicate to, and few internal partitions, so that it is quickly up.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "8",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A hanging transaction holds up read_committed consumers for at most a minute (Kafka's own: 15).
        "transaction.max.timeout.ms": "60000",
        # After a kill -9 the controller refuses the broker's return until its old session is over (Kafka's
        # own: 9 s). Both live in one process here, so a short session says nothing about a network.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),  # Kafka's own takes 128 MB of the heap
        **(properties or {}),
    }


class DataFolder:
    """The folder of one broker: `log/` is Kafka's own, the rest says how to start on it again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log_dir = path / "log"
        self.log_file = path / "broker.log"
        self.output_file = path / "broker.out"
        self.properties_file = path / "server.properties"
        self._ports_file = path / "ports.json"
        self._formatted = path / "formatted"

    @property
    def is_formatted(self) -> bool:
        return self._formatted.exists()

    def lock(self) -> IO[bytes]:
        """An open file that holds the folder; a child that inherits it goes on holding it.

        Raises BlockingIOError while another broker holds it.
        """
        # Topics hold what people wrote about people: nobody else on this machine reads them here.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._locked(fcntl.LOCK_EX)

    def choose_ports(self, port: int | None, host: str) -> Ports:
        """The given port, else the one this data had before where it is still free, else a free one.

        The data's controller port may change as well: the quorum of a `--standalone` format takes it up.
        """
        if port is not None and not is_free(port, host):
            raise BrokerFailed(reason=f"port {port} is in use on {host}", log=self.log_file)
        before = self._ports_before()
        clients = port
        if clients is None:
            clients = before.clients if before and is_free(before.clients, host) else free_port(host)
        controller = before.controller if before and is_free(before.controller) else free_port()
        while controller == clients:
            controller = free_port()
        ports = {"host": host, "clients": clients, "controller": controller}
        _write(self._ports_file, json.dumps(ports))
        return Ports(clients, controller)

    def address_in_use(self) -> str | None:
        """Where the broker that runs on this folder listens; None while none does."""
        if not self._ports_file.exists():
            return None
        try:
            # Shared: two that ask at once must not take each other for a broker.
            self._locked(fcntl.LOCK_SH).close()
        except BlockingIOError:
            ports = json.loads(self._ports_file.read_text())
            return f"{ports['host']}:{ports['clients']}"
        return None

    def write_properties(self, properties: Mapping[str, str]) -> None:
        lines = [f"{name}={value}\n" for name, value in properties.items()]
        _write(self.properties_file, "".join(lines))

    def clear_for_format(self) -> None:
        """Away with what an interrupted format left: no broker has ever run on it."""
        shutil.rmtree(self.log_dir, ignore_errors=True)

    def mark_formatted(self) -> None:
        self._formatted.touch()

    def last_words(self) -> str:
        """The line that most likely says why the broker ended."""
        said: list[str] = []
        for file in (self.log_file, self.output_file):
            if file.exists():
                said += file.read_text(errors="replace").splitlines()[-200:]
        telling = [line for line in said if "Exception" in line or " ERROR " in line or "Error:" in line]
        return (telling or said or ["it said nothing"])[-1].strip()

    def _locked(self, kind: int) -> IO[bytes]:
        file = (self.path / "lock").open("ab")
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        return file

    def _ports_before(self) -> Ports | None:
        try:
            ports = json.loads(self._ports_file.read_text())
            return Ports(int(ports["clients"]), int(ports["controller"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _write(path: Path, content: str) -> None:
    """The file appears whole and is never for others to read: a JAAS line may carry a password."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    draft.rename(path)


def new_cluster_id() -> str:
    """Sixteen random bytes as Kafka writes them; never a leading dash, which its tools read as an option."""
    while True:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster_id.startswith("-"):
            return cluster_id
