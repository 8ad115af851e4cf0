"""What every engine keeps to, whatever computes in it: held against each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.taxonomy import MODEL_TYPES
from streams.inference.child import classify_each
from streams.inference.constant import ConstantEngine
from streams.inference.engine import OnnxEngine
from streams.inference.messages import BatchResults, decode_from_child, encode_from_child
from streams.inference.protocol import Classification, Engine, Item, ItemFailure
from tests.support.tiny_models import tiny_store

unhurried = settings(deadline=None)  # a busy machine is no finding

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
ITEMS = st.builds(Item, st.sampled_from(sorted(MODEL_TYPES)), TEXTS)
UNKNOWN = st.builds(Item, st.text(max_size=10).filter(lambda name: name not in MODEL_TYPES), TEXTS)


@pytest.fixture(scope="module", params=["constant", "onnx"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    makers: dict[str, Callable[[], Engine]] = {
        "constant": ConstantEngine,
        "onnx": lambda: OnnxEngine(tiny_store(tmp_path_factory.mktemp("store")), threads=2),
    }
    return makers[request.param]()


def classified(engine: Engine, items: list[Item]) -> list[Classification]:
    outcomes = engine.classify(items)
    assert all(isinstance(outcome, Classification) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, Classification)]


def test_it_has_a_model_for_every_model_type_with_its_labels_in_order(engine: Engine) -> None:
    assert {name: model.labels for name, model in engine.models.items()} == {
        name: model_type.label_names for name, model_type in MODEL_TYPES.items()
    }
    assert all(model.model_id and model.version for model in engine.models.values())


def test_an_empty_batch_has_no_outcomes(engine: Engine) -> None:
    assert engine.classify([]) == []


@unhurried
@given(items=st.lists(ITEMS, max_size=12))
def test_every_item_gets_a_score_for_each_label_and_the_best_one_as_its_category(
    engine: Engine, items: list[Item]
) -> None:
    outcomes = classified(engine, items)
    assert len(outcomes) == len(items)
    for item, outcome in zip(items, outcomes, strict=True):
        assert len(outcome.scores) == len(engine.models[item.model_type].labels)
        assert sum(outcome.scores) == pytest.approx(1, abs=1e-5)
        assert outcome.scores[outcome.category_id] == max(outcome.scores)


@unhurried
@given(items=st.lists(ITEMS, min_size=1, max_size=12))
def test_every_item_knows_what_it_cost(engine: Engine, items: list[Item]) -> None:
    for outcome in classified(engine, items):
        assert 1 <= outcome.tokens <= engine.max_tokens
        assert 1 <= outcome.batch_size <= len(items)
        assert 0 <= outcome.padding_share < 1
        assert outcome.tokenise_ms >= 0
        assert outcome.infer_ms >= 0


@unhurried
@given(items=st.lists(st.one_of(ITEMS, UNKNOWN), max_size=12))
def test_an_unknown_model_type_fails_alone(engine: Engine, items: list[Item]) -> None:
    for item, outcome in zip(items, engine.classify(items), strict=True):
        if item.model_type in MODEL_TYPES:
            assert isinstance(outcome, Classification)
        else:
            assert isinstance(outcome, ItemFailure)
            assert outcome.code == "UNKNOWN_MODEL_TYPE"


@unhurried
@given(items=st.lists(ITEMS, min_size=1, max_size=12))
def test_a_text_is_classified_alike_alone_and_in_any_company(engine: Engine, items: list[Item]) -> None:
    alone = [classified(engine, [item])[0] for item in items]
    together = classified(engine, items)
    backwards = classified(engine, items[::-1])[::-1]
    for one, other, third in zip(alone, together, backwards, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
        assert one.scores == pytest.approx(third.scores, abs=1e-5)


def test_a_very_long_text_is_classified(engine: Engine) -> None:
    (outcome,) = classified(engine, [Item("principles", "dữ liệu cá nhân " * 1500)])
    assert outcome.tokens <= engine.max_tokens


@unhurried
@given(items=st.lists(st.one_of(ITEMS, UNKNOWN), max_size=6))
def test_its_outcomes_survive_the_pipe(engine: Engine, items: list[Item]) -> None:
    results = BatchResults(1, tuple(engine.classify(items)))
    assert decode_from_child(encode_from_child(results)) == results


def test_an_engine_that_raises_on_an_item_costs_only_that_item() -> None:
    class Picky(ConstantEngine):
        def classify(self, items: list[Item]) -> list[object]:  # type: ignore[override]
            if any(item.text == "bad" for item in items):
                raise RuntimeError
            return [*super().classify(items)]

    items = [Item("principles", text) for text in ("a", "bad", "b", "c", "bad")]
    outcomes = classify_each(Picky(), items)  # type: ignore[arg-type]
    assert [isinstance(outcome, ItemFailure) for outcome in outcomes] == [False, True, False, False, True]
