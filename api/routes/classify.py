"""POST /classify: one text, one model type, one answer."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.auth import permitted
from api.bodies import EXAMPLES, ClassifyRequest, ClassifyResponse, Language, ProcessingMetadata
from api.bridge import bridge_of
from api.errors import request_id_of
from api.hangup import unless_caller_hangs_up
from api.json_body import read_json
from api.openapi import error_responses, json_request_body
from schemas.claims.bearer import Caller
from schemas.content import check_content
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.permissions import CLASSIFY
from schemas.taxonomy import MODEL_TYPES

router = APIRouter(tags=["classification"])

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, version 00


@router.post(
    "/classify",
    summary="Classify one text",
    response_model=ClassifyResponse,
    response_model_exclude_none=True,
    responses=error_responses(400, 401, 403, 413, 415, 422, 500, 503, 504),
    openapi_extra=json_request_body(ClassifyRequest, EXAMPLES),
)
async def classify(request: Request, caller: Annotated[Caller, Depends(permitted(CLASSIFY))]) -> Response:
    """Phân loại một câu. Classify one sentence with the model type asked for, and wait for the answer."""
    bridge = bridge_of(request)
    body = await read_json(request, ClassifyRequest, max_bytes=bridge.max_body_bytes)
    started = time.perf_counter()
    question = _question(body, caller, request_id_of(request))
    result = await unless_caller_hangs_up(
        request.receive,
        bridge.gateway.classify(
            question,
            caller,
            deadline_ms=int((time.time() + bridge.deadline_s) * 1e3),
            traceparent=_traceparent(request),
        ),
    )
    elapsed_ms = (time.perf_counter() - started) * 1e3
    answer = _answer(question, result, elapsed_ms if body.include_metadata else None)
    return Response(
        answer.model_dump_json(exclude_none=True),
        media_type="application/json",
        headers={"Server-Timing": _server_timing(result, elapsed_ms)},
    )


def _question(body: ClassifyRequest, caller: Caller, request_id: str) -> ClassificationRequest:
    """The event's value; refuses here what a worker would refuse later."""
    question = ClassificationRequest(
        request_id=request_id,
        tenant_id=caller.tenant_id,
        model_type=body.model_type,
        language=body.language,
        text=body.text,
    )
    check_content(question)
    return question


def _answer(
    question: ClassificationRequest, result: ClassificationResult, elapsed_ms: float | None
) -> ClassifyResponse:
    language: Language = "en" if result.language == "en" else "vi"
    return ClassifyResponse(
        prediction=result.prediction,
        confidence=result.confidence,
        category_id=result.category_id,
        model_type=result.model_type,
        language=language,
        normalized_text=result.normalized_text,
        detected_companies=list(result.detected_companies),
        original_text=question.text,
        processing_metadata=None if elapsed_ms is None else _metadata(question, result, elapsed_ms),
    )


def _metadata(
    question: ClassificationRequest, result: ClassificationResult, elapsed_ms: float
) -> ProcessingMetadata:
    return ProcessingMetadata(
        processing_time_ms=round(elapsed_ms, 3),
        normalization_applied=result.normalized_text != question.text,
        companies_detected=len(result.detected_companies),
        model_categories=list(MODEL_TYPES[question.model_type].label_names),
        timestamp=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def _server_timing(result: ClassificationResult, elapsed_ms: float) -> str:
    """Where the time went, in the header that browsers and load tools read."""
    timings = result.timings
    parts = {
        "total": elapsed_ms,
        "worker": timings.total_ms,
        "queue": timings.queue_ms,
        "tokenise": timings.tokenise_ms,
        "infer": timings.infer_ms,
    }
    return ", ".join(f"{name};dur={duration_ms:.2f}" for name, duration_ms in parts.items())


def _traceparent(request: Request) -> str | None:
    given = request.headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None
