"""A small real HTTP server in a thread, for what a test's client fetches."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Answer = tuple[int, object]
"""A status and a body: bytes as they are, anything else as JSON."""


@dataclass
class HttpServer:
    """`answer(method, path, body)` may be replaced while it runs; `requests` are the paths asked for."""

    url: str
    answer: Callable[[str, str, bytes], Answer]
    requests: list[str] = field(default_factory=list)


@contextmanager
def http_server(answer: Callable[[str, str, bytes], Answer]) -> Iterator[HttpServer]:
    """The server, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            state.requests.append(self.path)
            status, body = state.answer(self.command, self.path, self.rfile.read(length))
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", content.decode())
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_args: object) -> None:
            """Tests read `requests` instead."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has read enough hangs up
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    state = HttpServer(f"http://127.0.0.1:{server.server_address[1]}", answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class TricklingServer:
    """`connections` counts those it has taken."""

    url: str
    connections: int = 0


@contextmanager
def trickling_server(beginning: bytes) -> Iterator[TricklingServer]:
    """Answers with `beginning`, then a byte every 20 ms for ever: no single read of it ever times out."""
    listener = socket.create_server(("127.0.0.1", 0))
    state = TricklingServer(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    ended = Event()

    def trickle(connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(beginning)
                while not ended.wait(0.02):
                    connection.sendall(b"x")
            except OSError:
                return  # the client has had enough

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # closed
            state.connections += 1
            Thread(target=trickle, args=(connection,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    try:
        yield state
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
