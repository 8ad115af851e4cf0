"""docker-compose.yml and the Dockerfile name only commands, options, variables and files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import build
from cli.settings import known_variables

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if name not in ("kafka", "postgres")}


@pytest.mark.parametrize("name", OURS)
def test_compose_command_parses_as_a_veriaidpo_command(name: str) -> None:
    command = OURS[name]["command"]
    # --help after the rest makes the parser check every word before it and run nothing.
    outcome = CliRunner().invoke(build(command), [*command, "--help"])
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("wrong", [["bridge", "--no-such-option"], ["topics", "no-such-command"]])
def test_compose_command_that_veriaidpo_has_not_would_be_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(build(wrong), [*wrong, "--help"]).exit_code == 2


@pytest.mark.parametrize("name", OURS)
def test_compose_variable_is_one_that_veriaidpo_reads(name: str) -> None:
    assert set(OURS[name]["environment"]) <= known_variables()


def test_dockerfile_variable_is_one_that_veriaidpo_reads() -> None:
    named = set(re.findall(r"\b(VERIAIDPO_\w+|KAFKA_\w+|JWT_\w+)=", DOCKERFILE))
    assert named
    assert named <= known_variables()


def test_dockerfile_copies_only_what_exists_and_runs_as_a_user() -> None:
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(sources).split():
        for role in ("worker", "bridge"):
            assert (ROOT / source.replace("${ROLE}", role)).exists(), source
    assert DOCKERFILE.index("\nUSER veriaidpo") < DOCKERFILE.index("\nENTRYPOINT")


def test_compose_builds_roles_that_have_pinned_requirements() -> None:
    roles = {service["build"]["args"]["ROLE"] for service in OURS.values() if "build" in service}
    assert roles == {"worker", "bridge"}
    for role in roles:
        pinned = (ROOT / "requirements" / f"{role}.txt").read_text(encoding="utf-8")
        assert "--hash=sha256:" in pinned
        assert "://" not in pinned, "a pinned file names no download address"


def test_compose_bridge_listens_on_8001_and_mounts_volumes_that_are_declared() -> None:
    assert any(port.endswith(":8001") for port in COMPOSE["services"]["bridge"]["ports"])
    mounted = {
        volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]
    }
    assert mounted == set(COMPOSE["volumes"])
