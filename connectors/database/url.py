"""A database's URL as SQLAlchemy's async engine takes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from connectors.database.settings import DatabaseSettings
from schemas.errors import ConfigurationError

EMBEDDED_FILE: Final = "veriaidpo.db"
# Whatever driver a shared variable names, ours is the one for this event loop.
DRIVERS: Final[Mapping[str, str]] = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
}


def engine_url(settings: DatabaseSettings, home: Path, *, owner: bool = False) -> URL:
    """The owner's or the services'; ConfigurationError for a database that we don't speak."""
    named = settings.owner_url if owner and settings.owner_url is not None else settings.url
    if named is None:
        return URL.create(DRIVERS["sqlite"], database=str(home / EMBEDDED_FILE))
    try:
        url = make_url(named.get_secret_value())
        driver = DRIVERS[url.drivername.partition("+")[0]]
    except (ArgumentError, ValueError, KeyError):
        # Not quoted: a URL holds a password.
        raise ConfigurationError(
            setting="DATABASE_URL", reason="it begins with neither postgresql:// nor sqlite://"
        ) from None
    return _in_asyncpgs_words(url.set(drivername=driver))


def _in_asyncpgs_words(url: URL) -> URL:
    """libpq's `sslmode` is its `ssl`."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(query=query)
