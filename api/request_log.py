"""The outermost layer: an id for every request, one line when it ends, and an answer when all else fails.

Plain ASGI rather than Starlette's `BaseHTTPMiddleware`, which hides a caller's hanging up from the route.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_response
from schemas.errors import Internal

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = b"x-request-id"
CALLER_GONE = 499  # nginx's number for it: the caller hung up, so nobody sees this status


class RequestLog:
    """Wraps the application; the line holds the route's template, never the path, query, body or token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # Ours always: a caller's own id, sent twice, would make two requests one result.
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())],
                }
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            _log_unexpected(request_id, error)
            if status is None:
                answer = error_response(
                    Internal(exception=type(error).__name__), request_id, Headers(scope=scope)
                )
                await answer(scope, receive, send_with_id)
        finally:
            logger.info(
                "request id=%s method=%s route=%s status=%s ms=%.1f",
                request_id,
                scope["method"] if scope["method"] in _METHODS else "OTHER",
                _route(scope),
                status or CALLER_GONE,
                (time.perf_counter() - started) * 1e3,
            )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _log_unexpected(request_id: str, error: Exception) -> None:
    # Frames without the exception's message: a message may quote the value that it is about.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("unexpected %s: request_id=%s\n%s", type(error).__name__, request_id, frames)
