"""Runs the application in this process: one event loop, and an end in order on SIGTERM."""

from __future__ import annotations

import logging
import signal
import socket

import uvicorn
from fastapi import FastAPI

from schemas.errors import ConfigurationError

logger = logging.getLogger(__name__)

BACKLOG = 2048
# Longer than pooled clients keep a connection (httpx: 5 s, as uvicorn's own default). Else one is sometimes
# used in the moment in which we close it, and a POST isn't sent again.
KEEP_ALIVE_S = 75


def run_server(app: FastAPI, *, host: str, port: int, grace_s: float) -> None:
    """Serve until SIGTERM or SIGINT: accept nothing more, answer what is open within `grace_s`, return."""
    listener = listen(host, port)
    logger.info("the bridge listens on http://%s:%d", host, listener.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,  # the command's own
            access_log=False,  # it holds paths and queries; api/request_log.py writes the line instead
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(grace_s)),
        )
    )
    # uvicorn raises a signal that it has obeyed once more, for whoever listened before: nobody, so exit 0.
    for signalled in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signalled, lambda *_: None)
    server.run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on; an address that can't be had is the operator's to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            setting="VERIAIDPO_BRIDGE__HOST, VERIAIDPO_BRIDGE__PORT",
            reason=f"can't listen on {host}:{port} ({error.strerror})",
        ) from error
