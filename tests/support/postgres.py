"""A real Postgres for tests: a given one, a container, or Debian's binaries on a temporary folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from connectors.ports import free_port
from tests.support.clusters import container_engine_answers
from tests.support.waiting import eventually

GIVEN = "TEST_DATABASE_URL"
"""Names a server that tests may make databases and roles on, as a superuser."""

IMAGE = "postgres:16"
INSTALLED = Path("/usr/lib/postgresql")
SYSTEM_USER = "postgres"
SUPERUSER = "postgres"


class Postgres:
    """Debian's Postgres on a folder and port of its own, which tests may kill and start again.

    It refuses to run as root: root runs it as the package's own user. The kernel ends it with the tests.
    """

    def __init__(self, *, port: int | None = None) -> None:
        self.port = port or free_port()
        # Not pytest's own folders: they are closed to the user that the server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="veriaidpo-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The superuser's, on the database that every server has."""
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/postgres"

    async def __aenter__(self) -> Postgres:
        if os.geteuid() == 0:
            shutil.chown(self._folder, SYSTEM_USER, SYSTEM_USER)
        options = ("-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        initdb = as_server_user([program("initdb"), "-D", str(self._folder / "data"), *options])
        await asyncio.to_thread(subprocess.run, initdb, check=True, stdout=subprocess.DEVNULL)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(signal.SIGQUIT)
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def start(self) -> None:
        """Start it, again too; returns when it answers."""
        command = [program("postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        command += ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - the fork must come from the loop's own thread
                as_server_user(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        await eventually(self._answers, timeout_s=60, what="Postgres answers")

    async def crash(self) -> None:
        """End it as a crash does: nothing is finished, and the next start recovers from the log."""
        await self._end(signal.SIGQUIT)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            await asyncio.to_thread(process.wait, 30)

    async def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(
                f"Postgres ended: {(self._folder / 'log').read_text(errors='replace')[-2000:]}"
            )
        return await answers(self.url)


@asynccontextmanager
async def running_postgres() -> AsyncIterator[str]:
    """A superuser's URL: TEST_DATABASE_URL's, else a container's where an engine answers, else our own's."""
    if given := os.environ.get(GIVEN):
        yield given
    elif await asyncio.to_thread(container_engine_answers):
        async with postgres_container() as url:
            yield url
    else:
        async with Postgres() as server:
            yield server.url


@asynccontextmanager
async def postgres_container() -> AsyncIterator[str]:
    """The official image; testcontainers removes it at the end."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(IMAGE).with_bind_ports(5432, port)
    container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
    await asyncio.to_thread(container.start)
    try:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{port}/postgres"
        await eventually(lambda: answers(url), timeout_s=60, what=f"{IMAGE} answers")
        yield url
    finally:
        await asyncio.to_thread(container.stop)


async def fresh_database(server_url: str, *, like: str = "template1") -> str:
    """A new database on that server, a copy of `like`; its URL."""
    name = f"t_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
    finally:
        await connection.close()
    return in_database(server_url, name)


async def login_role(database_url: str, *member_of: str) -> str:
    """A new role that may log in and is a member of those; the database's URL for it."""
    name = f"u_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'password'")
        for role in member_of:
            await connection.execute(f"GRANT {role} TO {name}")
    finally:
        await connection.close()
    url = make_url(database_url).set(username=name, password="password")
    return url.render_as_string(hide_password=False)


def in_database(url: str, name: str) -> str:
    """The same server's URL for another database."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def answers(url: str) -> bool:
    """Whether the server takes connections."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def as_server_user(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` as a user whom Postgres accepts, and ends with this process."""
    who = ("--reuid", SYSTEM_USER, "--regid", SYSTEM_USER, "--clear-groups") if os.geteuid() == 0 else ()
    return ["setpriv", *who, "--pdeathsig", "KILL", *command]


def program(name: str) -> str:
    """The newest installed one: Debian keeps them off the path."""
    found = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise RuntimeError(f"no {name} below {INSTALLED}: `make setup` installs Debian's package postgresql")
    return str(found[-1])
