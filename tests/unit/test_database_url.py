"""Whatever a shared variable calls the database, it is reached the asynchronous way; a password stays out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.settings import load_settings
from connectors.database.engine import Database, Role
from connectors.database.settings import DatabaseSettings
from connectors.database.url import engine_url
from schemas.errors import ConfigurationError

HOME = Path("home")


def url_of(given: str) -> str:
    url = engine_url(DatabaseSettings(url=SecretStr(given)), HOME)
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://u:p@db/main", "postgresql+asyncpg://u:p@db/main"),
        ("postgres://u:p@db:5433/main", "postgresql+asyncpg://u:p@db:5433/main"),
        ("postgresql+psycopg2://u:p@db/main", "postgresql+asyncpg://u:p@db/main"),
        ("postgresql+asyncpg://u:p@db/main", "postgresql+asyncpg://u:p@db/main"),
        ("postgresql://u:p@db/main?sslmode=require", "postgresql+asyncpg://u:p@db/main?ssl=require"),
        ("sqlite:////var/lib/x.db", "sqlite+aiosqlite:////var/lib/x.db"),
    ],
)
def test_the_platforms_url_is_taken_as_it_is(given: str, used: str) -> None:
    assert url_of(given) == used


@pytest.mark.parametrize("given", ["mysql://u:secret@db/main", "secret", "postgresql://u:secret@db:port/x"])
def test_another_database_is_refused_without_its_url_being_repeated(given: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL") as refused:
        url_of(given)
    assert "secret" not in str(refused.value)


def test_without_a_url_it_is_a_file_in_the_home() -> None:
    assert engine_url(DatabaseSettings(), HOME).database == "home/veriaidpo.db"


def test_the_owner_has_a_url_of_its_own_where_one_is_set() -> None:
    settings = DatabaseSettings(
        url=SecretStr("postgresql://sink@db/m"), owner_url=SecretStr("postgresql://o@db/m")
    )
    assert engine_url(settings, HOME, owner=True).username == "o"
    assert engine_url(settings, HOME).username == "sink"
    assert engine_url(settings.model_copy(update={"owner_url": None}), HOME, owner=True).username == "sink"


def test_neither_settings_nor_log_lines_hold_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@db/main")
    settings = load_settings()
    assert settings.database.url is not None
    assert "hunter2" not in repr(settings)
    name = Database(settings.database, HOME, Role.SINK).name
    assert name == "postgresql://db/main"
