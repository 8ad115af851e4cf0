"""Who calls, and what the token lets them do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.bridge import bridge_of
from api.caller_errors import HeaderContradictsToken, MissingToken
from api.errors import request_id_of
from schemas.claims.bearer import Caller
from schemas.errors import PermissionDenied

logger = logging.getLogger(__name__)

bearer_scheme = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="HS256; claims sub, role, tenant_id, permissions. A token that signs events is refused here.",
)


def permitted(permission: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the caller, who holds `permission`; the role is only reported.

    It is a coroutine on purpose: FastAPI runs plain functions in a thread, and a hop costs time.
    """

    async def caller_with_permission(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)],
    ) -> Caller:
        if credentials is None or not credentials.credentials:
            raise MissingToken()
        caller = bridge_of(request).tokens.verify(credentials.credentials)
        _refuse_contradictions(request, caller)
        if permission not in caller.permissions:
            raise PermissionDenied(
                required_permission=permission,
                user_role=caller.role,
                user_permissions=sorted(caller.permissions),
            )
        return caller

    return caller_with_permission


def _refuse_contradictions(request: Request, caller: Caller) -> None:
    """The platform's proxies send these headers beside the token. Only the token is believed, so one that
    says something else is a mistake or a try for another tenant's data: refused, and worth a line in the log.
    """
    for header, claimed in (("X-Tenant-ID", caller.tenant_id), ("X-User-Role", caller.role)):
        if any(value and value != claimed for value in request.headers.getlist(header)):
            # What the header said may be anything, and isn't repeated.
            logger.warning(
                "%s contradicts the token: request_id=%s tenant=%s",
                header,
                request_id_of(request),
                caller.tenant_id,
            )
            raise HeaderContradictsToken(header=header)
