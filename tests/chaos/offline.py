"""What the same engine says of the same texts without Kafka, workers or faults."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.companies import CompanyRegistry
from schemas.events import ClassificationRequest
from schemas.taxonomy import MODEL_TYPES
from streams.inference.constant import ConstantEngine
from streams.inference.protocol import Classification, Engine, Item
from streams.normalisation import Normaliser
from tests.chaos.ledger import Answer

BATCH = 64


def engine_of(name: str, models_dir: Path) -> Engine:
    """The engine that a worker started with `--engine NAME` has in its child."""
    if name == "constant":
        return ConstantEngine()
    from connectors.model_store import ModelStore
    from streams.inference.engine import OnnxEngine

    return OnnxEngine(ModelStore(models_dir), os.cpu_count() or 1)


@dataclass(frozen=True)
class OfflineRun:
    """The answers by request id, and how many texts a second they took."""

    answers: Mapping[str, Answer]
    rate: float


def run_offline(requests: Iterable[ClassificationRequest], engine: Engine) -> OfflineRun:
    """Ask about each text once for each model type that it is sent to."""
    normalise = Normaliser(CompanyRegistry.load_seed()).normalise
    items = {
        request.request_id: Item(request.model_type, normalise(request.text).text) for request in requests
    }
    distinct = list(dict.fromkeys(items.values()))
    answers: dict[Item, Answer] = {}
    began_s = time.perf_counter()
    for first in range(0, len(distinct), BATCH):
        batch = distinct[first : first + BATCH]
        for item, outcome in zip(batch, engine.classify(batch), strict=True):
            assert isinstance(outcome, Classification), outcome
            label = MODEL_TYPES[item.model_type].labels[outcome.category_id]
            answers[item] = Answer(item.model_type, outcome.category_id, label.name, item.text)
    rate = len(distinct) / (time.perf_counter() - began_s)
    return OfflineRun({request_id: answers[item] for request_id, item in items.items()}, rate)
