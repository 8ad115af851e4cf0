"""docs/proxy.md's two blocks, run as they stand there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType, SimpleNamespace

from fastapi import APIRouter, FastAPI

from api.app import PREFIX
from tests.support.pages import block


def proxied_application(url: str | None) -> FastAPI:
    """As the page says, with a router of today that answers `monolith`."""
    environment = {} if url is None else {"VERIAIDPO_URL": url}
    monolith = APIRouter()
    monolith.add_api_route(PREFIX + "/classify", lambda: "monolith", methods=["POST"])
    names = {
        "os": SimpleNamespace(environ=environment),
        "FastAPI": FastAPI,
        "AsyncIterator": AsyncIterator,
        "asynccontextmanager": asynccontextmanager,
        "VeriAIDPOProxy": proxy_module().VeriAIDPOProxy,
        "monolith_router": monolith,
    }
    exec(compile(block("proxy.md", "application"), "docs/proxy.md", "exec"), names)  # noqa: S102 - the page's own code
    app = names["app"]
    assert isinstance(app, FastAPI)
    return app


def proxy_module() -> ModuleType:
    """The page's module."""
    module = ModuleType("veriaidpo_proxy")
    exec(compile(block("proxy.md", "proxy"), "docs/proxy.md", "exec"), module.__dict__)  # noqa: S102 - the page's own code
    return module
