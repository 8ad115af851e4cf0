"""Databases with our tables, results to put there, and what lies there read without our queries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from pydantic import SecretStr

from connectors.database.engine import Database, Role
from connectors.database.migrate import upgrade
from connectors.database.rows import row_of
from connectors.database.settings import DatabaseSettings
from connectors.database.writing import ResultWriter
from schemas.events import ClassificationResult, Score, Timings

NOWHERE = Path("no-home-needed")
REQUESTED_AT_MS = 1_790_000_000_123  # September 2026
DAY_MS = 86_400_000


def database(url: str, role: Role, **settings: float) -> Database:
    """The database of that URL, in that role."""
    return Database(DatabaseSettings(url=SecretStr(url), **settings), NOWHERE, role)


async def migrated(url: str, home: Path) -> str:
    """The same URL, once its database has our tables."""
    async with Database(DatabaseSettings(url=SecretStr(url)), home, Role.OWNER) as owner:
        await upgrade(owner)
    return url


def result(
    number: int = 0,
    *,
    tenant_id: str = "t1",
    model_type: str = "principles",
    prediction: str = "Purpose limitation",
    confidence: float = 0.75,
    text: str = "[COMPANY] chỉ thu thập số điện thoại khi khách hàng đồng ý.",
    requested_at_ms: int = REQUESTED_AT_MS,
    scores: tuple[Score, ...] | None = None,
) -> ClassificationResult:
    """A result that a worker could have written; the same number is the same result."""
    return ClassificationResult(
        result_id=str(uuid5(NAMESPACE_OID, f"{tenant_id}/{number}")),
        request_id=f"r-{number}",
        tenant_id=tenant_id,
        model_type=model_type,
        language="vi",
        prediction=prediction,
        category_id=number % 8,
        confidence=confidence,
        scores=scores or (Score(0, "Purpose limitation", 0.75), Score(1, "Consent", 0.25)),
        model_id="starter",
        model_version="sha256:" + "0" * 64,
        normalized_text=text,
        detected_companies=("Vietcombank",),
        tokens=20,
        truncated=False,
        timings=Timings(1.0, 0.5, 3.25, 5.0, 4, 0.125),
        requested_at_ms=requested_at_ms,
        completed_at_ms=requested_at_ms + 40,
    )


async def store(url: str, results: Sequence[ClassificationResult]) -> int:
    """Write the results as the sink does; how many were new."""
    async with database(url, Role.SINK) as sink:
        return await ResultWriter(sink).write([row_of(one) for one in results])


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[Database]:
    """The database as a reader of results has it."""
    async with database(url, Role.READER) as reader:
        yield reader
