"""The layouts of onnxruntime's optimizer: blocks against onnxruntime, channels last by turning."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from ops.evaluate import Case, Data, indices, outcome, reads, relations
from oracle.perturb import Prober
from rfgraph.ops.node import RuleError
from rfgraph.relations.steps import Everything, Permute, Pointwise, Reduce

NHWC, NCHWC = "com.ms.internal.nhwc", "com.microsoft.nchwc"


def weights(*shape):
    return np.ones(shape, np.float32)


# -- channels in blocks ----------------------------------------------------------------------------


def blocked(op, inputs, attributes=None):
    return Case(op, inputs, attributes or {}, 1, domain=NCHWC)


def sandwich(case, channels, last=0):
    """Return the model that puts the node between the reordering of its input and its output."""
    data, *rest = case.inputs
    nodes = [helper.make_node("ReorderInput", ["x"], ["a"], domain=NCHWC, channels_last=last)]
    names, constants, inputs = ["a"], [], [("x", data)]
    for slot, entry in enumerate(rest, 1):
        if entry is None:
            names.append("")
        elif isinstance(entry, np.ndarray):
            constants.append(numpy_helper.from_array(entry, f"w{slot}"))
            names.append(f"w{slot}")
        else:
            inputs.append((f"s{slot}", entry))
            nodes.append(helper.make_node("ReorderInput", [f"s{slot}"], [f"b{slot}"], domain=NCHWC))
            names.append(f"b{slot}")
    nodes.append(helper.make_node(case.op, names, ["c"], domain=NCHWC, **case.attributes))
    more = {"channels": channels, "channels_last": last}
    nodes.append(helper.make_node("ReorderOutput", ["c"], ["y"], domain=NCHWC, **more))
    values = [helper.make_tensor_value_info(name, 1, shape) for name, shape in inputs]
    graph = helper.make_graph(nodes, "g", values, [onnx.ValueInfoProto(name="y")], constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(NCHWC, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def through(case, channels, slot=0, last=0):
    """Return the relations from an input through reordering, node and reordering to the output."""
    shape = case.inputs[slot]
    (first,) = relations(blocked("ReorderInput", [shape], {"channels_last": last}))[0]
    inputs = [first.out_shape if at == slot else entry for at, entry in enumerate(case.inputs)]
    inner = Case(case.op, inputs, case.attributes, 1, domain=NCHWC)
    (middle,) = outcome(inner).shapes
    more = {"channels": channels, "channels_last": last}
    (then,) = relations(blocked("ReorderOutput", [middle], more))[0]
    return first, relations(inner)[slot], then


def read_through(parts, index):
    first, middle, last = parts
    return {
        origin
        for after in reads(last, index)
        for relation in middle
        for before in reads(relation, after)
        for origin in reads(first, before)
    }


BLOCKED = [
    (blocked("Conv", [(1, 16, 5, 4), weights(16, 16, 3, 2)], {"strides": [2, 1]}), 16),
    (blocked("Conv", [(1, 8, 4, 3), weights(16, 16, 2, 2)], {"pads": [1, 0, 0, 1]}), 9),
    (blocked("Conv", [(1, 16, 4, 3), weights(16, 1, 2, 2)], {"group": 16}), 16),
    (blocked("Conv", [(1, 12, 4, 3), weights(16, 1, 2, 2)], {"group": 16}), 12),
    (
        blocked(
            "Conv",
            [(1, 16, 3, 3), weights(16, 16, 2, 2), weights(16), (1, 16, 2, 2)],
            {"activation": "Relu"},
        ),
        16,
    ),
    (blocked("MaxPool", [(1, 16, 6, 5)], {"kernel_shape": [2, 3], "strides": [2, 2]}), 16),
    (blocked("AveragePool", [(1, 16, 4, 4)], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}), 10),
    (blocked("GlobalAveragePool", [(1, 16, 3, 2)]), 16),
    (blocked("GlobalMaxPool", [(1, 16, 2, 2)]), 16),
    (blocked("Upsample", [(1, 16, 2, 3)], {"scales": [1, 1, 3, 2]}), 16),
    *(
        (
            blocked(
                "Upsample",
                [(1, 16, 2, 3)],
                {"scales": [1, 1, 3, 2], "mode": "linear", "coordinate_transformation_mode": mode},
            ),
            16,
        )
        for mode in ("asymmetric", "align_corners", "half_pixel")
    ),
]


@pytest.mark.parametrize(("case", "channels"), BLOCKED, ids=str)
def test_a_unit_of_blocks_reads_what_onnxruntime_shows(case, channels):
    probe = Prober(sandwich(case, channels), ["y"])
    names = {0: "x", **{slot: f"s{slot}" for slot in (3,) if len(case.inputs) > slot}}
    exact = case.attributes.get("mode") != "linear"
    for slot, name in names.items():
        truth = probe.elements("y", name)
        parts = through(case, channels, slot)
        assert parts[2].out_shape == truth.shape[:4]
        for index in indices(truth.shape[:4]):
            if index[1] % 5:
                continue
            seen = {tuple(map(int, at)) for at in np.argwhere(truth[index])}
            said = read_through(parts, index)
            assert seen == said if exact else seen <= said


def test_channels_are_turned_on_the_way_into_and_out_of_blocks():
    case = blocked("MaxPool", [(1, 4, 3, 16)], {"kernel_shape": [2, 2]})
    truth = Prober(sandwich(case, 16, last=1), ["y"]).elements("y", "x")
    parts = through(case, 16, last=1)
    assert parts[2].out_shape == truth.shape[:4] == (1, 3, 2, 16)
    for index in [(0, 0, 0, 0), (0, 2, 1, 7), (0, 1, 0, 15)]:
        seen = {tuple(map(int, at)) for at in np.argwhere(truth[index])}
        assert seen == read_through(parts, index)


# -- channels last ---------------------------------------------------------------------------------


def turned(op, inputs, attributes=None, version=17, **rest):
    return Case(op, inputs, attributes or {}, version, domain=NHWC, **rest)


def ints(*values):
    return np.array(values, np.int64)


TURNED = [
    turned("AveragePool", [(1, 5, 6, 2)], {"kernel_shape": [2, 3], "strides": [2, 1]}),
    turned("MaxPool", [(1, 5, 2)], {"kernel_shape": [2], "ceil_mode": 1}, outputs=(True, True)),
    turned("LpPool", [(1, 4, 4, 2)], {"kernel_shape": [2, 2]}, 18),
    turned("GlobalAveragePool", [(2, 3, 4, 2)]),
    turned("GlobalMaxPool", [(2, 3, 2)]),
    turned("GlobalLpPool", [(2, 3, 2)]),
    turned(
        "Conv", [(1, 5, 4, 4), weights(6, 2, 3, 2), (6,)], {"group": 2, "pads": [1, 0, 1, 0]}, 11
    ),
    turned("ConvTranspose", [(1, 3, 4, 2), (2, 3, 2, 3), (3,)], {"strides": [2, 3]}, 11),
    turned("BatchNormalization", [(2, 3, 2, 4), *[(4,)] * 4], {}, 15),
    turned(
        "BatchNormalization",
        [(2, 3, 2, 4), *[(4,)] * 4],
        {"training_mode": 1},
        15,
        outputs=(True, True, True),
    ),
    turned("InstanceNormalization", [(2, 3, 2, 4), (4,), (4,)], {}, 6),
    turned("LRN", [(1, 2, 2, 5)], {"size": 3}, 13),
    turned("DepthToSpace", [(1, 2, 3, 8)], {"blocksize": 2, "mode": "CRD"}, 13),
    turned("SpaceToDepth", [(1, 4, 6, 2)], {"blocksize": 2}, 13),
    turned("GridSample", [(1, 3, 4, 2), (1, 2, 3, 2)], {}, 16),
    turned("QLinearConv", [(1, 4, 3, 2), (), (), weights(3, 2, 2, 2), (), (), (3,), ()], {}, 10),
]


def standing(case):
    """Return the operator of that name with the channels of its first input on axis 1."""
    batch, *space, channels = case.inputs[0]
    inputs = [(batch, channels, *space), *case.inputs[1:]]
    return Case(case.op, inputs, case.attributes, case.version, case.outputs)


def first(index):
    return (index[0], index[-1], *index[1:-1]) if len(index) > 2 else index


@pytest.mark.parametrize("case", TURNED, ids=str)
def test_channels_last_is_the_same_operator_turned(case):
    other = standing(case)
    for output, shape in enumerate(outcome(case).shapes):
        assert first(shape) == outcome(other).shapes[output]
        here, there = relations(case, output), relations(other, output)
        assert {slot: len(found) for slot, found in here.items()} == {
            slot: len(found) for slot, found in there.items()
        }
        for slot, found in here.items():
            for one, two in zip(found, there[slot], strict=True):
                assert one.spatial == (
                    tuple(a - 1 for a in two.spatial) if slot == 0 else two.spatial
                )
                for index in indices(shape):
                    seen = {first(at) if slot == 0 else at for at in reads(one, index)}
                    assert seen == reads(two, first(index))


def test_nothing_is_moved_where_axes_stay_apart():
    for op, extra in [("BatchNormalization", [(4,)] * 4), ("InstanceNormalization", [(4,)] * 2)]:
        found = relations(turned(op, [(2, 3, 2, 4), *extra], {}, 15))[0]
        steps = [step for relation in found for step in relation.steps]
        assert all(isinstance(step, (Pointwise, Reduce)) for step in steps)
    (moved,) = relations(turned("SpaceToDepth", [(1, 4, 6, 2)], {"blocksize": 2}, 13))[0]
    assert isinstance(moved.steps[0], Permute)


def test_a_resize_takes_its_axes_as_they_lie():
    scales = np.array([1, 2, 3, 1], np.float32)
    case = turned(
        "Resize",
        [(1, 2, 3, 4), None, scales],
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        13,
    )
    assert outcome(case).shapes == ((1, 4, 9, 4),)
    (relation,) = relations(case)[0]
    assert reads(relation, (0, 3, 7, 2)) == {(0, 1, 2, 2)}


def test_other_quantized_operators_and_unpooling():
    case = turned("QLinearAveragePool", [(1, 4, 4, 2), (), (), (), ()], {"kernel_shape": [2, 2]}, 1)
    assert outcome(case).shapes == ((1, 3, 3, 2),)
    assert len(reads(relations(case)[0][0], (0, 1, 1, 1))) == 4
    assert reads(relations(case)[3][0], (0, 1, 1, 1)) == {()}
    inputs = [(1, 3, 2), (), (), (2, 3, 2), (), (), (), (), (3,)]
    case = turned("QLinearConvTranspose", inputs, {"strides": [2]}, 1)
    assert outcome(case).shapes == ((1, 6, 3),)
    assert reads(relations(case)[0][0], (0, 3, 1)) == {(0, 1, 0), (0, 1, 1)}
    assert reads(relations(case)[8][0], (0, 3, 1)) == {(1,)}
    inputs = [(1, 2, 2, 3), Data((1, 2, 2, 3), "int64")]
    case = turned("MaxUnpool", inputs, {"kernel_shape": [2, 2], "strides": [2, 2]}, 11)
    assert outcome(case).shapes == ((1, 4, 4, 3),)
    assert relations(case)[0][0].steps == (Everything((1, 4, 4, 3), unknown=True),)


INVALID = [
    (turned("Conv", [(1, 4), weights(1, 1, 1)]), "rank"),
    (turned("MaxUnpool", [(1, 4, 2), (1, 2, 4)], {"kernel_shape": [2]}), "input 1"),
    (turned("Conv", [(1, 5, 3), weights(2, 2, 2)]), "channels"),
    (blocked("ReorderOutput", [(1, 16, 2, 2)]), "channels"),
    (blocked("ReorderOutput", [(1, 16, 2, 2)], {"channels": 17}), "channels"),
    (blocked("Conv", [(1, 16, 2, 2), weights(16, 48, 1, 1)]), "channels"),
    (blocked("Conv", [(1, 16, 2, 2), weights(16, 16, 1, 1), None, (1, 16, 1, 2)]), "input 3"),
    (blocked("Upsample", [(1, 16, 2, 2)], {"scales": [1, 1, 2]}), "scales"),
    (blocked("Upsample", [(1, 16, 2, 2)], {"scales": [1, 1, 0, 2]}), "scales"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
