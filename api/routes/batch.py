"""POST /batch-classify: up to a thousand texts, each with its own answer or its own error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID, uuid5

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import JsonValue, ValidationError

from api.asking import answer_of, question_of, traceparent_of
from api.auth import permitted
from api.batch import Outcome
from api.batch_bodies import (
    MAX_BATCH_BYTES,
    MAX_ITEM_ID_CHARS,
    MAX_ITEMS,
    BatchItem,
    BatchRequest,
    BatchResponse,
)
from api.bridge import Bridge, bridge_of
from api.caller_errors import BatchTooLarge, InvalidBody
from api.errors import as_callers_see, error_detail, request_id_of
from api.examples import batch_answer_examples, batch_examples
from api.hangup import unless_caller_hangs_up
from api.json_body import field_problems, read_json
from api.languages import prefers_vietnamese
from api.limits import estimated_tokens
from api.openapi import answer_response, error_responses, json_request_body
from schemas.claims.bearer import Caller
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult
from schemas.permissions import CLASSIFY
from schemas.taxonomy import model_type as known_model_type

T = TypeVar("T")

router = APIRouter(tags=["classification"])


@dataclass(frozen=True)
class _Entry:
    """One item as it came: a question, or what is wrong with it."""

    id: str | int | None
    request_id: str
    question: ClassificationRequest | VeriAIDPOError


@router.post(
    "/batch-classify",
    summary="Classify up to 1,000 texts",
    response_model=BatchResponse,
    response_model_exclude_none=True,
    responses={
        **answer_response(batch_answer_examples()),
        **error_responses(400, 401, 403, 413, 415, 422, 429, 500),
    },
    openapi_extra=json_request_body(BatchRequest, batch_examples()),
)
async def batch_classify(
    request: Request, caller: Annotated[Caller, Depends(permitted(CLASSIFY))]
) -> Response:
    """Phân loại nhiều câu. Classify sentences and wait for all of them; what fails, fails alone.

    Câu trả lời theo đúng thứ tự gửi. Answers come in order; the status is 200 even where items have failed.
    """
    bridge = bridge_of(request)
    body = await read_json(request, BatchRequest, max_bytes=MAX_BATCH_BYTES)
    if len(body.entries) > MAX_ITEMS:
        raise BatchTooLarge(limit=MAX_ITEMS)
    known_model_type(body.model_type)  # the whole batch's: an item that names another has its own error
    started = time.perf_counter()
    request_id = request_id_of(request)
    entries = [
        _entry(one, body, caller, str(uuid5(UUID(request_id), str(index))))
        async for index, one in _unhurried(body.entries)
    ]
    texts = [one.question.text for one in entries if isinstance(one.question, ClassificationRequest)]
    await bridge.limits.charge(caller, tokens=sum(map(estimated_tokens, texts)))
    outcomes = await unless_caller_hangs_up(
        request.receive, _outcomes(bridge, entries, caller, traceparent_of(request))
    )
    vietnamese_first = prefers_vietnamese(request.headers.get("accept-language", ""))
    results = [
        {"index": index, **_told(entry, outcome, vietnamese_first=vietnamese_first)}
        async for index, (entry, outcome) in _unhurried(list(zip(entries, outcomes, strict=True)))
    ]
    succeeded = sum("result" in result for result in results)
    answer = {
        "results": results,
        "total": len(results),
        "succeeded": succeeded,
        "failed": len(results) - succeeded,
        "processing_time_ms": round((time.perf_counter() - started) * 1e3, 3),
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


async def _unhurried(values: Sequence[T]) -> AsyncIterator[tuple[int, T]]:
    """Enumerate, and let others have the event loop in between: a batch takes tens of milliseconds of it."""
    for index, value in enumerate(values):
        if index % 25 == 24:
            await asyncio.sleep(0)
        yield index, value


def _entry(given: JsonValue, batch: BatchRequest, caller: Caller, request_id: str) -> _Entry:
    try:
        item = BatchItem.model_validate(given)
        question = question_of(
            item.text,
            batch.model_type if item.model_type is None else item.model_type,
            item.language or batch.language,
            caller,
            request_id,
        )
    except ValidationError as error:
        return _Entry(_id_of(given), request_id, InvalidBody(fields=field_problems(error)))
    except VeriAIDPOError as error:
        return _Entry(_id_of(given), request_id, error)
    return _Entry(item.id, request_id, question)


def _id_of(given: JsonValue) -> str | int | None:
    """The id of an item that is otherwise wrong, where at least that can be read."""
    given_id = given.get("id") if isinstance(given, dict) else None
    if isinstance(given_id, str) and len(given_id) <= MAX_ITEM_ID_CHARS:
        return given_id
    return given_id if type(given_id) is int else None


async def _outcomes(
    bridge: Bridge, entries: Sequence[_Entry], caller: Caller, traceparent: str | None
) -> list[Outcome]:
    """What became of each entry, in order; the batch as a whole has as long as a single request."""
    deadline_ms = int((time.time() + bridge.deadline_s) * 1e3)

    async def ask(question: ClassificationRequest) -> ClassificationResult:
        return await bridge.gateway.classify(
            question, caller, deadline_ms=deadline_ms, traceparent=traceparent
        )

    questions = [one.question for one in entries if isinstance(one.question, ClassificationRequest)]
    answered = iter(await bridge.batches.ask_all(questions, ask, timeout_s=bridge.deadline_s))
    return [one.question if isinstance(one.question, VeriAIDPOError) else next(answered) for one in entries]


def _told(entry: _Entry, outcome: Outcome, *, vietnamese_first: bool) -> dict[str, object]:
    told: dict[str, object] = {} if entry.id is None else {"id": entry.id}
    told["request_id"] = entry.request_id
    if isinstance(outcome, VeriAIDPOError):
        error = as_callers_see(outcome, entry.request_id)
        told["error"] = error_detail(error, entry.request_id, vietnamese_first=vietnamese_first)
    else:
        assert isinstance(entry.question, ClassificationRequest)  # noqa: S101 - it has been answered
        told["result"] = answer_of(entry.question, outcome).model_dump(exclude_none=True)
    return told
