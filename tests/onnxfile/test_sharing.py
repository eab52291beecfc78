"""Nodes that are told apart by anything that their rules may look at: each reads its own."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from rfgraph.relations.graph import edges_into


def model(opset, *pairs):
    """One node of a kind, with constant inputs and attributes, for each of `pairs`, beside x."""
    stored, nodes, outputs = [], [], []
    for k, (kind, constants, attributes) in enumerate(pairs):
        names = [f"c{k}_{slot}" for slot in range(len(constants))]
        stored += [numpy_helper.from_array(*it) for it in zip(constants, names, strict=True)]
        nodes.append(helper.make_node(kind, ["x", *names], [f"y{k}"], **attributes))
        outputs.append(helper.make_tensor_value_info(f"y{k}", TensorProto.FLOAT, None))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    graph = helper.make_graph(nodes, "g", [x], outputs, stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return onnx.ModelProto.SerializeToString(made)


def sliced(start, dtype=np.int64):
    given = (np.array([start], dtype), np.array([start + 3], dtype), np.array([1], dtype))
    return "Slice", given, {}


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_nodes_that_differ_in_a_number_read_their_own_positions(dtype):
    starts = [0, 2, 0, 4, 2]
    found = rfgraph.load(model(13, *(sliced(start, dtype) for start in starts)))
    for k, start in enumerate(starts):
        (region,) = rfgraph.unit(found, f"y{k}", (0, 1)).regions
        assert region.clipped == ((0, 0), (start + 1, start + 1))


def test_nodes_that_differ_in_an_attribute_or_an_operand_say_their_own_numbers():
    slopes = [0.5, 0.25, 0.5]
    leaky = [("LeakyRelu", (), {"alpha": slope}) for slope in slopes]
    added = [("Add", (np.float32([number]),), {}) for number in (3, 5, 3)]
    graph = rfgraph.load(model(13, *leaky, *added)).graph
    hows = [next(edges_into(graph, f"y{k}")).how for k in range(6)]
    assert [how.values for how in hows] == [(0.5,), (0.25,), (0.5,), (3,), (5,), (3,)]


def test_equal_nodes_share_what_their_edges_read():
    pairs = [sliced(2), sliced(2), sliced(3)]
    graph = rfgraph.load(model(13, *pairs)).graph
    first, second, other = (next(edges_into(graph, f"y{k}")).relation for k in range(3))
    assert first is second
    assert first != other
