"""Apache Kafka's jars from Maven Central, fetched once."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connectors.child_process import dies_with_parent
from schemas.errors import BrokerFailed, MissingTool

logger = logging.getLogger(__name__)

_PACKAGED = Path(__file__).resolve().parent / "deploy"  # where a wheel puts the tree's deploy/kafka
DEPLOY_DIR = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).resolve().parents[2] / "deploy" / "kafka"
INSTALL_MAVEN = "apt-get install maven"
_FETCH_TIMEOUT_S = 300.0


async def kafka_jars(cache_dir: Path, pom: Path = DEPLOY_DIR / "pom.xml") -> Path:
    """The folder of the jars that `pom` names; fetched on the first call, then found.

    The folder's name is the pom's digest and it appears by a rename when the fetch is through, so a fetch
    that was interrupted is made again, and a changed pom gets a folder of its own.
    """
    jars = _folder(cache_dir, pom)
    if not _is_there(jars):
        async with _locked(cache_dir / "lock"):  # two first starts at once: one fetches, the other waits
            if not _is_there(jars):
                await _fetch(pom, jars)
    return jars


def _folder(cache_dir: Path, pom: Path) -> Path:
    cache_dir.mkdir(parents=True, exist_ok=True)
    return cache_dir / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]


def _is_there(jars: Path) -> bool:
    return jars.is_dir()


async def _fetch(pom: Path, jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingTool(tool="Maven", install=INSTALL_MAVEN)
    logger.info("fetching Apache Kafka's jars from Maven Central into %s", jars)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=jars.parent) as unfinished:
        target = Path(unfinished) / "jars"
        command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command.append(f"-DoutputDirectory={target}")
        output = await _run(command, timeout_s=_FETCH_TIMEOUT_S)
        if output is not None:
            log = jars.parent / "maven.log"
            log.write_text(output)
            raise BrokerFailed(reason=f"Maven could not fetch its jars: {_first_error(output)}", log=log)
        target.rename(jars)


async def _run(command: list[str], timeout_s: float) -> str | None:
    """None when the command succeeded, else what it printed."""
    child = await asyncio.create_subprocess_exec(
        *dies_with_parent(command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # so that what it starts can be ended with it
    )
    try:
        printed, _ = await asyncio.wait_for(child.communicate(), timeout_s)
    except TimeoutError:
        return f"no answer within {timeout_s:.0f} s"
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    return None if child.returncode == 0 else printed.decode(errors="replace")


def _first_error(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "ERROR" in line), lines[0] if lines else "no output")


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold an advisory lock on `path`; the kernel releases it when this process ends, however it ends."""
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.1)
        yield
