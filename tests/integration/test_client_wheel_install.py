"""veriaidpo-client as a publishing service gets it: built, installed alone, used as its page says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clusters import PROJECT, Kafka
from tests.support.pages import block
from tests.support.real_worker import real_worker, write_key_file

ROOMS = {"api", "bench", "cli", "connectors", "schemas", "streams", "tests"}
NOT_FOR_PUBLISHERS = {"faust", "fastapi", "numpy", "onnxruntime", "pydantic", "rich", "typer"}
# As `python -m asyncio` reads it: `async with` may stand at the top.
RUN_PAGE = """
import ast, asyncio, sys
code = compile(sys.stdin.read(), "docs/publish.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(eval(code))
"""


@dataclass(frozen=True)
class Distribution:
    wheel: Path
    sdist: Path
    python: Path
    """An interpreter of an environment that holds the wheel and what it needs, nothing else."""


async def run(*command: str | Path, stdin: str = "", cwd: Path = PROJECT, timeout_s: float = 120) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=environment,
    )
    stdout, stderr = await asyncio.wait_for(process.communicate(stdin.encode()), timeout_s)
    assert process.returncode == 0, f"{command}: {stdout.decode()}{stderr.decode()}"
    return stdout.decode()


@pytest.fixture(scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    folder = tmp_path_factory.mktemp("client")
    uv: Sequence[str] = (sys.executable, "-m", "uv")
    # Without --wheel or --sdist the wheel is built from the source distribution: both are proved.
    await run(*uv, "build", "--quiet", PROJECT / "clients" / "python", "--out-dir", folder / "dist")
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    await run(*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    await run(*uv, "pip", "install", "--quiet", "--python", python, wheel)
    return Distribution(wheel, sdist, python)


async def test_wheel_holds_one_package_with_its_schemas_types_and_licence(installed: Distribution) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"veriaidpo_client"}
    for needed in ("py.typed", "LICENSE", "schemas/avro/ClassificationRequest.avsc", "publishing/client.py"):
        assert f"veriaidpo_client/{needed}" in names
    assert any(name.startswith("veriaidpo_client/schemas/avro/released/1/") for name in names)


async def test_it_needs_four_packages_and_has_the_services_version(installed: Distribution) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    needed = re.findall(r"^Requires-Dist: ([A-Za-z0-9_-]+)", metadata, re.M)
    assert sorted(name.lower() for name in needed) == ["aiokafka", "fastavro", "msgspec", "pyjwt"]
    service = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert f"\nVersion: {service['version']}\n" in metadata


def test_readme_of_the_client_says_what_the_page_says() -> None:
    readme = (PROJECT / "clients" / "python" / "README.md").read_text()
    shown = re.findall(r"```python\n(.*?)\n```", readme, re.S)[0].splitlines()
    page = block("publish.md", "example: five lines").splitlines()
    assert [line for line in shown if line not in page] == []


async def test_source_distribution_builds_without_the_service_beside_it(installed: Distribution) -> None:
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "veriaidpo_client/schemas/codec.py" in names
    assert "hatch_build.py" in names


async def test_no_general_name_lands_in_site_packages_and_the_service_is_not_needed(
    installed: Distribution,
) -> None:
    site = "import sysconfig, os; print(*os.listdir(sysconfig.get_path('purelib')))"
    found = set((await run(installed.python, "-c", site)).split())
    assert "veriaidpo_client" in found
    assert not found & (ROOMS | NOT_FOR_PUBLISHERS)


async def test_every_module_of_the_client_imports_alone(installed: Distribution, tmp_path: Path) -> None:
    script = (
        "import importlib, pkgutil, sys, veriaidpo_client as c;"
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(c.__path__, 'veriaidpo_client.')];"
        f"print(sorted({ROOMS!r} & set(sys.modules)))"
    )
    assert (await run(installed.python, "-c", script, cwd=tmp_path)).strip() == "[]"


@pytest.mark.kafka
async def test_five_lines_of_the_page_publish_and_get_the_workers_answer(
    installed: Distribution, kafka: Kafka, tmp_path: Path
) -> None:
    lines = block("publish.md", "example: five lines")
    assert len([line for line in lines.splitlines() if line.strip()]) == 5
    write_key_file(tmp_path / "keys" / "tickets.json")
    lines = lines.replace("localhost:9092", kafka.bootstrap_servers)
    folder = tmp_path / "worker"
    folder.mkdir()
    async with real_worker(kafka.bootstrap_servers, folder, ["principles"], clients=["tickets"]):
        printed = await run(installed.python, "-c", RUN_PAGE, stdin=lines, cwd=tmp_path)
    prediction, _, confidence = printed.strip().rpartition(" ")
    assert prediction
    assert 0 < float(confidence) <= 1
