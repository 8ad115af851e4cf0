"""Settings come from the environment, under our names or the platform's, and a wrong one is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cli.begin import begin
from cli.codec import codec_of
from cli.settings import load_settings
from schemas.errors import ConfigurationError, RegistryUnavailable
from schemas.events import ClassificationRequest


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "JWT_SECRET_KEY", "JWT_ALGORITHM", "VERIAIDPO_MODE"):
        monkeypatch.delenv(name, raising=False)


def test_production_is_the_default_mode() -> None:
    assert load_settings().mode == "production"


def test_platform_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092,two:9092")
    monkeypatch.setenv("JWT_SECRET_KEY", "k" * 32)
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "one:9092,two:9092"
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == "k" * 32


def test_our_name_wins_over_the_platform_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "platform:9092")
    monkeypatch.setenv("VERIAIDPO_KAFKA__BOOTSTRAP_SERVERS", "ours:9092")
    assert load_settings().kafka.bootstrap_servers == "ours:9092"


def test_unknown_variable_of_ours_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_KAFKA__SECURTY_PROTOCOL", "SSL")
    with pytest.raises(ConfigurationError, match="VERIAIDPO_KAFKA__SECURTY_PROTOCOL"):
        load_settings()


def test_variable_in_lower_case_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("veriaidpo_kafka", "{not json")
    with pytest.raises(ConfigurationError, match="veriaidpo_kafka"):
        load_settings()


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VERIAIDPO_HOME", "VERIAIDPO_SCHEMA_REGISTRY__URL", "VERIAIDPO_KAFKA__SASL_PASSWORD"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert settings.home == Path(".veriaidpo")
    assert settings.schema_registry.url is None
    assert settings.kafka.sasl_password is None


def test_registrys_user_needs_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_SCHEMA_REGISTRY__USERNAME", "veriaidpo")
    with pytest.raises(ConfigurationError, match="VERIAIDPO_SCHEMA_REGISTRY"):
        load_settings()
    monkeypatch.setenv("VERIAIDPO_SCHEMA_REGISTRY__PASSWORD", "kkkk")
    assert "kkkk" not in repr(load_settings())


def test_codec_asks_the_registry_that_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    request = ClassificationRequest("r", "t", "principles", "vi", "x")
    assert codec_of(load_settings()).encode(request)[:2] == b"\xc3\x01"
    monkeypatch.setenv("VERIAIDPO_SCHEMA_REGISTRY__URL", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable):
        codec_of(load_settings()).encode(request)


def test_every_command_logs_as_settings_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    level = logging.getLogger().level
    monkeypatch.setenv("VERIAIDPO_LOG_LEVEL", "ERROR")
    try:
        assert begin().log_level == "ERROR"
        assert logging.getLogger().level == logging.ERROR
    finally:
        logging.getLogger().setLevel(level)


def test_value_that_does_not_fit_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_MODE", "a-secret-in-the-wrong-place")
    with pytest.raises(ConfigurationError, match="VERIAIDPO_MODE") as refused:
        load_settings()
    assert "a-secret-in-the-wrong-place" not in str(refused.value)


def test_secrets_are_masked_where_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "k" * 32)
    assert "kkkk" not in repr(load_settings())
