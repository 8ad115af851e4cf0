"""GET /health: from memory, whatever is down."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from api.bodies import HealthComponents, HealthResponse, KafkaHealth, ModelTypesHealth, WorkersHealth
from api.bridge import bridge_of
from api.gateway import GatewayStatus
from schemas.taxonomy import MODEL_TYPES

router = APIRouter(tags=["health"])

SERVICE = "veriaidpo"


@router.get(
    "/health",
    summary="Whether requests would be answered just now",
    response_model=HealthResponse,
    response_model_exclude_none=True,
    responses={503: {"model": HealthResponse, "description": "Kafka is away, or no model type is served."}},
)
async def health(request: Request) -> Response:
    """Công khai, không cần token. Public; 200 when healthy or degraded, 503 when unhealthy."""
    bridge = bridge_of(request)
    body = health_of(bridge.gateway.status(), version=bridge.version, now=datetime.now(UTC))
    return Response(
        body.model_dump_json(exclude_none=True),
        status_code=503 if body.status == "unhealthy" else 200,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def health_of(status: GatewayStatus, *, version: str, now: datetime) -> HealthResponse:
    """The public words for the gateway's status."""
    available = [name for name in MODEL_TYPES if status.ready_workers.get(name)]
    workers = WorkersHealth(
        status="unhealthy"
        if not available
        else "healthy"
        if len(available) == len(MODEL_TYPES)
        else "degraded",
        present=status.workers,
        ready_by_model_type=dict(status.ready_workers),
    )
    kafka = KafkaHealth(
        status="healthy" if status.kafka == "up" else "unhealthy",
        state=status.kafka,
        reason=status.reason,
        reason_vi=status.reason_vi,
    )
    return HealthResponse(
        status="unhealthy" if kafka.status == "unhealthy" else workers.status,
        service=SERVICE,
        version=version,
        timestamp=now.isoformat(timespec="milliseconds"),
        components=HealthComponents(
            kafka=kafka,
            workers=workers,
            model_types=ModelTypesHealth(available=available, implemented=list(MODEL_TYPES), planned=[]),
        ),
    )
