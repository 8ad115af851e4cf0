"""GET /health, /livez and /readyz: from memory, whatever is down."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.bridge import bridge_of
from api.company_list import CompanyList
from api.gateway import GatewayStatus
from api.health_bodies import (
    CompanyRegistryHealth,
    DatabaseHealth,
    HealthComponents,
    HealthResponse,
    KafkaHealth,
    LiveResponse,
    ModelLoaderHealth,
    ModelTypesHealth,
    NormalizerHealth,
    RateLimitsHealth,
    ReadyResponse,
    Status,
    WorkersHealth,
)
from api.limits import SharedLimits
from api.openapi import answer_response, unavailable_response
from api.status_examples import ALIVE, HEALTHY, NOT_READY, READY, UNHEALTHY
from api.stored_results import State
from schemas.taxonomy import MODEL_TYPES

router = APIRouter(tags=["health"])

_WORSE: tuple[Status, ...] = ("healthy", "degraded", "unhealthy")
SERVICE = "veriaidpo"


@router.get(
    "/health",
    summary="Whether requests would be answered just now",
    response_model=HealthResponse,
    response_model_exclude_none=True,
    responses={
        **answer_response(HEALTHY),
        **unavailable_response(HealthResponse, "Kafka is away, or no model type is served.", UNHEALTHY),
    },
)
async def health(request: Request) -> Response:
    """Công khai, không cần token. Public; 200 when healthy or degraded, 503 when unhealthy."""
    bridge = bridge_of(request)
    body = health_of(
        bridge.gateway.status(),
        bridge.companies,
        bridge.limits.shared,
        bridge.results.state,
        version=bridge.version,
        now=datetime.now(UTC),
    )
    return _from_memory(body, 503 if body.status == "unhealthy" else 200)


@router.get(
    "/livez",
    summary="Whether the process runs",
    response_model=LiveResponse,
    responses=answer_response(ALIVE),
)
async def livez() -> Response:
    """Tiến trình còn chạy. For a supervisor that restarts what hangs; nothing outside can make it fail."""
    return _from_memory(LiveResponse(status="alive"), 200)


@router.get(
    "/readyz",
    summary="Whether this bridge can be sent requests",
    response_model=ReadyResponse,
    response_model_exclude_none=True,
    responses={
        **answer_response(READY),
        **unavailable_response(ReadyResponse, "This bridge has no connection to Kafka (yet).", NOT_READY),
    },
)
async def readyz(request: Request) -> Response:
    """Sẵn sàng nhận yêu cầu. For a load balancer; whether workers are there is what `/health` says."""
    status = bridge_of(request).gateway.status()
    if status.kafka == "up":
        return _from_memory(ReadyResponse(status="ready"), 200)
    body = ReadyResponse(status="not_ready", reason=status.reason, reason_vi=status.reason_vi)
    return _from_memory(body, 503)


def health_of(
    status: GatewayStatus,
    companies: CompanyList,
    shared_limits: SharedLimits | None,
    database: State,
    *,
    version: str,
    now: datetime,
) -> HealthResponse:
    """The public words for what the bridge knows."""
    kafka = KafkaHealth(
        status="healthy" if status.kafka == "up" else "unhealthy",
        state=status.kafka,
        reason=status.reason,
        reason_vi=status.reason_vi,
    )
    ready = status.ready_workers
    available = [name for name in MODEL_TYPES if ready.get(name)]
    workers = WorkersHealth(
        status=_share(available, MODEL_TYPES), present=status.workers, ready_by_model_type=dict(ready)
    )
    named = {one.model_type for one in status.serving if one.model_version}
    loaded = [name for name in MODEL_TYPES if name in named]
    limits = _rate_limits(shared_limits)
    return HealthResponse(
        status=max((kafka.status, workers.status, limits.status), key=_WORSE.index),
        service=SERVICE,
        version=version,
        timestamp=_written(now),
        components=HealthComponents(
            company_registry=CompanyRegistryHealth(
                status="healthy",
                total_companies=companies.total,
                last_modified=_written(companies.last_modified),
            ),
            text_normalizer=NormalizerHealth(status="healthy" if available else "unhealthy"),
            model_loader=ModelLoaderHealth(status=_share(loaded, available or MODEL_TYPES), loaded=loaded),
            model_types=ModelTypesHealth(available=available, implemented=list(MODEL_TYPES), planned=[]),
            kafka=kafka,
            workers=workers,
            rate_limits=limits,
            database=DatabaseHealth(state=database),
        ),
    )


def _rate_limits(shared: SharedLimits | None) -> RateLimitsHealth:
    if shared is None:
        return RateLimitsHealth(status="healthy", counted_in="process", failed_open=0)
    return RateLimitsHealth(
        status="healthy" if shared.up else "degraded", counted_in="redis", failed_open=shared.failed_open
    )


def _share(there: Iterable[str], wanted: Iterable[str]) -> Status:
    found = set(there) & set(wanted)
    if not found:
        return "unhealthy"
    return "healthy" if found == set(wanted) else "degraded"


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _from_memory(body: BaseModel, status_code: int) -> Response:
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=status_code,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
