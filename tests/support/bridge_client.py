"""Callers of the bridge: tokens, and a client that talks to the application without a socket."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from pydantic import SecretStr

from api.app import create_app
from api.gateway import Gateway
from api.limits import SharedLimits
from api.settings import BridgeSettings
from api.stored_results import ResultSearch
from api.tokens import CallerTokens
from schemas.claims.bearer import mint_bearer

SECRET = "a-secret-for-callers-that-is-long-enough"
TENANT = "tenant-1"
TEXT = "Vietcombank chỉ thu thập dữ liệu cá nhân cần thiết."


def caller_token(
    *,
    secret: str = SECRET,
    role: str = "dpo",
    tenant_id: str = TENANT,
    permissions: Sequence[str] = ("processing_activity.read",),
    age_s: int = 0,
    lifetime_s: int = 600,
) -> str:
    return mint_bearer(
        secret=secret,
        subject="user-1",
        role=role,
        tenant_id=tenant_id,
        permissions=permissions,
        now_s=int(time.time()) - age_s,
        lifetime_s=lifetime_s,
    )


def bearer(token: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token or caller_token()}"}


@asynccontextmanager
async def bridge_client(
    gateway: Gateway,
    settings: BridgeSettings | None = None,
    *,
    shared_limits: SharedLimits | None = None,
    result_search: ResultSearch | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        gateway,
        CallerTokens(SecretStr(SECRET)),
        settings or BridgeSettings(),
        shared_limits=shared_limits,
        result_search=result_search,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
        yield client
