"""POST /classify, and the three routes of old that fix the model type: one text, one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.asking import answer_one
from api.auth import permitted
from api.bodies import ClassifyRequest, ClassifyResponse, SentenceRequest
from api.bridge import bridge_of
from api.examples import answer_examples, classify_examples, sentence_examples
from api.json_body import read_json
from api.openapi import answer_response, error_responses, json_request_body
from schemas.claims.bearer import Caller
from schemas.permissions import CLASSIFY

router = APIRouter(tags=["classification"])

ERRORS = (400, 401, 403, 413, 415, 422, 429, 500, 503, 504)

Classifier = Annotated[Caller, Depends(permitted(CLASSIFY))]

# The legacy routes' names and the model types they stand for.
FIXED: Mapping[str, str] = {
    "classify-legal-basis": "legal_basis",
    "classify-breach-severity": "breach_triage",
    "classify-cross-border": "cross_border",
}


@router.post(
    "/classify",
    summary="Classify one text",
    response_model=ClassifyResponse,
    response_model_exclude_none=True,
    responses={
        **answer_response(answer_examples("principles"), "Server-Timing"),
        **error_responses(*ERRORS),
    },
    openapi_extra=json_request_body(ClassifyRequest, classify_examples()),
)
async def classify(request: Request, caller: Classifier) -> Response:
    """Phân loại một câu. Classify one sentence with the model type asked for, and wait for the answer."""
    body = await read_json(request, ClassifyRequest, max_bytes=bridge_of(request).max_body_bytes)
    return await answer_one(request, caller, body, body.model_type)


def _fixed(model_type: str) -> Callable[[Request, Caller], Awaitable[Response]]:
    async def classify_fixed(request: Request, caller: Classifier) -> Response:
        body = await read_json(request, SentenceRequest, max_bytes=bridge_of(request).max_body_bytes)
        return await answer_one(request, caller, body, model_type)

    return classify_fixed


for _path, _model_type in FIXED.items():
    router.add_api_route(
        f"/{_path}",
        _fixed(_model_type),
        methods=["POST"],
        name=_path.replace("-", "_"),
        summary=f"Classify one text with {_model_type}",
        description=f"Phân loại một câu bằng mô hình {_model_type}. "
        "As `/classify`; a `model_type` in the body is left alone.",
        response_model=ClassifyResponse,
        response_model_exclude_none=True,
        responses={
            **answer_response(answer_examples(_model_type), "Server-Timing"),
            **error_responses(*ERRORS),
        },
        openapi_extra=json_request_body(SentenceRequest, sentence_examples(_model_type)),
    )
