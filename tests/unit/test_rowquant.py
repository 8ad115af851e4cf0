"""Row-scaled int8: close to the exact product, and blind to the other rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from streams.conversion.compact import compacted
from streams.conversion.rowquant import products, row_quantised

Floats = npt.NDArray[np.float32]
RNG = np.random.default_rng(3)
INNER, WIDE = 16, 24


def tiny_model() -> onnx.ModelProto:
    """Two layers as an encoder has them: product, bias, GELU, product, bias."""
    constants = {
        "renamed_1": RNG.normal(size=(INNER, WIDE)).astype(np.float32),
        "up.bias": RNG.normal(size=WIDE).astype(np.float32),
        "renamed_2": RNG.normal(size=(WIDE, INNER)).astype(np.float32),
        "down.bias": RNG.normal(size=INNER).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "renamed_1"], ["a"]),
        helper.make_node("Add", ["a", "up.bias"], ["b"]),
        helper.make_node("Gelu", ["b"], ["c"]),
        helper.make_node("MatMul", ["c", "renamed_2"], ["d"]),
        helper.make_node("Add", ["d", "down.bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", INNER])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", INNER])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


MODEL = tiny_model()


def run(model: onnx.ModelProto, rows: Floats) -> Floats:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: Floats = session.run(None, {"x": rows})[0]
    return answer


@pytest.fixture(scope="module")
def quantised() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        row_quantised(MODEL).SerializeToString(), providers=["CPUExecutionProvider"]
    )


def test_products_are_named_after_their_layers() -> None:
    assert [product.name for product in products(MODEL)] == ["up", "down"]


def test_quantised_products_stay_close_to_the_exact_ones() -> None:
    rows = RNG.normal(size=(50, INNER)).astype(np.float32)
    exact, close = run(MODEL, rows), run(row_quantised(MODEL), rows)
    assert np.abs(close - exact).max() < 0.03 * np.abs(exact).max()


def test_kept_product_stays_a_float_product() -> None:
    operators = [node.op_type for node in row_quantised(MODEL, {"down"}).graph.node]
    assert operators.count("MatMulInteger") == 1
    assert operators.count("MatMul") == 1


def test_keeping_everything_changes_nothing() -> None:
    rows = RNG.normal(size=(5, INNER)).astype(np.float32)
    np.testing.assert_array_equal(run(row_quantised(MODEL, {"up", "down"}), rows), run(MODEL, rows))


def test_quantising_leaves_the_given_model_as_it_was() -> None:
    before = MODEL.SerializeToString(deterministic=True)
    row_quantised(MODEL)
    compacted(MODEL)
    assert MODEL.SerializeToString(deterministic=True) == before


def test_row_of_zeros_has_an_answer() -> None:
    zeros = np.zeros((1, INNER), np.float32)
    np.testing.assert_allclose(run(row_quantised(MODEL), zeros), run(MODEL, zeros), atol=0.05)


@settings(max_examples=60, deadline=None)
@given(mates=st.lists(st.floats(-1e4, 1e4, width=32), min_size=0, max_size=12), seed=st.integers(0, 2**16))
def test_row_has_the_same_answer_beside_any_other_rows(
    quantised: onnxruntime.InferenceSession, mates: list[float], seed: int
) -> None:
    row = np.random.default_rng(seed).normal(size=(1, INNER)).astype(np.float32)
    others = np.array(mates, np.float32)[:, None] * np.ones((1, INNER), np.float32)
    alone = quantised.run(None, {"x": row})[0]
    beside = quantised.run(None, {"x": np.concatenate([row, others])})[0][:1]
    np.testing.assert_array_equal(beside, alone)


def test_integer_sums_are_exact_at_the_largest_values_on_any_cpu() -> None:
    """uint8 x int8 saturates at 16 bits on CPUs without VNNI; largest times largest shows it."""
    constants = [numpy_helper.from_array(np.full((INNER, 2), 1, np.float32), "w")]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="ones")],
        "ones",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", INNER])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 2])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    answer = run(row_quantised(model), np.full((3, INNER), 5, np.float32))
    np.testing.assert_allclose(answer, np.full((3, 2), 5 * INNER), rtol=1e-6)


def test_constants_are_halved_only_where_no_number_changes() -> None:
    exact = RNG.normal(size=(128, 64)).astype(np.float16).astype(np.float32)
    inexact = RNG.normal(size=(64, 128)).astype(np.float32)
    table = RNG.normal(size=(256, 128)).astype(np.float16).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "ids"], ["found"]),
            helper.make_node("MatMul", ["found", "exact"], ["a"]),
            helper.make_node("MatMul", ["a", "inexact"], ["y"]),
        ],
        "halves",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["rows"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 128])],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(exact, "exact"),
            numpy_helper.from_array(inexact, "inexact"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    half = compacted(model)
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert kinds == {
        "table.half": TensorProto.FLOAT16,
        "exact.half": TensorProto.FLOAT16,
        "inexact": TensorProto.FLOAT,
    }
    ids = {"ids": np.array([0, 255, 7])}
    answers = [
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, ids
        )[0]
        for each in (model, half)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
