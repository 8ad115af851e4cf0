"""A development installation: random, private, made once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.installation import (
    BRIDGE_ISSUER,
    PUBLISHER_ISSUER,
    Installation,
    development_installation,
)
from connectors.publishing.keys import read_signing_key
from schemas.errors import ClaimsForbidden, ConfigurationError
from tests.support.claims import REPLY, admit, issuers_in, signed_record


async def test_both_development_issuers_sign_what_the_issuer_list_verifies(tmp_path: Path) -> None:
    made = development_installation(tmp_path / "home")
    issuers = await issuers_in(made.issuers_file)

    assert issuers.names == (BRIDGE_ISSUER, PUBLISHER_ISSUER)
    admit(signed_record(signing_key=read_signing_key(made.publisher_key)), issuers)
    admit(signed_record(signing_key=read_signing_key(made.bridge_key), reply=None), issuers)
    with pytest.raises(ClaimsForbidden, match="reply topic"):
        admit(signed_record(signing_key=read_signing_key(made.bridge_key), reply=REPLY), issuers)


def test_files_are_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)  # another command may have made it first
    development_installation(home)

    modes = {str(path.relative_to(home)): path.stat().st_mode & 0o777 for path in home.rglob("*")}
    assert modes == {
        "issuers.json": 0o600,
        "jwt-secret": 0o600,
        "keys": 0o700,
        "keys/bridge.json": 0o600,
        "keys/publisher.json": 0o600,
    }
    assert home.stat().st_mode & 0o777 == 0o700


def test_keys_are_random_per_installation_and_never_the_same(tmp_path: Path) -> None:
    secrets = set()
    for name in ("a", "b"):
        made = development_installation(tmp_path / name)
        secrets |= {made.jwt_secret, *(json.loads(path.read_text())["key"] for path in _keys(made))}
        assert made.jwt_secret not in repr(made)

    assert len(secrets) == 6
    assert all(len(secret) >= 32 for secret in secrets)


def test_asking_again_changes_nothing(tmp_path: Path) -> None:
    first = development_installation(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    assert development_installation(tmp_path) == first
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


async def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    home = tmp_path / "home"

    assert len(_secrets_of_processes_started_at_once(home)) == 1
    made = development_installation(home)
    issuers = await issuers_in(made.issuers_file)
    admit(signed_record(signing_key=read_signing_key(made.publisher_key)), issuers)
    assert not list(home.rglob(".*"))


def test_a_list_that_no_longer_belongs_to_its_keys_is_named(tmp_path: Path) -> None:
    made = development_installation(tmp_path)
    made.bridge_key.unlink()

    with pytest.raises(ConfigurationError, match=r"issuers\.json"):
        development_installation(tmp_path)


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    made = development_installation(tmp_path)
    made.bridge_key.write_text("{}")

    with pytest.raises(ConfigurationError, match=r"bridge\.json"):
        development_installation(tmp_path)


def _secrets_of_processes_started_at_once(home: Path) -> set[str]:
    script = (
        "import sys; from pathlib import Path; from connectors.installation import development_installation;"
        "sys.stdin.read(); print(development_installation(Path(sys.argv[1])).jwt_secret)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert all(process.returncode == 0 for process in started)
    return answers


def _keys(made: Installation) -> list[Path]:
    return [made.bridge_key, made.publisher_key]
