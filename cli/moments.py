"""Moments as an operator writes them: 2026-11-20T08:00:00+07:00, or how long ago (90m, 12h, 14d)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

FORMS = (
    "a time with its zone (2026-11-20T08:00:00+07:00, 2026-11-20T01:00:00Z), or how long ago (90m, 12h, 14d)"
)


def moment_ms(text: str, *, now: datetime) -> int:
    """Epoch milliseconds; ValueError where it isn't one of the forms. A time without a zone is two times."""
    ago = _AGO.fullmatch(text.strip())
    try:
        moment = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except OverflowError as error:
        raise ValueError("too long ago") from error
    if moment.tzinfo is None:
        raise ValueError("it has no zone")
    return int(moment.timestamp() * 1000)


def utc_text(time_ms: int | None) -> str:
    """For people and programs: RFC 3339 in UTC; empty where there is no such moment."""
    if time_ms is None:
        return ""
    try:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # others' numbers: the year may be anything
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
