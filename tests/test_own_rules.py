"""A user's own operator, ruled from Python and analysed with the rest."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from rfgraph.ops.node import Link, OpNode, Outcome
from rfgraph.relations.axis_rules import Window
from rfgraph.relations.steps import Taps


def blur(node: OpNode) -> Outcome:
    """An output reads `width` positions around its own on the last axis.

    Exact. Versions: 1.
    """
    shape = node.shape(0)
    axis, width = len(shape) - 1, node.int("width", 3)
    window = Window(width, 1, 1, width // 2, shape[axis], shape[axis])
    return Outcome((shape,), (Link(0, (Taps(((axis, window),)),), spatial=(axis,)),))


def model():
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 40])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    weight = numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "w")
    nodes = [
        helper.make_node("Blur", ["x"], ["a"], domain="my.ops", width=5),
        helper.make_node("Conv", ["a", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=[weight])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("my.ops", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def test_an_own_rule_is_used():
    result = rfgraph.analyze(model(), rules={("my.ops", "Blur"): blur})
    axis = result.receptive_field().axes[2]
    assert (axis.scope, axis.size, axis.start) == ("local", 5 + 3 - 1, -2)
    assert result.findings == ()


def test_without_it_the_operator_is_unknown_and_named():
    result = rfgraph.analyze(model())
    assert result.receptive_field().axes[2].scope == "unknown"
    (finding,) = result.findings
    assert finding.code == "RF005"
    assert "'Blur' of domain 'my.ops'" in finding.message
