"""The shipped models answer as their fp32 checkpoints did; a stock int8 of the same weights would not.

That the engine's labels are those of fp32, and don't depend on the batch, is held in
test_inference_starter.py; that `models verify` finds the same, in test_model_store_commands.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from tokenizers import Tokenizer

from connectors.model_store import ModelStore
from schemas.errors import ModelsDamaged
from schemas.taxonomy import MODEL_TYPES
from streams.conversion.checks import Batches, Invariance, Limits, Scores, invariance
from streams.conversion.probe import read_probe
from streams.conversion.runner import EncoderRunner, heads_of, tokenised
from streams.conversion.verification import quality, read_held_out, verified_agreement
from tests.support.stock_dynamic import as_float, as_stock_dynamic

MODELS = Path(__file__).parents[2] / "models"
LIMITS = Limits()


@pytest.fixture(scope="module")
def store() -> ModelStore:
    return ModelStore(MODELS / "starter")


@pytest.fixture(scope="module")
def probe() -> list[str]:
    return read_probe(MODELS / "probe" / "probe.jsonl")


def test_starter_set_has_all_model_types_with_their_labels(store: ModelStore) -> None:
    assert {name: model.labels for name, model in store.models.items()} == {
        name: tuple(label.name for label in kind.labels) for name, kind in MODEL_TYPES.items()
    }


def test_starter_set_takes_30_to_60_megabytes(store: ModelStore) -> None:
    assert 30e6 < sum(stored.bytes for stored in store.manifest.files) < 60e6


def test_labels_of_stock_dynamic_int8_of_the_same_weights_depend_on_the_batch(
    store: ModelStore, probe: list[str]
) -> None:
    stock = as_stock_dynamic(onnx.load(store.encoder_path))
    found = varied(store, EncoderRunner(stock.SerializeToString()), probe[::10])
    assert found.changed_elsewhere > 0
    assert not found.passes(LIMITS)


def test_labels_of_float_products_of_the_same_weights_do_not(store: ModelStore, probe: list[str]) -> None:
    """So what fails above is the quantiser, not the way back to float products."""
    exact = as_float(onnx.load(store.encoder_path))
    assert "MatMulInteger" not in {node.op_type for node in exact.graph.node}
    found = varied(store, EncoderRunner(exact.SerializeToString()), probe[::10])
    assert found.passes(LIMITS), found


def varied(store: ModelStore, runner: EncoderRunner, probe: Sequence[str]) -> Invariance:
    tokenizer = Tokenizer.from_file(str(store.tokenizer_path))
    sentences = tokenised(tokenizer, probe, store.max_tokens)
    heads = heads_of(store)

    def score(batches: Batches) -> Scores:
        return heads.scores(runner.pooled(sentences, batches))

    alone = score([[index] for index in range(len(sentences))])
    return invariance(score, [len(ids) for ids in sentences], alone, LIMITS)


def test_labels_recorded_on_other_sentences_are_not_compared(store: ModelStore, probe: list[str]) -> None:
    with pytest.raises(ModelsDamaged, match="probe sentences"):
        verified_agreement(store, probe[:-1])


def test_model_card_states_the_quality_that_is_measured(store: ModelStore) -> None:
    found = quality(store, read_held_out(MODELS / "quality" / "held_out.jsonl"))
    assert set(found) == set(MODEL_TYPES)
    card = (store.folder / "README.md").read_text(encoding="utf-8")
    for name, measured in found.items():
        shares = f"{measured.as_written:.1%} | {measured.without_diacritics:.1%}"
        assert f"| {name} | {measured.sentences} | {shares} |" in card
