"""The range path of dynamic quantization is told from other ways to become global."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from rfgraph.cli import main


def network(quantize, *, pooled=False, domain=""):
    """A 3-wide convolution, its result quantized by what `quantize` writes, and one more."""
    weights = [
        numpy_helper.from_array(np.ones((2, 2, 3, 3), np.float32), "w"),
        *(numpy_helper.from_array(np.array(v, np.float32), f"k{v}") for v in (0, 127, 255)),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "first", pads=[1, 1, 1, 1]),
        *quantize(),
        helper.make_node("Conv", ["b", "w"], ["c"], "second", pads=[1, 1, 1, 1]),
    ]
    if pooled:
        nodes.append(helper.make_node("GlobalAveragePool", ["c"], ["p"], "pool"))
    nodes.append(helper.make_node("Add", ["c", "p" if pooled else "c"], ["y"], "last"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 20, 20))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    for node in graph.node:
        node.domain = domain if node.op_type == "DynamicQuantizeLinear" else ""
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def fused():
    return [
        helper.make_node("DynamicQuantizeLinear", ["a"], ["q", "scale", "zero"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["b"], "back"),
    ]


def symmetric():
    """As onnxruntime's quantizer wrote it: the larger of both extremes, over 127."""
    return [
        helper.make_node("ReduceMin", ["a"], ["low"], "least", keepdims=0),
        helper.make_node("ReduceMax", ["a"], ["high"], "most", keepdims=0),
        helper.make_node("Abs", ["low"], ["lows"], "n1"),
        helper.make_node("Abs", ["high"], ["highs"], "n2"),
        helper.make_node("Max", ["lows", "highs"], ["larger"], "n3"),
        helper.make_node("Div", ["larger", "k127"], ["scale"], "n4"),
        helper.make_node("QuantizeLinear", ["a", "scale"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["b"], "back"),
    ]


def asymmetric():
    """With a zero point of its own, from an extreme that does not decide the scale."""
    return [
        helper.make_node("ReduceMin", ["a"], ["low"], "least", keepdims=0),
        helper.make_node("Neg", ["low"], ["high"], "n1"),
        helper.make_node("Cast", ["high"], ["zero"], "n2", to=TensorProto.UINT8),
        helper.make_node("QuantizeLinear", ["a", "k255", "zero"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "k255", "zero"], ["b"], "back"),
    ]


def quantized_extreme():
    """An extreme that is quantized itself, by a scale of its own."""
    return [
        helper.make_node("ReduceMax", ["a"], ["high"], "most", keepdims=1),
        helper.make_node("QuantizeLinear", ["high", "k255"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "k255"], ["limit"], "back"),
        helper.make_node("Min", ["a", "limit"], ["b"], "n1"),
    ]


def clamped():
    """The extremes of a tensor that scale nothing."""
    return [
        helper.make_node("ReduceMax", ["a"], ["high"], "most", keepdims=1),
        helper.make_node("Relu", ["high"], ["limit"], "n1"),
        helper.make_node("Min", ["a", "limit"], ["b"], "n2"),
    ]


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
@pytest.mark.parametrize(
    ("quantize", "named"),
    [
        (fused, ("quantize",)),
        (symmetric, ("least", "most")),
        (asymmetric, ("least",)),
        (quantized_extreme, ()),
        (clamped, ()),
    ],
)
def test_operators_that_take_a_range_are_named_and_the_local_path_is_beside_it(
    quantize, named, domain
):
    result = rfgraph.analyze(network(quantize, domain=domain))
    for axis in (2, 3):
        found = result.receptive_field().axes[axis]
        assert (found.scope, found.ranges) == ("global", named)
        assert set(named) <= set(found.through)
        assert found.local is not None
        assert (found.local.size, found.local.stride) == (5, 1)
        entry = found.to_dict()
        assert entry.get("ranges", []) == list(named)
    (output,) = result.outputs
    assert output.before_global == ()
    counted = rfgraph.path_histogram(result).axes[2]
    assert counted.local >= 1
    assert counted.global_ >= 1


def test_what_becomes_global_otherwise_is_no_range(tmp_path, capsys):
    file = tmp_path / "m.onnx"
    onnx.save(network(symmetric, pooled=True), file)
    assert main([str(file)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "through least (the range of dynamic quantization), most (the range of" in text
    onnx.save(network(fused, pooled=False), file)
    assert main([str(file)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "global through quantize (the range of dynamic quantization): the whole input" in text
    assert "local paths 5 x 5" in text
    assert main([str(file), "--format", "json"]) == 0
    axes = json.loads(capsys.readouterr().out)["receptive_fields"][-1]["axes"]
    assert [axis.get("ranges") for axis in axes[2:]] == [["quantize"]] * 2


def test_what_the_quantizer_of_onnxruntime_writes(tmp_path):
    from onnxruntime.quantization import quantize_dynamic

    plain = network(lambda: [helper.make_node("Relu", ["a"], ["b"], "between")])
    onnx.save(plain, tmp_path / "plain.onnx")
    quantize_dynamic(
        tmp_path / "plain.onnx", tmp_path / "quantized.onnx", op_types_to_quantize=["Conv"]
    )
    written = onnx.load(tmp_path / "quantized.onnx")
    ranges = tuple(n.name for n in written.graph.node if n.op_type == "DynamicQuantizeLinear")
    assert len(ranges) == 2
    before = rfgraph.analyze(plain).receptive_field().axes[2]
    found = rfgraph.analyze(written).receptive_field("y").axes[2]
    assert (found.scope, found.through, found.ranges) == ("global", ranges, ranges)
    assert found.local is not None
    assert (found.local.size, found.local.start) == (before.size, before.start) == (5, -2)
    counted = rfgraph.path_histogram(written, tensor="y").axes[2]
    # In each layer: the data itself, its range, scale and zero point; all but the first are global.
    assert (counted.local, counted.global_, counted.counts) == (1, 15, {5: 1})


def test_explain_names_the_range(capsys):
    assert main(["explain", "DynamicQuantizeLinear"]) == 0
    assert "range of dynamic quantization" in " ".join(capsys.readouterr().out.split())
