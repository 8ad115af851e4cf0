"""Errors as callers see them: one body for all, `{"detail": {code, error, error_vi, request_id, ...}}`."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.caller_errors import MethodNotAllowed, MissingToken, NotFound
from api.languages import prefers_vietnamese
from schemas.errors import (
    BadRecord,
    Internal,
    RequestTooLarge,
    Unauthenticated,
    UnknownModelType,
    VeriAIDPOError,
)
from schemas.taxonomy import MODEL_TYPES

logger = logging.getLogger(__name__)

# What a caller may read of an error's details; everything else stays inside. None of them ever holds a text.
PUBLIC_DETAILS = (
    "fields",
    "header",
    "limit",
    "limited_by",
    "model_type",
    "required_permission",
    "user_permissions",
    "user_role",
)
# What a worker may refuse because of what the caller sent. The bridge wrote the record: any other refusal is
# its own fault, not the caller's.
CALLERS_FAULTS = frozenset({"EMPTY_TEXT", "TEXT_TOO_LONG", "UNSUPPORTED_LANGUAGE", "UNKNOWN_MODEL_TYPE"})


def install_error_handlers(app: FastAPI) -> None:
    """Give every failure of `app` the one body; what nobody foresaw is left to the request log."""
    app.add_exception_handler(VeriAIDPOError, _answer_typed)
    app.add_exception_handler(HTTPException, _answer_routing)


def error_response(error: VeriAIDPOError, request_id: str, caller_headers: Headers) -> JSONResponse:
    """The answer for one error, with the headers that belong to its status."""
    vietnamese_first = prefers_vietnamese(caller_headers.get("accept-language", ""))
    headers = {
        "Content-Language": "vi, en" if vietnamese_first else "en, vi",
        "Vary": "Accept-Language",
    }
    if isinstance(error, RequestTooLarge):
        headers["Connection"] = "close"  # or the server would go on reading what nobody wants
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _challenge(error)
    detail = error_detail(error, request_id, vietnamese_first=vietnamese_first)
    return JSONResponse({"detail": detail}, status_code=error.http_status, headers=headers)


def error_detail(
    error: VeriAIDPOError, request_id: str, *, vietnamese_first: bool = False
) -> dict[str, object]:
    """One error's part of a body: both languages always, the one that the caller reads before the other."""
    detail: dict[str, object] = {
        "code": error.code,
        "error": error.text,
        "error_vi": error.text_vi,
        "request_id": request_id,
    }
    detail |= {name: _plain(error.details[name]) for name in PUBLIC_DETAILS if name in error.details}
    if isinstance(error, UnknownModelType):
        detail["available_model_types"] = list(MODEL_TYPES)
    if error.retry_after_s is not None:
        detail["retry_after_s"] = error.retry_after_s
    return _vietnamese_first(detail) if vietnamese_first else detail


def as_callers_see(error: VeriAIDPOError, request_id: str) -> VeriAIDPOError:
    """A worker's refusal of what the bridge wrote is no fault of the caller's: logged, and told as ours."""
    if isinstance(error, BadRecord) and error.http_status < 500 and error.code not in CALLERS_FAULTS:
        logger.error("a worker refused our own record: request_id=%s code=%s", request_id, error.code)
        return Internal(exception=error.code)
    return error


def request_id_of(request: Request) -> str:
    """The id that the request log gave this request."""
    return str(request.scope["state"]["request_id"])


async def _answer_typed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VeriAIDPOError)  # noqa: S101 - registered for this class
    request_id = request_id_of(request)
    return error_response(as_callers_see(error, request_id), request_id, request.headers)


async def _answer_routing(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own: no such path, no such method; anything else it may raise is ours to explain."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    typed: VeriAIDPOError
    if error.status_code == NotFound.http_status:
        typed = NotFound()
    elif error.status_code == MethodNotAllowed.http_status:
        typed = MethodNotAllowed()
    else:
        typed = Internal(exception=f"HTTP{error.status_code}")
    response = error_response(typed, request_id_of(request), request.headers)
    response.headers.update({name: value for name, value in (error.headers or {}).items() if name == "Allow"})
    return response


def _challenge(error: Unauthenticated) -> str:
    """RFC 6750: no error code where no token was sent, `invalid_token` where one was refused."""
    if isinstance(error, MissingToken):
        return 'Bearer realm="veriaidpo"'
    return 'Bearer realm="veriaidpo", error="invalid_token"'


def _vietnamese_first(part: object) -> dict[str, object]:
    """The same object with every `error_vi` right before its `error`; JSON keeps the order of names."""
    assert isinstance(part, dict)  # noqa: S101 - a detail, or one of its fields
    ordered: dict[str, object] = {}
    for name, value in part.items():
        if name == "error" and "error_vi" in part:
            ordered["error_vi"] = part["error_vi"]
        ordered[name] = [_vietnamese_first(one) for one in value] if name == "fields" else value
    return ordered


def _plain(value: object) -> object:
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, Iterable):
        return [_plain(part) for part in value]
    return str(value)
