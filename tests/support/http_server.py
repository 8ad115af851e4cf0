"""A small real HTTP server in a thread, for what a test's client fetches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = HttpServer(f"http://127.0.0.1:{server.server_address[1]}", answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
