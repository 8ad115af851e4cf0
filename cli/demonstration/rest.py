"""The same question over REST, as a caller of the legacy routes asks it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from cli.demonstration.examples import Example

TIMEOUT_S = 40.0


@dataclass(frozen=True)
class RestAnswer:
    """What the bridge said; `prediction` is its error code where it refused."""

    example: Example
    status: int
    prediction: str
    elapsed_ms: float


async def ask_over_rest(examples: Sequence[Example], *, bridge_url: str, token: str) -> list[RestAnswer]:
    """Ask one example after another, each over a connection of its own."""
    return [await asyncio.to_thread(_ask, example, bridge_url, token) for example in examples]


def _ask(example: Example, bridge_url: str, token: str) -> RestAnswer:
    body = json.dumps(example.model_dump(include={"text", "model_type", "language"})).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"{bridge_url}/classify", body, headers)  # noqa: S310 - our own bridge, on loopback
    start = time.monotonic()
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            status, said = answer.status, json.load(answer)["prediction"]
    except HTTPError as refused:
        status, said = refused.code, json.load(refused)["detail"]["code"]
    return RestAnswer(example, status, said, (time.monotonic() - start) * 1000)
