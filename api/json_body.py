"""Reads a JSON body: size limited while it arrives, shape checked, content never echoed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.caller_errors import InvalidBody, UnsupportedMediaType
from schemas.errors import RequestTooLarge

M = TypeVar("M", bound=BaseModel)

# What is wrong with a field, by pydantic's name for it. Pydantic's own messages may quote the input.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "bị thiếu"),
    "string_type": ("must be a string", "phải là chuỗi ký tự"),
    "string_too_short": ("is too short", "quá ngắn"),
    "string_unicode": ("isn't valid Unicode", "không phải Unicode hợp lệ"),
    "string_too_long": ("is too long", "quá dài"),
    "int_type": ("must be a number", "phải là số"),
    "list_type": ("must be an array", "phải là một mảng"),
    "too_short": ("is empty", "đang trống"),
    "items_or_texts": ("needs either items or texts", "cần items hoặc texts, không phải cả hai"),
    "bool_type": ("must be true or false", "phải là true hoặc false"),
    "literal_error": ("must be one of: {expected}", "phải là một trong các giá trị: {expected}"),
    "model_type": ("must be a JSON object", "phải là một đối tượng JSON"),
    "model_attributes_type": ("must be a JSON object", "phải là một đối tượng JSON"),
    "moment": (
        "must be a time such as 2026-09-01T00:00:00Z",
        "phải là thời điểm dạng 2026-09-01T00:00:00Z",
    ),
    "greater_than_equal": ("must be {ge} or more", "phải từ {ge} trở lên"),
    "less_than_equal": ("must be {le} or less", "không được quá {le}"),
    "string_pattern_mismatch": ("hasn't the form of one", "không đúng định dạng"),
    "extra_forbidden": ("isn't a parameter of this route", "không phải tham số của đường dẫn này"),
    "json_invalid": ("isn't valid JSON", "không phải JSON hợp lệ"),
}
DISCARD_BYTES = 4 * 1024 * 1024
DISCARD_S = 2.0
OTHER_PROBLEM = ("isn't valid", "không hợp lệ")


async def read_json(request: Request, model: type[M], *, max_bytes: int) -> M:
    """The request's body as `model`; UnsupportedMediaType, RequestTooLarge, InvalidBody."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType()
    body = await _read(request, max_bytes)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidBody(fields=field_problems(error)) from None  # the cause holds the input


def field_problems(error: ValidationError) -> list[dict[str, str]]:
    """What is wrong with each field, in both languages; never what stood there."""
    return [
        _problem(one["type"], ".".join(map(str, one["loc"])), one.get("ctx", {}))
        for one in error.errors(include_url=False, include_input=False)
    ]


async def _read(request: Request, max_bytes: int) -> bytes:
    """Keep no more than the limit, whatever content-length says or doesn't say."""
    declared = request.headers.get("content-length", "")
    too_large = declared.isascii() and declared.isdigit() and int(declared[:20]) > max_bytes
    if too_large and "expect" in request.headers:
        raise RequestTooLarge(limit=max_bytes)  # the caller asks first, and hasn't sent anything
    body = bytearray()
    arriving = request.stream()
    if not too_large:
        async for part in arriving:
            body += part
            if len(body) > max_bytes:
                too_large = True
                break
    if too_large:
        await _discard(arriving)
        raise RequestTooLarge(limit=max_bytes)
    return bytes(body)


async def _discard(arriving: AsyncIterator[bytes]) -> None:
    """Let a caller finish sending, within reason: one that is cut off in mid-body never reads the answer."""
    left = DISCARD_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            async for part in arriving:
                left -= len(part)
                if left < 0:
                    return


def _problem(kind: str, field: str, context: Mapping[str, object]) -> dict[str, str]:
    english, vietnamese = PROBLEMS.get(kind, OTHER_PROBLEM)
    # From the model, never from the input.
    limits = {name: context.get(name, "") for name in ("expected", "ge", "le")}
    return {
        "field": field or "body",
        "problem": kind,
        "error": english.format(**limits),
        "error_vi": vietnamese.format(**limits),
    }
