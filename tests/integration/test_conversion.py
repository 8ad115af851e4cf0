"""Checkpoints go in, a model store comes out, or a refusal that says why; with the real PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from connectors.model_store import ModelStore
from schemas.errors import ConversionRefused
from streams.conversion.verification import verified_agreement
from streams.inference.engine import OnnxEngine
from streams.inference.protocol import Classification, Item
from tests.support.tiny_checkpoints import HIDDEN, random_head, sentences, write_checkpoints

pytestmark = pytest.mark.torch

PROBE = sentences(120)
HEADS = {"regional": random_head("regional", 1), "principles": random_head("principles", 2)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    """Two tiny checkpoints over one encoder, converted."""
    from streams.conversion.convert import convert

    folder = tmp_path_factory.mktemp("conversion")
    checkpoints = write_checkpoints(folder / "checkpoints", HEADS)
    return convert(checkpoints, folder / "tiny", PROBE)


def test_conversion_writes_a_store_that_verifies(store: ModelStore) -> None:
    store.verify()
    assert set(store.models) == {"regional", "principles"}
    assert store.models["regional"].model_id == "tiny/regional"
    assert store.models["regional"].version != store.models["principles"].version


def test_conversion_holds_its_labels_to_fp32_and_to_any_batch(store: ModelStore) -> None:
    assert store.manifest.tried[-1].passed
    assert store.manifest.probe.batches.labels_changed == 0
    found = verified_agreement(store, PROBE)
    assert found.overall >= 0.99
    assert found.overall == pytest.approx(store.manifest.probe.agreement, abs=5e-3)


def test_stock_dynamic_int8_was_tried_first_and_not_taken(store: ModelStore) -> None:
    first, *_, taken = store.manifest.tried
    assert first.scheme == "stock-dynamic-int8"
    assert not first.passed
    assert taken.scheme == store.manifest.encoder.scheme


def test_engine_answers_as_pytorch_does(store: ModelStore) -> None:
    engine = OnnxEngine(store, threads=1)
    fp32 = json.loads(store.fp32_labels_path.read_text(encoding="utf-8"))
    for name in HEADS:
        answers = engine.classify([Item(name, text) for text in PROBE])
        labels = [answer.category_id for answer in answers if isinstance(answer, Classification)]
        assert np.mean(np.array(labels) == fp32[name]) >= 0.98


def test_same_checkpoints_give_the_same_versions(store: ModelStore, tmp_path: Path) -> None:
    from streams.conversion.convert import convert

    again = convert(write_checkpoints(tmp_path / "checkpoints", HEADS), tmp_path / "tiny", PROBE)
    assert {name: model.version for name, model in again.models.items()} == {
        name: model.version for name, model in store.models.items()
    }


def test_another_head_changes_its_own_version_alone(store: ModelStore, tmp_path: Path) -> None:
    from streams.conversion.convert import convert

    heads = {**HEADS, "regional": random_head("regional", 9)}
    other = convert(write_checkpoints(tmp_path / "checkpoints", heads), tmp_path / "tiny", PROBE)
    assert other.models["regional"].version != store.models["regional"].version
    if other.encoder_path.read_bytes() == store.encoder_path.read_bytes():
        assert other.models["principles"].version == store.models["principles"].version


def test_model_that_is_all_near_ties_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    """Its labels differ by less than float32 can hold: no computation repeats another one's."""
    from streams.conversion.convert import convert

    rng = np.random.default_rng(4)
    row = rng.normal(size=HIDDEN).astype(np.float32)
    noise = 2e-7 * rng.normal(size=(3, HIDDEN))
    undecided = (row + noise).astype(np.float32), np.zeros(3, np.float32)
    checkpoints = write_checkpoints(tmp_path / "checkpoints", {"regional": undecided})
    with pytest.raises(ConversionRefused) as refused:
        convert(checkpoints, tmp_path / "out", PROBE)
    for scheme in ("stock-dynamic-int8", "row-int8", "row-int8-mixed", "fp32"):
        assert scheme in refused.value.text
    assert "agree" in refused.value.text
    assert not (tmp_path / "out").exists()
