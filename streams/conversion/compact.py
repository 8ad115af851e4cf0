"""Constants in half the bytes, where that loses nothing: float16 checkpoints hold float16 numbers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAST_NUMBERS = 4096  # below it a cast costs more than it saves


def compacted(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` with large float32 constants as float16 wherever each number stays what it is.

    A table that is looked up stays float16 in memory, and only the rows found are widened; ONNX Runtime
    widens other constants once, when it loads them.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    halved = {}
    for tensor in result.graph.initializer:
        half = _exact_half(tensor)
        if half is not None:
            halved[tensor.name] = half
    otherwise_read = {
        name
        for node in result.graph.node
        for place, name in enumerate(node.input)
        if node.op_type != "Gather" or place > 0
    }
    looked_up = set(halved) - otherwise_read
    nodes = [
        helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.widen", to=TensorProto.FLOAT)
        for name in halved
        if name not in looked_up
    ]
    for node in result.graph.node:
        nodes.append(node)
        if node.input and node.input[0] in looked_up:
            found = node.output[0]
            node.input[0] = f"{node.input[0]}.half"
            node.output[0] = f"{found}.half"
            nodes.append(
                helper.make_node(
                    "Cast", [node.output[0]], [found], name=f"{found}.widen", to=TensorProto.FLOAT
                )
            )
    constants = [halved.get(tensor.name, tensor) for tensor in result.graph.initializer]
    graph = helper.make_graph(nodes, result.graph.name, result.graph.input, result.graph.output, constants)
    result.graph.CopyFrom(graph)
    return result


def _exact_half(tensor: onnx.TensorProto) -> onnx.TensorProto | None:
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST_NUMBERS:
        return None
    value = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):  # too large for float16: not exact
        half = value.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), value):
        return None
    return numpy_helper.from_array(half, f"{tensor.name}.half")
