"""GET /metrics, beside the event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, start_http_server

from schemas.errors import ConfigurationError

log = logging.getLogger(__name__)

PORT_SETTING = "VERIAIDPO_WORKER__METRICS_PORT"
HOST_SETTING = "VERIAIDPO_WORKER__METRICS_HOST"


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, *, host: str, port: int | None) -> AsyncIterator[None]:
    """Answer scrapes in threads of their own for as long as the block runs; `port` None: don't.

    Raises ConfigurationError where nobody can listen there. A scrape shares the interpreter with the loop and
    nothing else: the loop never waits for one, and a scraper that hangs holds one thread, which ends with the
    process.
    """
    if port is None:
        yield
        return
    try:
        server, thread = await asyncio.to_thread(start_http_server, port, addr=host, registry=registry)
    except OSError as error:
        raise _refusal(host, port, error) from error
    log.info("metrics at http://%s:%d/metrics", host, server.server_port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await asyncio.to_thread(thread.join)


def _refusal(host: str, port: int, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            setting=PORT_SETTING,
            reason=f"port {port} on {host} is taken; choose another, or end what listens there",
            reason_vi=f"cổng {port} trên {host} đã có chương trình khác dùng; hãy chọn cổng khác",
        )
    if error.errno == errno.EACCES:
        return ConfigurationError(
            setting=PORT_SETTING,
            reason=f"this user may not listen on port {port}; choose one from 1024 on",
            reason_vi=f"người dùng này không được mở cổng {port}; hãy chọn cổng từ 1024 trở lên",
        )
    return ConfigurationError(
        setting=HOST_SETTING,
        reason=f"{host} is no address of this machine ({type(error).__name__}); 0.0.0.0 is all of them",
        reason_vi=f"{host} không phải địa chỉ của máy này; 0.0.0.0 là mọi địa chỉ",
    )
