"""int8 products with a scale for each row (token), so that no row's answer depends on its batch mates.

ONNX Runtime's stock dynamic int8 takes one activation scale for a whole batch: a long or odd sentence
coarsens the others' numbers. Here every row of activations gets its own scale and every column of weights its
own.

    x (rows x K, float) --peak of each row--> uint8 around 128 --MatMulInteger--> x row scale x column scale

The input of a product that follows GELU is never below -0.17; shifted by that it needs no sign, so it uses
all eight bits (0 to 255), and the shift is undone by a constant.

Weights are kept as uint8 around 128, not as int8: on CPUs with AVX2 but without VNNI, ONNX Runtime multiplies
uint8 by int8 with an instruction that saturates at 16 bits, and labels would depend on the CPU.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

GELU_MIN = 0.17
MIDDLE = 128

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Product:
    """A product of activations and constant weights; `name` is that of its layer in the checkpoint."""

    name: str
    node: onnx.NodeProto
    weight: npt.NDArray[np.float32]  # inputs x outputs


def products(model: onnx.ModelProto) -> list[Product]:
    """Every MatMul with a constant matrix, in the graph's order."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    readers = {name: node for node in model.graph.node for name in node.input}
    found = []
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        tensor = weights[node.input[1]]
        if len(tensor.dims) == 2:
            name = _layer_name(node, readers.get(node.output[0]), weights)
            found.append(Product(name, node, numpy_helper.to_array(tensor).astype(np.float32)))
    return found


def row_quantised(model: onnx.ModelProto, keep_fp32: Collection[str] = ()) -> onnx.ModelProto:
    """A copy of `model` whose products, but for those in `keep_fp32`, are int8 with a scale a row."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    quantised = {id(product.node): product for product in products(result) if product.name not in keep_fp32}
    after_gelu = {node.output[0] for node in result.graph.node if node.op_type == "Gelu"}
    rewrite = _Rewrite()
    for node in result.graph.node:
        product = quantised.get(id(node))
        if product is None:
            rewrite.nodes.append(node)
        else:
            rewrite.product(product, shifted=node.input[0] in after_gelu)
    graph = helper.make_graph(
        rewrite.nodes, result.graph.name, result.graph.input, result.graph.output,
        [*_still_read(result.graph.initializer, rewrite.nodes), *rewrite.constants.values()],
    )  # fmt: skip
    result.graph.CopyFrom(graph)
    return result


def quantised_columns(
    weight: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """int8 weights and the scale of each column: weight is about int8 times scale."""
    scale = np.maximum(np.abs(weight).max(axis=0) / 127, 1e-8).astype(np.float32)
    return np.clip(np.round(weight / scale), -127, 127).astype(np.int8), scale


class _Rewrite:
    """The new graph's nodes and constants; the rows of an input are quantised once for all its products."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._rows: dict[str, tuple[str, str, str]] = {}

    def product(self, product: Product, *, shifted: bool) -> None:
        source, result = product.node.input[0], product.node.output[0]
        columns, scale = quantised_columns(product.weight)
        name = product.name
        rows, row_scale, zero = self._rows.get(source) or self._quantise_rows(source, shifted)
        shifted_columns = (columns.astype(np.int16) + MIDDLE).astype(np.uint8)
        sums = self._add(
            "MatMulInteger",
            [rows, self._constant(f"{name}.weight_int8", shifted_columns), zero, self._zero(MIDDLE)],
            f"{name}.sums",
        )
        numbers = self._add("Cast", [sums], f"{name}.numbers", to=TensorProto.FLOAT)
        by_column = self._add(
            "Mul", [numbers, self._constant(f"{name}.weight_scale", scale)], f"{name}.columns"
        )
        if not shifted:
            self._add("Mul", [by_column, row_scale], result)
            return
        undo = (-GELU_MIN * (columns * scale).sum(axis=0)).astype(np.float32)
        by_row = self._add("Mul", [by_column, row_scale], f"{name}.rows")
        self._add("Add", [by_row, self._constant(f"{name}.unshift", undo)], result)

    def _quantise_rows(self, source: str, shifted: bool) -> tuple[str, str, str]:
        """(uint8 rows, the scale of each, zero point)."""
        top, zero = (255.0, self._zero(0)) if shifted else (127.0, self._zero(MIDDLE))
        limit = self._constant(f"quantise.top_{top:.0f}", np.array(top, np.float32))
        one = self._constant("quantise.one", np.array(1, np.float32))
        least = self._constant("quantise.least", np.array(1e-8, np.float32))  # a row of zeros has no scale
        axis = self._constant("quantise.last_axis", np.array([-1], np.int64))
        if shifted:
            offset = self._constant("quantise.gelu_min", np.array(GELU_MIN, np.float32))
            value = size = self._add("Add", [source, offset], f"{source}.shifted")
        else:
            value, size = source, self._add("Abs", [source], f"{source}.size")
        peak = self._add("ReduceMax", [size, axis], f"{source}.peak", keepdims=1)
        safe = self._add("Max", [peak, least], f"{source}.safe_peak")
        factor = self._add("Div", [limit, safe], f"{source}.factor")
        scaled = self._add("Mul", [value, factor], f"{source}.scaled")
        rows = self._add("QuantizeLinear", [scaled, one, zero], f"{source}.rows")
        row_scale = self._add("Div", [safe, limit], f"{source}.row_scale")
        self._rows[source] = rows, row_scale, zero
        return rows, row_scale, zero

    def _zero(self, point: int) -> str:
        return self._constant(f"quantise.zero_{point}", np.array(point, np.uint8))

    def _constant(self, name: str, value: Array) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: int) -> str:
        node = helper.make_node(operator, inputs, [output], name=output)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return output


def _layer_name(node: onnx.NodeProto, reader: onnx.NodeProto | None, weights: Collection[str]) -> str:
    """The layer whose bias is added next: exporters rename the weights they transpose, but no biases."""
    if reader is not None and reader.op_type == "Add":
        for name in reader.input:
            if name in weights and name.endswith(".bias"):
                return str(name).removesuffix(".bias")
    return str(node.name or node.output[0])


def _still_read(
    tensors: Collection[onnx.TensorProto], nodes: Collection[onnx.NodeProto]
) -> Iterator[onnx.TensorProto]:
    read = {name for node in nodes for name in node.input}
    return (tensor for tensor in tensors if tensor.name in read)
