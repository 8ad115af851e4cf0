"""GET /results: what was classified for the caller's tenant, newest first, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from api.auth import permitted
from api.bridge import bridge_of
from api.caller_errors import InvalidQuery
from api.hangup import unless_caller_hangs_up
from api.json_body import field_problems
from api.openapi import answer_response, error_responses, query_parameters
from api.results_bodies import LabelScore, ResultsQuery, ResultsResponse, StoredResultBody
from api.results_examples import QUERY, RESULTS
from connectors.database.found import Page, ResultQuery, StoredResult
from schemas.claims.bearer import Caller
from schemas.permissions import READ_ANALYTICS
from schemas.taxonomy import label_vi
from schemas.taxonomy import model_type as known_model_type

router = APIRouter(tags=["results"])


@router.get(
    "/results",
    summary="What was classified for your tenant",
    response_model=ResultsResponse,
    response_model_exclude_none=True,
    responses={**answer_response(RESULTS), **error_responses(400, 401, 403, 422, 429, 500, 503, 504)},
    openapi_extra=query_parameters(ResultsQuery, QUERY),
)
async def results(
    request: Request, caller: Annotated[Caller, Depends(permitted(READ_ANALYTICS))]
) -> Response:
    """Kết quả đã lưu của đơn vị bạn. The tenant is the token's; a result is here soon after its answer."""
    query = _query_of(request)
    bridge = bridge_of(request)
    await bridge.limits.charge(caller)
    await request.body()  # it has none; what comes next is the disconnect
    page = await unless_caller_hangs_up(request.receive, bridge.results.page(caller.tenant_id, query))
    return Response(
        _body_of(page).model_dump_json(exclude_none=True),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _query_of(request: Request) -> ResultQuery:
    """What the parameters ask for; InvalidQuery, UnknownModelType."""
    try:
        given = ResultsQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise InvalidQuery(fields=field_problems(error)) from None  # the cause holds the input
    if given.model_type is not None:
        known_model_type(given.model_type)
    return ResultQuery(**dict(given))


def _body_of(page: Page) -> ResultsResponse:
    return ResultsResponse(results=[_result(one) for one in page.items], next_cursor=page.next_cursor)


def _result(stored: StoredResult) -> StoredResultBody:
    return StoredResultBody(
        result_id=stored.result_id,
        request_id=stored.request_id,
        model_type=stored.model_type,
        language=stored.language,
        prediction=stored.prediction,
        prediction_vi=label_vi(stored.model_type, stored.category_id),
        category_id=stored.category_id,
        confidence=stored.confidence,
        scores=[
            LabelScore(category_id=one.category_id, label=one.label, score=one.score) for one in stored.scores
        ],
        model_id=stored.model_id,
        model_version=stored.model_version,
        normalized_text=stored.normalized_text,
        companies=stored.companies,
        tokens=stored.tokens,
        truncated=stored.truncated,
        requested_at=_written(stored.requested_at),
        completed_at=_written(stored.completed_at),
        stored_at=_written(stored.stored_at),
    )


def _written(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
