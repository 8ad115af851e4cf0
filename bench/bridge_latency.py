"""What REST costs over the engine: an answer's milliseconds less its own engine time, at 20 a second."""

from __future__ import annotations

import asyncio
import random
import time
from statistics import quantiles

import aiohttp

from bench.figure import Figure
from bench.rig import Rig
from bench.round_trip import round_trips_ms
from cli.demonstration.examples import read_examples
from schemas.codec import Codec
from schemas.events import ClassificationResult

REQUESTS = 1_200
WARM_UP = 900  # 45 s: until then the broker's Java is still being compiled, and the tail is its
ROUND_TRIPS = 400
SEED = 20
RATE = 20.0
P50_TARGET_MS = 10.0
P99_TARGET_MS = 30.0


async def measure(rig: Rig) -> list[Figure]:
    """The example sentences leave on a fixed beat, whether or not the ones before are answered."""
    await rig.stack.start_all()
    headers = {"Authorization": f"Bearer {rig.token()}"}
    async with aiohttp.ClientSession(rig.stack.bridge_url, headers=headers) as client:
        await _ask(client, WARM_UP)
        elapsed_ms = await _ask(client, REQUESTS)
    engine_ms = await _engine_ms(rig)
    bare = quantiles(await round_trips_ms(rig, count=ROUND_TRIPS, rate=RATE), n=100)
    over = sorted(elapsed - engine_ms[request_id] for request_id, elapsed in elapsed_ms.items())
    cuts = quantiles(over, n=100)
    peer = (
        f"the engine's own time for each request, {REQUESTS} at {RATE:g} a second; a bare request and reply "
        f"over Kafka in the same run, engine idle: p50 {bare[49]:.1f}, p99 {bare[98]:.1f} ms"
    )
    return [
        Figure("bridge_over_engine_p50_ms", cuts[49], "ms", P50_TARGET_MS, "lower", peer),
        Figure("bridge_over_engine_p99_ms", cuts[98], "ms", P99_TARGET_MS, "lower", peer),
    ]


async def _ask(client: aiohttp.ClientSession, count: int) -> dict[str, float]:
    """Milliseconds by request id."""
    examples = [example for example in read_examples() if example.malformed is None]
    order = random.Random(SEED)
    start = time.perf_counter()
    asked = []
    for index in range(count):
        await asyncio.sleep(max(0.0, start + index / RATE - time.perf_counter()))
        body = order.choice(examples).model_dump(include={"text", "model_type", "language"})
        asked.append(asyncio.create_task(_one(client, body)))
    return dict(await asyncio.gather(*asked))


async def _one(client: aiohttp.ClientSession, body: dict[str, str]) -> tuple[str, float]:
    start = time.perf_counter()
    async with client.post("/classify", json=body, raise_for_status=True) as answer:
        await answer.read()
        return answer.headers["X-Request-ID"], (time.perf_counter() - start) * 1000


async def _engine_ms(rig: Rig) -> dict[str, float]:
    """Tokenising and inference of each result, by request id."""
    codec = Codec()
    found: dict[str, float] = {}
    for record in await rig.results(WARM_UP + REQUESTS, timeout_s=30):
        result = codec.decode(record.value)
        assert isinstance(result, ClassificationResult)
        found[result.request_id] = result.timings.tokenise_ms + result.timings.infer_ms
    return found
