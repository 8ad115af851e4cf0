"""`veriaidpo bridge` starts only with its keys, and imports only what a bridge needs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands.bridge import bridge
from schemas.errors import ConfigurationError

HEAVY = ("faust", "onnxruntime", "numpy", "torch", "tokenizers", "confluent_kafka", "sqlalchemy", "redis")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("JWT_SECRET_KEY", "VERIAIDPO_MODE", "VERIAIDPO_BRIDGE_KEY_FILE", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VERIAIDPO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")


def test_production_without_a_secret_for_callers_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        bridge()
    assert caught.value.details["setting"] == "JWT_SECRET_KEY"


def test_a_secret_under_32_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "x" * 31)
    with pytest.raises(ConfigurationError) as caught:
        bridge()
    assert caught.value.details["setting"] == "JWT_SECRET_KEY"
    assert "xxx" not in str(caught.value)


def test_production_without_a_key_to_sign_events_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "x" * 32)
    with pytest.raises(ConfigurationError) as caught:
        bridge()
    assert caught.value.details["setting"] == "VERIAIDPO_BRIDGE_KEY_FILE"


def test_one_key_for_callers_and_events_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = "x" * 40
    key_file = tmp_path / "bridge.json"
    key = {"issuer": "bridge", "kid": "b-1", "algorithm": "HS256", "key": secret}
    key_file.write_text(json.dumps(key))
    monkeypatch.setenv("JWT_SECRET_KEY", secret)
    monkeypatch.setenv("VERIAIDPO_BRIDGE_KEY_FILE", str(key_file))
    with pytest.raises(ConfigurationError, match="never share") as caught:
        bridge()
    assert "xxx" not in str(caught.value)


def test_no_cluster_named_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_MODE", "development")
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    with pytest.raises(ConfigurationError) as caught:
        bridge()
    assert caught.value.details["setting"] == "KAFKA_BOOTSTRAP_SERVERS"


def test_a_port_that_is_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_MODE", "development")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="listen"):
        bridge(port=taken.getsockname()[1])


def test_the_command_imports_nothing_heavy() -> None:
    program = f"import sys, cli.commands.bridge; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_address_of_redis_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_MODE", "development")
    monkeypatch.setenv("REDIS_URL", "redis.internal:6379")
    with pytest.raises(ConfigurationError) as caught:
        bridge()
    assert caught.value.details["setting"] == "REDIS_URL"
