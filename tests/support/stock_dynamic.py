"""The shipped encoder as ONNX Runtime's stock dynamic int8 would compute it: a test that it must fail."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from streams.conversion.rowquant import MIDDLE, Array
from streams.conversion.schemes import stock_dynamic


def as_stock_dynamic(encoder: onnx.ModelProto) -> onnx.ModelProto:
    """The same weights, every product first float again, then quantised by ONNX Runtime itself."""
    return stock_dynamic(as_float(encoder))


def as_float(encoder: onnx.ModelProto) -> onnx.ModelProto:
    """Row-scaled int8 products as float products of the same weights, float16 constants as float32."""
    result = onnx.ModelProto()
    result.CopyFrom(encoder)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in result.graph.initializer}
    made_by = {name: node for node in result.graph.node for name in node.output}
    read_by = {name: node for node in result.graph.node for name in node.input}
    nodes: list[onnx.NodeProto] = []
    gone: set[int] = set()
    for node in result.graph.node:
        if node.op_type == "Cast" and node.input[0].endswith(".half") and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]].astype(np.float32)
        elif node.op_type == "MatMulInteger":
            by_column = read_by[read_by[node.output[0]].output[0]]
            by_row = read_by[by_column.output[0]]
            scale = constants[by_column.input[1]]
            weight = (constants[node.input[1]].astype(np.float32) - MIDDLE) * scale
            scaled = made_by[made_by[node.input[0]].input[0]]
            source, end = scaled.input[0], by_row
            if source.endswith(".shifted"):
                source, end = made_by[source].input[0], read_by[by_row.output[0]]
            gone.update(id(each) for each in (by_column, by_row, end))
            name = f"{end.output[0]}.float_weight"
            constants[name] = weight
            nodes.append(helper.make_node("MatMul", [source, name], [end.output[0]], name=end.output[0]))
        elif id(node) not in gone:
            nodes.append(node)
    return _pruned(result, nodes, constants)


def _pruned(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], constants: dict[str, Array]
) -> onnx.ModelProto:
    """The graph with only what leads to its outputs."""
    needed = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items() if name in needed]
    graph = helper.make_graph(kept[::-1], model.graph.name, model.graph.input, model.graph.output, tensors)
    model.graph.CopyFrom(graph)
    return model
