"""Graph inputs whose lengths the file leaves open: probed, bound, refused."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import rfgraph


def model(dims, kernel, reshaped=None):
    """A convolution along the last axis of an input of these dims, split before where asked."""
    nodes, x = [], "x"
    arrays = {"w": np.ones(kernel, np.float32)}
    if reshaped:
        arrays["to"] = np.array(reshaped, np.int64)
        nodes, x = [helper.make_node("Reshape", ["x", "to"], ["split"])], "split"
    nodes.append(helper.make_node("Conv", [x, "w"], ["y"], "last"))
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("open_dim", ["L", "?", "", -1, 0, None])
def test_an_open_length_is_probed_and_reported(open_dim):
    entry = rfgraph.analyze(model([1, 1, open_dim], (1, 1, 3))).to_dict()["inputs"][0]
    assert (entry["shape"], entry["probed"]) == ([1, 1, 256], {"2": 256})
    assert entry["symbolic"] == {"2": "L" if open_dim == "L" else "?"}
    assert entry["reasons"] == ({"2": "the file declares 0"} if open_dim == 0 else {})


def test_that_0_is_declared_is_said_beside_what_fixes_the_length():
    entry = rfgraph.analyze(model([1, 0, 16], (1, 5, 3))).to_dict()["inputs"][0]
    assert (entry["shape"], entry["probed"], entry["determined"]) == ([1, 5, 16], {}, {"1": 5})
    assert entry["reasons"] == {"1": "the file declares 0; fixed by node 'last' (Conv)"}


@pytest.mark.parametrize(("part", "taken"), [(8, 256), (7, 224), (13, 247)])
def test_another_length_is_probed_where_the_graph_refuses_the_first(part, taken):
    # Split into parts of 8, of 7 (which 256 cannot be, 224 can) and of 13: 19 times.
    proto = model(["N", 1, "L"], (1, 1, 1, 3), (0, 1, -1, part))
    entry = rfgraph.analyze(proto).to_dict()["inputs"][0]
    assert entry["probed"] == {"0": 1, "2": taken}
    assert entry["determined"] == {}
    if part == 13:
        assert entry["reasons"]["2"].startswith("asked for by node that makes 'split' (Reshape)")


@pytest.mark.parametrize("channels", [3, 29, 256])
def test_channels_left_open_are_those_of_the_weight(channels):
    entry = rfgraph.analyze(model(["N", "C", "L"], (1, channels, 3))).to_dict()["inputs"][0]
    assert (entry["shape"], entry["probed"]) == ([1, channels, 256], {"0": 1, "2": 256})
    assert entry["determined"] == {"1": channels}
    assert entry["reasons"] == {"1": "fixed by node 'last' (Conv)"}


def test_a_refusal_that_no_length_would_mend_says_nothing_of_lengths():
    proto = model(["N", 1, "L"], (1, 1, 3))
    proto.graph.node[0].attribute.append(helper.make_attribute("strides", [0]))
    with pytest.raises(rfgraph.ModelError) as caught:
        rfgraph.load(proto)
    assert "input-shape" not in str(caught.value)
