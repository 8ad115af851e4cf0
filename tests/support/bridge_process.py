"""`veriaidpo bridge` as a process of its own, and a client of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from connectors.ports import free_port
from tests.support.bridge_client import SECRET
from tests.support.bridge_stage import BRIDGE_KEY
from tests.support.processes import Process, run_veriaidpo


@asynccontextmanager
async def bridge(
    bootstrap_servers: str, folder: Path, *, env: Mapping[str, str] | None = None, **settings: str
) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A bridge that listens; `settings` are those of VERIAIDPO_BRIDGE__…, `env` any other variables."""
    port = free_port()
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "JWT_SECRET_KEY": SECRET,
        "VERIAIDPO_BRIDGE_KEY_FILE": str(_key_file(folder)),
        **{f"VERIAIDPO_BRIDGE__{name.upper()}": value for name, value in settings.items()},
        **(env or {}),
    }
    async with (
        run_veriaidpo(["bridge", "--port", str(port)], folder, env=variables) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=40) as client,
    ):
        await process.wait_for_line("Application startup complete")
        yield process, client


def _key_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    key_file = folder / "bridge.json"
    key_file.write_text(
        json.dumps(
            {
                "issuer": BRIDGE_KEY.issuer,
                "kid": BRIDGE_KEY.kid,
                "algorithm": BRIDGE_KEY.algorithm,
                "key": BRIDGE_KEY.key,
            }
        )
    )
    return key_file
