"""How a command begins: with its settings, and with logs as they ask for."""

from __future__ import annotations

import logging

from cli.settings import Settings, load_settings


def begin() -> Settings:
    """The settings; ConfigurationError where they can't be used."""
    settings = load_settings()
    logging.getLogger().setLevel(settings.log_level)
    # It reports each failed connection, many a second while a broker is away: our own errors say it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings
