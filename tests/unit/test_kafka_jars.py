"""Kafka's jars are fetched whole, once, whoever else starts at the same time."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from connectors.kafka.jars import kafka_jars
from schemas.errors import BrokerFailed, MissingTool

# Stands in for Maven: notes each call, then does what `$MVN_DOES` says.
MAVEN = """#!/bin/sh
echo call >> "$MVN_CALLS"
for argument; do case "$argument" in -DoutputDirectory=*) target="${argument#*=}";; esac; done
mkdir -p "$target"
echo jar > "$target/kafka.jar"
eval "$MVN_DOES"
"""


class Maven:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._calls = folder / "calls"
        self._monkeypatch = monkeypatch
        program = folder / "bin" / "mvn"
        program.parent.mkdir()
        program.write_text(MAVEN)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        monkeypatch.setenv("MVN_CALLS", str(self._calls))
        self.does("true")

    def does(self, command: str) -> None:
        self._monkeypatch.setenv("MVN_DOES", command)

    @property
    def calls(self) -> int:
        return len(self._calls.read_text().splitlines()) if self._calls.exists() else 0


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maven:
    return Maven(tmp_path, monkeypatch)


@pytest.fixture
def pom(tmp_path: Path) -> Path:
    file = tmp_path / "pom.xml"
    file.write_text("<project/>")
    return file


async def test_two_starts_at_once_fetch_once(tmp_path: Path, maven: Maven, pom: Path) -> None:
    maven.does("sleep 0.3")
    first, second = await asyncio.gather(
        kafka_jars(tmp_path / "jars", pom), kafka_jars(tmp_path / "jars", pom)
    )
    assert first == second
    assert [jar.name for jar in first.iterdir()] == ["kafka.jar"]
    assert maven.calls == 1
    assert await kafka_jars(tmp_path / "jars", pom) == first
    assert maven.calls == 1


async def test_a_fetch_that_fails_says_why_and_is_made_again(tmp_path: Path, maven: Maven, pom: Path) -> None:
    maven.does("echo '[ERROR] Could not transfer artifact: no route to host'; exit 1")
    with pytest.raises(BrokerFailed, match="no route to host"):
        await kafka_jars(tmp_path / "jars", pom)
    maven.does("true")
    assert (await kafka_jars(tmp_path / "jars", pom)).is_dir()
    assert maven.calls == 2


async def test_a_fetch_that_is_interrupted_leaves_nothing_that_looks_whole(
    tmp_path: Path, maven: Maven, pom: Path
) -> None:
    maven.does("sleep 60")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(kafka_jars(tmp_path / "jars", pom), 0.5)
    maven.does("true")
    assert (await kafka_jars(tmp_path / "jars", pom) / "kafka.jar").exists()


async def test_another_pom_gets_jars_of_its_own(tmp_path: Path, maven: Maven, pom: Path) -> None:
    other = tmp_path / "other.xml"
    await asyncio.to_thread(other.write_text, "<project>other</project>")
    before = await kafka_jars(tmp_path / "jars", pom)
    assert await kafka_jars(tmp_path / "jars", other) != before
    assert maven.calls == 2


async def test_without_maven_the_error_says_what_to_install(
    tmp_path: Path, pom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt-get install maven"):
        await kafka_jars(tmp_path / "jars", pom)
