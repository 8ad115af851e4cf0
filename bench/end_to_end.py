"""Sentences a second from publish to result, beside the same engine called in a plain offline loop.

Offline runs before and after, so that a machine that slows down does so for both.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time

from bench.figure import Figure
from bench.rig import Rig, sentences
from connectors.model_store import ModelStore
from schemas.taxonomy import MODEL_TYPES
from streams.inference.engine import OnnxEngine
from streams.inference.protocol import Item

RECORDS = 6_000
LOOP_BATCH = 128
TIMEOUT_S = 300.0
TARGET = 0.70


async def measure(rig: Rig) -> list[Figure]:
    """Publishing runs beside the classification, as it does in life, and the clock starts with it."""
    requests = list(
        itertools.islice(zip(itertools.cycle(MODEL_TYPES), itertools.cycle(sentences())), RECORDS)
    )
    await rig.stack.start_worker("--models", "all")
    await rig.stack.until_worker_is_ready()
    before = await asyncio.to_thread(_offline_rate, rig, requests)
    through = await _end_to_end_rate(rig, requests)
    after = await asyncio.to_thread(_offline_rate, rig, requests)
    offline = (before + after) / 2
    return [
        Figure(
            name="end_to_end_share",
            value=through / offline,
            unit="of the offline loop",
            target=TARGET,
            better="higher",
            peer=f"offline {before:.0f} and {after:.0f} sentences/s, end to end {through:.0f}",
        )
    ]


async def _end_to_end_rate(rig: Rig, requests: list[tuple[str, str]]) -> float:
    records = rig.sign(requests)
    start = time.time()
    publishing = asyncio.create_task(rig.produce(records))
    results = await rig.results(len(requests), TIMEOUT_S)
    await publishing
    last_s: float = max(result.timestamp for result in results) / 1000
    return len(results) / (last_s - start)


def _offline_rate(rig: Rig, requests: list[tuple[str, str]]) -> float:
    engine = OnnxEngine(ModelStore(rig.settings.models_dir), os.cpu_count() or 1)
    items = [Item(model_type, text) for model_type, text in requests]
    engine.classify(items[:LOOP_BATCH])
    start = time.perf_counter()
    for first in range(0, len(items), LOOP_BATCH):
        engine.classify(items[first : first + LOOP_BATCH])
    return len(items) / (time.perf_counter() - start)
