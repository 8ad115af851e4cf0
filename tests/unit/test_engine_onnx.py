"""The ONNX engine on a model small enough to compute by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from streams.inference.engine import OnnxEngine
from streams.inference.protocol import Classification, Item, ItemFailure
from tests.support.tiny_models import MAX_TOKENS, WORDS, tiny_store

LONGEST = MAX_TOKENS - 2
"""Words that fit beside the two special tokens."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> OnnxEngine:
    return OnnxEngine(tiny_store(tmp_path_factory.mktemp("store")), threads=2)


def words(count: int) -> str:
    return " ".join(WORDS[number % len(WORDS)] for number in range(count))


def classify(engine: OnnxEngine, *texts: str, model_type: str = "principles") -> list[Classification]:
    outcomes = engine.classify([Item(model_type, text) for text in texts])
    assert all(isinstance(outcome, Classification) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, Classification)]


def test_scores_are_the_softmax_of_the_head_over_the_encoders_vector(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    engine = OnnxEngine(store, threads=1)
    heads = load_file(store.heads_path)
    vector = engine._encode([engine._tokenizer.encode("khách hàng")])[0]
    logits = heads["industry.weight"] @ vector + heads["industry.bias"]
    expected = np.exp(logits) / np.exp(logits).sum()
    (outcome,) = classify(engine, "khách hàng", model_type="industry")
    assert outcome.scores == pytest.approx(expected.tolist(), abs=1e-6)
    assert outcome.category_id == int(expected.argmax())


def test_each_model_type_has_its_own_head(engine: OnnxEngine) -> None:
    (one,) = classify(engine, "rò rỉ", model_type="cross_border")
    (other,) = classify(engine, "rò rỉ", model_type="risk_level")
    assert one.scores != other.scores


def test_a_text_at_the_limit_is_read_whole_and_one_over_it_says_that_it_was_cut(engine: OnnxEngine) -> None:
    whole, cut, long = classify(engine, words(LONGEST), words(LONGEST + 1), words(5000))
    assert (whole.tokens, whole.truncated) == (MAX_TOKENS, False)
    assert (cut.tokens, cut.truncated) == (MAX_TOKENS, True)
    assert (long.tokens, long.truncated) == (MAX_TOKENS, True)
    assert cut.scores == pytest.approx(whole.scores, abs=1e-6)


def test_tokens_count_the_special_ones_and_no_padding(engine: OnnxEngine) -> None:
    short, long = classify(engine, "khách hàng", words(9))
    assert (short.tokens, long.tokens) == (4, 11)


def test_texts_of_two_threads_ride_in_two_passes(engine: OnnxEngine) -> None:
    outcomes = classify(engine, "dữ liệu", words(9), "cá nhân", words(8) + " rỉ")
    assert [outcome.batch_size for outcome in outcomes] == [2, 2, 2, 2]
    assert [outcome.padding_share for outcome in outcomes] == [0, 0, 0, 0]


def test_a_text_that_several_model_types_are_asked_about_is_encoded_once(tmp_path: Path) -> None:
    engine = OnnxEngine(tiny_store(tmp_path), threads=1)
    items = [Item(name, "rò rỉ dữ liệu") for name in engine.models] + [Item("principles", "khách hàng")]
    outcomes = engine.classify(items)
    assert {outcome.batch_size for outcome in outcomes if isinstance(outcome, Classification)} == {2}
    for item, outcome in zip(items, outcomes, strict=True):
        (alone,) = classify(engine, item.text, model_type=item.model_type)
        assert isinstance(outcome, Classification)
        assert outcome.scores == pytest.approx(alone.scores, abs=1e-6)


def test_padding_is_measured_in_the_pass_that_a_text_rode_in(tmp_path: Path) -> None:
    engine = OnnxEngine(tiny_store(tmp_path), threads=1)
    for outcome in classify(engine, words(3), words(8)):  # 5 and 10 tokens in one pass: 5 of 20 are padding
        assert (outcome.batch_size, outcome.padding_share) == (2, 0.25)


def test_scores_that_are_no_numbers_are_a_failure_and_not_a_label(tmp_path: Path) -> None:
    engine = OnnxEngine(tiny_store(tmp_path, wild=True), threads=1)
    (outcome,) = engine.classify([Item("principles", "khách hàng")])
    assert outcome == ItemFailure("INTERNAL", {"exception": "ScoresNotFinite"})
