"""Errors as callers see them: one body for all, `{"detail": {code, error, error_vi, request_id, ...}}`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import ClassVar

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from schemas.errors import (
    BadRecord,
    CallerError,
    Internal,
    InvalidRequest,
    RequestTooLarge,
    Unauthenticated,
    UnknownModelType,
    VeriAIDPOError,
)
from schemas.taxonomy import MODEL_TYPES

logger = logging.getLogger(__name__)

# What a caller may read of an error's details; everything else stays inside. None of them ever holds a text.
PUBLIC_DETAILS = ("fields", "limit", "model_type", "required_permission", "user_permissions", "user_role")
# What a worker may refuse because of what the caller sent. The bridge wrote the record: any other refusal is
# its own fault, not the caller's.
CALLERS_FAULTS = frozenset({"EMPTY_TEXT", "TEXT_TOO_LONG", "UNSUPPORTED_LANGUAGE", "UNKNOWN_MODEL_TYPE"})


class MissingToken(Unauthenticated):
    """The request carries no bearer token at all."""

    message: ClassVar[str] = "There is no bearer token. Send 'Authorization: Bearer …'."
    message_vi: ClassVar[str] = "Thiếu bearer token. Hãy gửi 'Authorization: Bearer …'."


class InvalidBody(InvalidRequest):
    """The body hasn't the shape of its route (details: fields)."""

    message: ClassVar[str] = "The body hasn't the shape of this route: see `fields`."
    message_vi: ClassVar[str] = "Nội dung không đúng cấu trúc của đường dẫn này: xem `fields`."


class NotFound(CallerError):
    """No route has this path."""

    code: ClassVar[str] = "NOT_FOUND"
    http_status: ClassVar[int] = 404
    message: ClassVar[str] = "There is no such route."
    message_vi: ClassVar[str] = "Không có đường dẫn này."


class MethodNotAllowed(CallerError):
    """The route exists, for another method."""

    code: ClassVar[str] = "METHOD_NOT_ALLOWED"
    http_status: ClassVar[int] = 405
    message: ClassVar[str] = "This route doesn't take this method."
    message_vi: ClassVar[str] = "Đường dẫn này không nhận phương thức này."


class UnsupportedMediaType(CallerError):
    """The body isn't declared as JSON."""

    code: ClassVar[str] = "UNSUPPORTED_MEDIA_TYPE"
    http_status: ClassVar[int] = 415
    message: ClassVar[str] = "Send the body as application/json."
    message_vi: ClassVar[str] = "Hãy gửi nội dung dưới dạng application/json."


def install_error_handlers(app: FastAPI) -> None:
    """Give every failure of `app` the one body; what nobody foresaw is left to the request log."""
    app.add_exception_handler(VeriAIDPOError, _answer_typed)
    app.add_exception_handler(HTTPException, _answer_routing)


def error_response(error: VeriAIDPOError, request_id: str) -> JSONResponse:
    """The answer for one error, with the headers that belong to its status."""
    headers: dict[str, str] = {}
    if isinstance(error, RequestTooLarge):
        headers["Connection"] = "close"  # or the server would go on reading what nobody wants
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = _challenge(error)
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
    return JSONResponse({"detail": detail}, status_code=error.http_status, headers=headers)


def request_id_of(request: Request) -> str:
    """The id that the request log gave this request."""
    return str(request.scope["state"]["request_id"])


async def _answer_typed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VeriAIDPOError)  # noqa: S101 - registered for this class
    request_id = request_id_of(request)
    if isinstance(error, BadRecord) and error.http_status < 500 and error.code not in CALLERS_FAULTS:
        logger.error("a worker refused our own record: request_id=%s code=%s", request_id, error.code)
        error = Internal(exception=error.code)
    return error_response(error, request_id)


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
    response = error_response(typed, request_id_of(request))
    response.headers.update({name: value for name, value in (error.headers or {}).items() if name == "Allow"})
    return response


def _challenge(error: Unauthenticated) -> str:
    """RFC 6750: no error code where no token was sent, `invalid_token` where one was refused."""
    if isinstance(error, MissingToken):
        return 'Bearer realm="veriaidpo"'
    return 'Bearer realm="veriaidpo", error="invalid_token"'


def _plain(value: object) -> object:
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, Iterable):
        return [_plain(part) for part in value]
    return str(value)
