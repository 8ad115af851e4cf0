"""The bridge's application: routes, errors and log around a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.batch import BatchLane
from api.bridge import Bridge
from api.company_list import installed_company_list
from api.errors import install_error_handlers
from api.gateway import Gateway
from api.hangup import CallerGone
from api.limits import RateLimits, SharedLimits
from api.openapi import bare_operation_id, install_openapi, legacy_operation_id
from api.request_log import CALLER_GONE, RequestLog
from api.routes import batch, classify, health, model_status, results
from api.settings import BridgeSettings
from api.stored_results import ResultSearch, StoredResults
from api.tallies import CountedGateway
from api.tokens import CallerTokens

ASSETS = "/docs/assets"
PREFIX = "/api/v1/veriaidpo"
DESCRIPTION = "Phân loại văn bản bảo vệ dữ liệu cá nhân. Classifies sentences about personal data protection."
TAGS = [
    {"name": "classification", "description": "Ask a model about a text."},
    {"name": "models", "description": "What the models can answer, and who serves them."},
    {"name": "results", "description": "What was classified, as it is kept."},
    {"name": "health", "description": "Public."},
]


def create_app(
    gateway: Gateway,
    tokens: CallerTokens,
    settings: BridgeSettings,
    *,
    shared_limits: SharedLimits | None = None,
    result_search: ResultSearch | None = None,
    running: Callable[[], AbstractAsyncContextManager[object]] | None = None,
) -> FastAPI:
    """The application.

    `running` is entered for as long as it serves: the `async with` of the gateway, of `shared_limits`
    (without it this process counts for itself) and of `result_search` (without it GET /results gives 503).
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if running is None:
            yield
            return
        async with running():
            yield

    app = FastAPIOffline(
        title="VeriAIDPO Streams",
        version=service_version(),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        # The stock page loads its scripts from a CDN; and has a public validator look at the document.
        docs_url="/docs",
        redoc_url=None,
        static_url=ASSETS,
        swagger_ui_parameters={"validatorUrl": None},
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[Middleware(RequestLog)],
    )
    app.state.bridge = Bridge(
        gateway=CountedGateway(gateway),
        tokens=tokens,
        deadline_s=settings.deadline_s,
        max_body_bytes=settings.max_body_bytes,
        version=app.version,
        started_at=datetime.now(UTC),
        companies=installed_company_list(),
        batches=BatchLane(settings.max_in_flight),
        limits=RateLimits(
            shared_limits,
            requests_per_minute=settings.requests_per_minute,
            tokens_per_minute=settings.tokens_per_minute,
        ),
        results=StoredResults(result_search, deadline_s=settings.deadline_s),
    )
    for routes in (classify.router, batch.router, model_status.router, results.router, health.router):
        app.include_router(routes, prefix=PREFIX, generate_unique_id_function=legacy_operation_id)
        app.include_router(routes, generate_unique_id_function=bare_operation_id)
    install_error_handlers(app)
    app.add_exception_handler(CallerGone, _nobody_to_answer)
    app.add_exception_handler(ClientDisconnect, _nobody_to_answer)
    install_openapi(app)
    return app


def service_version() -> str:
    """The installed distribution's version; a bare checkout has none."""
    try:
        return installed_version("veriaidpo-streams")
    except PackageNotFoundError:
        return "0"


async def _nobody_to_answer(_: Request, error: Exception) -> Response:
    return Response(status_code=CALLER_GONE)
