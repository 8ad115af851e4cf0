"""Free TCP ports for servers that are about to start."""

from __future__ import annotations

import random
import socket

# Below Linux's ephemeral range (32768 and up). In that range a client that keeps trying to reach a
# server that is down can be given the server's own port, connect to itself, and keep the server out.
_PORTS = range(20_000, 32_000)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment."""
    for _ in range(1_000):
        port = random.choice(_PORTS)  # noqa: S311 - nothing is kept secret by a port number
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {_PORTS.start} and {_PORTS.stop} on {host}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now; ports in TIME_WAIT count as free, as they do for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
