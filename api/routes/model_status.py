"""GET /model-status: every model type, from the workers' heartbeats and this bridge's own counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import permitted
from api.bridge import bridge_of
from api.model_status_bodies import (
    Durations,
    LabelStatus,
    ModelStatusResponse,
    ModelTypeStatus,
    ServingWorker,
)
from api.openapi import answer_response, error_responses
from api.presence import Serving
from api.status_examples import MODEL_STATUS
from api.tallies import Tally, percentile
from schemas.claims.bearer import Caller
from schemas.permissions import READ_ANALYTICS
from schemas.taxonomy import MODEL_TYPES, ModelType

router = APIRouter(tags=["models"])


@router.get(
    "/model-status",
    summary="Every model type, who serves it, and how it fares",
    response_model=ModelStatusResponse,
    response_model_exclude_none=True,
    responses={**answer_response(MODEL_STATUS), **error_responses(401, 403, 429, 500)},
)
async def model_status(
    request: Request, caller: Annotated[Caller, Depends(permitted(READ_ANALYTICS))]
) -> Response:
    """Tình trạng của từng mô hình. From memory: the workers' heartbeats, and what this bridge has counted."""
    bridge = bridge_of(request)
    await bridge.limits.charge(caller)
    status = bridge.gateway.status()
    tallies = bridge.gateway.tallies
    body = ModelStatusResponse(
        timestamp=_written(datetime.now(UTC)),
        counted_since=_written(bridge.started_at),
        kafka=status.kafka,
        model_types=[
            _model_type(
                kind, [one for one in status.serving if one.model_type == kind.name], tallies[kind.name]
            )
            for kind in MODEL_TYPES.values()
        ],
    )
    return Response(
        body.model_dump_json(exclude_none=True),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _model_type(kind: ModelType, serving: Sequence[Serving], tally: Tally) -> ModelTypeStatus:
    versions = sorted({one.model_version for one in serving if one.model_version})
    return ModelTypeStatus(
        model_type=kind.name,
        title=kind.title,
        title_vi=kind.title_vi,
        labels=[
            LabelStatus(category_id=label.category_id, label=label.name, label_vi=label.name_vi)
            for label in kind.labels
        ],
        loaded=bool(versions),
        versions=versions,
        workers=[
            ServingWorker(
                worker_id=one.worker_id, ready=one.ready, model_id=one.model_id, version=one.model_version
            )
            for one in sorted(serving, key=lambda one: one.worker_id)
        ],
        answered=tally.answered,
        failed=tally.failed.total(),
        failed_by_code=dict(tally.failed),
        latency_ms=_durations(tally.latencies_ms),
        infer_ms=_durations(tally.infer_ms),
    )


def _durations(values_ms: Sequence[float]) -> Durations | None:
    if not values_ms:
        return None
    return Durations(
        samples=len(values_ms),
        p50=round(percentile(values_ms, 0.5), 3),
        p99=round(percentile(values_ms, 0.99), 3),
    )


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
