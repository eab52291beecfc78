"""Small models for the renderers, written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from onnx import TensorProto, helper, numpy_helper

NASTY = "\x1b[31m\n\r\u202e|<script>alert(1)</script>`_*\\"
HOSTILE_INPUT = f"=cmd|' /C calc'!A0{NASTY}"
HOSTILE_NODE = f"@SUM(1){NASTY}"
HOSTILE_TENSOR = f"+1{NASTY}"
HOSTILE_OUTPUT = f"-out{NASTY}"
HOSTILE_TYPE = "Weird\x1b[2J|<b>"

# What reports take of a model for their heads.
NAMED = SimpleNamespace(file="m", masks=None)


def model(nodes, inputs, outputs, weights=(), producer="hand"):
    """Build a ModelProto; `inputs` and `outputs` map names to shapes (None: not declared)."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in dict(weights).items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name=producer)


def saved(proto, path):
    path.write_bytes(proto.SerializeToString())
    return str(path)


def weights(*shape):
    return np.ones(shape, np.float32)


def hostile():
    """Every name that a file can hold is an attack: input, symbol, node, tensor, type, producer."""
    return model(
        [
            helper.make_node("Conv", [HOSTILE_INPUT, "w"], [HOSTILE_TENSOR], name=HOSTILE_NODE),
            helper.make_node(
                HOSTILE_TYPE, [HOSTILE_TENSOR], [HOSTILE_OUTPUT], name=NASTY, domain=NASTY
            ),
        ],
        {HOSTILE_INPUT: [1, 1, f"n{NASTY}", 9]},
        {HOSTILE_OUTPUT: None},
        {"w": weights(1, 1, 3, 3)},
        producer=f"p{NASTY}",
    )


def anisotropic():
    """A 3 x 5 window with strides 1 x 2, then a mean over the last axis."""
    return model(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv", strides=[1, 2]),
            helper.make_node("ReduceMean", ["c"], ["y"], name="mean", axes=[3]),
        ],
        {"x": [1, 1, 50, 20]},
        {"y": None},
        {"w": weights(1, 1, 3, 5)},
    )


def cumulative():
    """A 3-wide window padded by 1, then a running sum over time."""
    return model(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1]),
            helper.make_node("CumSum", ["c", "axis"], ["y"], name="sum"),
        ],
        {"x": [1, 1, 50]},
        {"y": None},
        {"w": weights(1, 1, 3), "axis": np.array(2)},
    )


def huge():
    """Numbers of ten digits, and a name of 200 characters."""
    conv = helper.make_node(
        "Conv",
        ["x", "w"],
        ["c"],
        name="n" * 200,
        dilations=[10**8],
        pads=[10**9, 10**9],
        strides=[10**7],
    )
    return model([conv], {"x": [1, 1, 10**10]}, {"c": None}, {"w": weights(1, 1, 3)})


def dense():
    """One matrix product: nothing before it is local."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], name="fc")
    return model([node], {"x": [1, 4]}, {"y": [1, 2]}, {"w": weights(4, 2)})


def constant():
    """An output that no input reaches."""
    node = helper.make_node("Identity", ["w"], ["y"])
    return model([node], {}, {"y": [4, 2]}, {"w": weights(4, 2)})


def scalar():
    """An input without axes."""
    return model([helper.make_node("Relu", ["x"], ["y"])], {"x": []}, {"y": []})


def many_outputs(count):
    """As many outputs, all alike."""
    nodes = [helper.make_node("Relu", ["x"], [f"y{i}"]) for i in range(count)]
    return model(nodes, {"x": [1, 2, 5]}, {f"y{i}": [1, 2, 5] for i in range(count)})


EVERY = {
    "hostile": hostile,
    "anisotropic": anisotropic,
    "cumulative": cumulative,
    "huge": huge,
    "dense": dense,
    "constant": constant,
    "scalar": scalar,
    "many_outputs": lambda: many_outputs(20),
}
