"""Who calls, and what the token lets them do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.bridge import bridge_of
from api.errors import MissingToken
from schemas.claims.bearer import Caller
from schemas.errors import PermissionDenied

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
        if permission not in caller.permissions:
            raise PermissionDenied(
                required_permission=permission,
                user_role=caller.role,
                user_permissions=sorted(caller.permissions),
            )
        return caller

    return caller_with_permission
