"""A search without a database: a bench for GET /results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.database.found import Page, ResultQuery, StoredResult
from schemas.events import Score

ASKED_AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
CURSOR = "AAZQ" + "x" * 28


class FakeResults:
    """Finds all that is the tenant's, whatever is asked for; remembers what was; fails when told to."""

    def __init__(self, results: Sequence[StoredResult] = (), next_cursor: str | None = None) -> None:
        self.asked: list[tuple[str, ResultQuery]] = []
        self.failure: Exception | None = None
        self._results = results
        self._next_cursor = next_cursor

    async def search(self, tenant_id: str, query: ResultQuery) -> Page:
        self.asked.append((tenant_id, query))
        if self.failure is not None:
            raise self.failure
        return Page(tuple(one for one in self._results if one.tenant_id == tenant_id), self._next_cursor)


def stored(tenant_id: str, *, text: str | None = "[COMPANY] chỉ thu thập số điện thoại.") -> StoredResult:
    """A result as the database gives it."""
    return StoredResult(
        result_id="5f0c2f5e-6a0b-5f3a-9a53-1f0e6f1f7c11",
        request_id=f"of-{tenant_id}",
        tenant_id=tenant_id,
        model_type="legal_basis",
        language="vi",
        prediction="Consent",
        category_id=0,
        confidence=0.93,
        scores=(Score(0, "Consent", 0.93), Score(1, "Contract Performance", 0.07)),
        model_id="starter",
        model_version="sha256:" + "0" * 64,
        normalized_text=text,
        companies=1,
        tokens=21,
        truncated=False,
        requested_at=ASKED_AT,
        completed_at=ASKED_AT,
        stored_at=ASKED_AT,
    )
