"""The starter models as they are shipped: a label doesn't depend on the company a sentence keeps."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from connectors.model_store import ModelStore
from schemas.taxonomy import MODEL_TYPES
from streams.inference.engine import OnnxEngine
from streams.inference.process import InferenceProcess
from streams.inference.protocol import Classification, Item
from streams.inference.spawn import onnx_child

MODELS = Path(__file__).parents[2] / "models"

SCORES_MAY_MOVE = 2e-3
"""Floating point rounds a sum differently in another shape."""

WIDEST = max(len(model_type.labels) for model_type in MODEL_TYPES.values())

Scores = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine(ModelStore(MODELS / "starter"), threads=2)


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    lines = (MODELS / "probe" / "probe.jsonl").read_text().splitlines()
    return [json.loads(line)["text"] for line in lines]


@pytest.fixture(scope="module")
def in_big_batches(engine: OnnxEngine, sentences: list[str]) -> Scores:
    return classified(engine, sentences, batch=64)


def classified(engine: OnnxEngine, sentences: Sequence[str], batch: int) -> Scores:
    """Each sentence through every head: sentences x model types x labels."""
    scores = np.zeros((len(sentences), len(MODEL_TYPES), WIDEST))
    for first in range(0, len(sentences), batch):
        texts = sentences[first : first + batch]
        outcomes = engine.classify([Item(name, text) for text in texts for name in MODEL_TYPES])
        for place, outcome in enumerate(outcomes):
            assert isinstance(outcome, Classification)
            row, head = divmod(place, len(MODEL_TYPES))
            scores[first + row, head, : len(outcome.scores)] = outcome.scores
    return scores


def assert_same_labels(scores: Scores, others: Scores) -> None:
    assert np.abs(scores - others).max() <= SCORES_MAY_MOVE
    assert (scores.argmax(axis=2) != others.argmax(axis=2)).sum() == 0


def test_labels_of_the_engine_are_those_of_the_fp32_checkpoints(in_big_batches: Scores) -> None:
    fp32 = json.loads(ModelStore(MODELS / "starter").fp32_labels_path.read_text(encoding="utf-8"))
    expected = np.array([fp32[name] for name in MODEL_TYPES]).T
    same = in_big_batches.argmax(axis=2) == expected
    assert same.size >= 5_500
    assert same.mean() >= 0.99
    assert same.mean(axis=0).min() >= 0.98


def test_labels_are_the_same_alone_as_in_big_batches(
    engine: OnnxEngine, sentences: list[str], in_big_batches: Scores
) -> None:
    assert_same_labels(classified(engine, sentences, batch=1), in_big_batches)


@pytest.mark.parametrize("batch", [4, 64])
def test_labels_are_the_same_shuffled(
    engine: OnnxEngine, sentences: list[str], in_big_batches: Scores, batch: int
) -> None:
    order = random.Random(batch).sample(range(len(sentences)), len(sentences))
    shuffled = classified(engine, [sentences[index] for index in order], batch)
    back = np.empty_like(shuffled)
    back[order] = shuffled
    assert_same_labels(back, in_big_batches)


async def test_labels_over_the_pipe_are_the_engines_own(sentences: list[str], in_big_batches: Scores) -> None:
    name = "risk_level"
    head = list(MODEL_TYPES).index(name)
    async with InferenceProcess(onnx_child(MODELS / "starter", threads=2)) as process:
        answers = await process.classify([Item(name, sentence) for sentence in sentences[:100]])
    labels = [answer.category_id for answer in answers if isinstance(answer, Classification)]
    assert labels == in_big_batches[:100, head].argmax(axis=1).tolist()
