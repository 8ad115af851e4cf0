"""One question through the gateway: what a caller sent becomes an event, and its result the legacy answer."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from api.bodies import ClassifyResponse, Language, ProcessingMetadata, SentenceRequest
from api.bridge import bridge_of
from api.errors import request_id_of
from api.hangup import unless_caller_hangs_up
from api.limits import estimated_tokens
from schemas.claims.bearer import Caller
from schemas.content import check_content
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.taxonomy import MODEL_TYPES

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, version 00


async def answer_one(request: Request, caller: Caller, body: SentenceRequest, model_type: str) -> Response:
    """Have `body` classified by `model_type` and wait for the answer, unless the caller hangs up first."""
    bridge = bridge_of(request)
    started = time.perf_counter()
    question = question_of(body.text, model_type, body.language, caller, request_id_of(request))
    await bridge.limits.charge(caller, tokens=estimated_tokens(body.text))
    result = await unless_caller_hangs_up(
        request.receive,
        bridge.gateway.classify(
            question,
            caller,
            deadline_ms=int((time.time() + bridge.deadline_s) * 1e3),
            traceparent=traceparent_of(request),
        ),
    )
    elapsed_ms = (time.perf_counter() - started) * 1e3
    answer = answer_of(question, result)
    if body.include_metadata:
        answer.processing_metadata = _metadata(question, result, elapsed_ms)
    return Response(
        answer.model_dump_json(exclude_none=True),
        media_type="application/json",
        headers={"Server-Timing": _server_timing(result, elapsed_ms)},
    )


def question_of(
    text: str, model_type: str, language: Language, caller: Caller, request_id: str
) -> ClassificationRequest:
    """The event's value; refuses here what a worker would refuse later."""
    question = ClassificationRequest(
        request_id=request_id,
        tenant_id=caller.tenant_id,
        model_type=model_type,
        language=language,
        text=text,
    )
    check_content(question)
    return question


def answer_of(question: ClassificationRequest, result: ClassificationResult) -> ClassifyResponse:
    """The legacy answer, without metadata."""
    return ClassifyResponse(
        prediction=result.prediction,
        confidence=result.confidence,
        category_id=result.category_id,
        model_type=result.model_type,
        language="en" if result.language == "en" else "vi",
        normalized_text=result.normalized_text,
        detected_companies=list(result.detected_companies),
        original_text=question.text,
        processing_metadata=None,
    )


def traceparent_of(request: Request) -> str | None:
    """The caller's trace, where the header is one."""
    given = request.headers.get("traceparent", "")
    return given if TRACEPARENT.fullmatch(given) else None


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
