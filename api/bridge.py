"""What every route of one bridge shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from api.batch import BatchLane
from api.company_list import CompanyList
from api.limits import RateLimits
from api.stored_results import StoredResults
from api.tallies import CountedGateway
from api.tokens import CallerTokens


@dataclass(frozen=True)
class Bridge:
    """The gateway to the workers, the callers' tokens, and what a caller meets."""

    gateway: CountedGateway
    tokens: CallerTokens
    deadline_s: float
    max_body_bytes: int
    version: str
    started_at: datetime
    companies: CompanyList
    batches: BatchLane
    limits: RateLimits
    results: StoredResults


def bridge_of(request: Request) -> Bridge:
    """The bridge that serves this request."""
    bridge = request.app.state.bridge
    assert isinstance(bridge, Bridge)  # noqa: S101 - create_app put it there
    return bridge
