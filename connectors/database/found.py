"""What is asked for and what is found, as values: who passes them on needs no database's packages."""

from __future__ import annotations

from datetime import datetime

import msgspec

from schemas.events import Score

MAX_PAGE = 1_000


class ResultQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to find; times are aware, `since` is included and `until` isn't. `label` is its English name."""

    since: datetime | None = None
    until: datetime | None = None
    model_type: str | None = None
    label: str | None = None
    request_id: str | None = None
    limit: int = 50
    cursor: str | None = None
    """Of the page before this one; the other fields have to stay as they were."""


class StoredResult(msgspec.Struct, frozen=True):
    """A result as it is kept; `normalized_text` is None where the tenant's policy keeps no texts."""

    result_id: str
    request_id: str
    tenant_id: str
    model_type: str
    language: str
    prediction: str
    category_id: int
    confidence: float
    scores: tuple[Score, ...]
    model_id: str
    model_version: str
    normalized_text: str | None
    companies: int
    """How many were found in the text."""

    tokens: int
    truncated: bool
    requested_at: datetime
    completed_at: datetime
    stored_at: datetime


class Page(msgspec.Struct, frozen=True):
    """Some results; `next_cursor` None: there are no more."""

    items: tuple[StoredResult, ...]
    next_cursor: str | None
