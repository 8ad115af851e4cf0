"""Settings come from the environment, under our names or the platform's, and a wrong one is refused."""

from __future__ import annotations

import pytest

from cli.settings import load_settings
from schemas.errors import ConfigurationError


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


def test_value_that_does_not_fit_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIAIDPO_MODE", "a-secret-in-the-wrong-place")
    with pytest.raises(ConfigurationError, match="VERIAIDPO_MODE") as refused:
        load_settings()
    assert "a-secret-in-the-wrong-place" not in str(refused.value)


def test_secrets_are_masked_where_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "k" * 32)
    assert "kkkk" not in repr(load_settings())
