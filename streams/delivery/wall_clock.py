"""The time of day, as records carry it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def now_ms() -> float:
    """Milliseconds since 1970, with fractions."""
    return time.time() * 1000


@lru_cache(maxsize=8)  # a batch's answers are all of one moment
def utc_from_ms(at_ms: float) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
