"""onnxruntime's elementwise and quantized operators, against onnxruntime unit by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at
from ops.probes import Formula
from rfgraph.ops.node import RuleError, UnresolvedError

ONE = np.array(1, np.float32)
ZERO = np.array(0, np.uint8)
HALF = np.array(0.5, np.float32)
FINE = np.array(1 / 256, np.float32)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def bytes_(*shape, low=0, high=100):
    return Data(shape, "uint8", (low, high))


EXACT = [
    *(node(op, [(2, 3)]) for op in ("Gelu", "QuickGelu", "SampleOp")),
    node("MurmurHash3", [Data((2, 3), "int32", (0, 99))], {"seed": 7, "positive": 0}),
    node("BiasGelu", [(2, 2, 3), (3,)]),
    node("FastGelu", [(2, 2, 3), (3,)]),
    node("FastGelu", [(2, 3)]),
    node("ScaledSiLU", [(2, 3)], {"alpha": 2.0}),
    node("ScaledSiLU", [(2, 3), ()]),
    node("GatedAdd", [(2, 2, 3), (2, 2, 3), (2, 2, 1)]),
    node("LinearAttentionGate", [(2, 2, 3), (3,), (3,), (2, 2, 3)], outputs=(True, True)),
    node("LinearAttentionGate", [(1, 2, 3), (3,), (3,)]),
    node("QLinearAdd", [bytes_(2, 3), ONE, ZERO, bytes_(1, 3), ONE, ZERO, ONE, ZERO]),
    node(
        "QLinearMul",
        [bytes_(2, 1, low=1, high=9), ONE, ZERO, bytes_(3, low=1, high=9), ONE, ZERO, ONE, ZERO],
    ),
    node("QLinearSigmoid", [bytes_(2, 3, high=4), ONE, ZERO, FINE, ZERO]),
    node("QLinearLeakyRelu", [bytes_(2, 3), ONE, ZERO, ONE, ZERO], {"alpha": 0.5}),
    node(
        "QLinearWhere",
        [np.eye(2, 3) > 0, bytes_(2, 3), ONE, ZERO, bytes_(2, 3), ONE, ZERO, ONE, ZERO],
    ),
    node(
        "QLinearConcat",
        [ONE, ZERO, bytes_(2, 1, 2), ONE, ZERO, bytes_(2, 3, 2), ONE, ZERO],
        {"axis": 1},
    ),
    *(
        node("QLinearSoftmax", [bytes_(2, 2, 3, high=2), ONE, ZERO, FINE, ZERO], attributes)
        for attributes in [
            {"opset": 13, "axis": 1},
            {"opset": 13},
            {"opset": 11, "axis": 1},
            {"opset": 11},
        ]
    ),
    node(
        "QuantizeLinear",
        [(2, 3), np.full(3, 1 / 64, np.float32), np.zeros(3, np.uint8)],
        {"axis": 1},
    ),
    node("QuantizeLinear", [(2, 3), np.array(1 / 64, np.float32), ZERO]),
    node("DequantizeLinear", [bytes_(2, 3), (2,), np.zeros(2, np.uint8)], {"axis": 0}),
    node("DequantizeLinear", [bytes_(2, 3), ()]),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case) == []


def test_a_computed_condition_may_choose_either():
    alternatives = [bytes_(2, 1), ONE, ZERO, bytes_(3, low=100, high=200), ONE, ZERO]
    case = node("QLinearWhere", [Data((2, 3), "bool"), *alternatives, ONE, ZERO])
    assert mismatches(case, within=(1, 4)) == []
    assert [read_at(case, slot, (1, 2)) for slot in (0, 1, 4)] == [{(1, 2)}, {(1, 0)}, {(2,)}]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def projected_gate(x, y, gate, weights):
    return [x + y * sigmoid(gate @ weights)]


def swiglu(gate, up=None):
    gate, up = np.split(gate, 2, -1) if up is None else (gate, up)
    return [gate * sigmoid(gate) * up]


DEFINITIONS = {"GatedAdd": projected_gate, "SwiGLU": swiglu}
DEFINED = [
    node("GatedAdd", [(1, 2, 3), (1, 2, 3), (1, 2, 4), (4, 1)]),
    node("GatedAdd", [(3,), (3,), (4,), (4, 1)]),
    node("SwiGLU", [(2, 3), (2, 3)]),
    node("SwiGLU", [(1, 2, 6)]),
]


@pytest.mark.parametrize("case", DEFINED, ids=str)
def test_a_unit_reads_what_the_definition_does(case):
    assert mismatches(case, probe=Formula(case, DEFINITIONS[case.op])) == []


def test_operators_without_a_kernel_by_hand():
    case = node("BiasAdd", [(2, 3, 4), (4,), (2, 3, 4)])
    assert [read_at(case, slot, (1, 2, 3)) for slot in range(3)] == [
        {(1, 2, 3)},
        {(3,)},
        {(1, 2, 3)},
    ]
    case = node("BiasSplitGelu", [(1, 2, 6), (6,)])
    assert outcome(case).shapes == ((1, 2, 3),)
    assert read_at(case, 0, (0, 1, 1)) == {(0, 1, 1), (0, 1, 4)}
    assert read_at(case, 1, (0, 1, 1)) == {(1,), (4,)}
    case = node("ComplexMul", [(3, 2), (2, 1, 2)])
    assert read_at(case, 0, (1, 2, 0)) == {(2, 0), (2, 1)}
    assert read_at(case, 1, (1, 2, 0)) == {(1, 0, 0), (1, 0, 1)}
    case = node("IsAllFinite", [(2,), (1, 2)])
    assert outcome(case).shapes == ((),)
    assert read_at(case, 1, ()) == {(0, 0), (0, 1)}
    case = node("MulInteger", [(2, 1), (), (3,), None])
    assert [read_at(case, slot, (1, 2)) for slot in range(3)] == [{(1, 0)}, {()}, {(2,)}]
    case = node("QOrderedGelu", [(2, 3), (), ()])
    assert [read_at(case, slot, (1, 2)) for slot in range(3)] == [{(1, 2)}, {()}, {()}]
    case = node("QuantizeWithOrder", [(2, 3), ()], {"order_input": 1, "order_output": 2})
    assert [read_at(case, slot, (1, 2)) for slot in range(2)] == [{(1, 2)}, {()}]


def test_reductions_without_a_kernel_by_hand():
    case = node("ReduceSumInteger", [(2, 3, 2)], {"axes": [-2], "keepdims": 0})
    assert outcome(case).shapes == ((2, 2),)
    assert read_at(case, 0, (1, 0)) == {(1, at, 0) for at in range(3)}
    case = node("QLinearReduceMean", [(2, 3), (), None, ()], {"axes": [0], "keepdims": 1})
    assert outcome(case).shapes == ((1, 3),)
    assert read_at(case, 0, (0, 2)) == {(0, 2), (1, 2)}
    assert read_at(case, 3, (0, 2)) == {()}


def test_dropouts_read_their_ratio_only_while_training():
    inputs = [(2, 20), (20,), None, (), np.array(True)]
    case = node("BitmaskBiasDropout", inputs, outputs=(True, True))
    assert outcome(case).shapes == ((2, 20), (2,))
    assert read_at(case, 0, (1, 3)) == {(1, 3)}
    assert read_at(case, 1, (1, 3)) == {(3,)}
    assert read_at(case, 3, (1, 3)) == {()}
    assert read_at(case, 0, (1,), output=1) == set()
    assert read_at(case, 3, (1,), output=1) == {()}
    still = node("BiasDropout", [*inputs[:4], np.array(False)], outputs=(True, True))
    assert outcome(still).shapes == ((2, 20), (2, 20))
    assert read_at(still, 3, (1, 3)) == set()
    assert outcome(node("BitmaskDropout", [(2, 20)])).shapes == ((2, 20),)


def test_the_scale_of_a_part_is_read_by_that_part_alone():
    case = node("QLinearConcat", [(), (), (2, 1), (), (), (2, 2), (1,), None], {"axis": 1})
    assert [read_at(case, 3, (1, o)) for o in range(3)] == [{()}, set(), set()]
    assert [read_at(case, 6, (1, o)) for o in range(3)] == [set(), {(0,)}, {(0,)}]
    assert [read_at(case, 1, (1, o)) for o in range(3)] == [{()}] * 3


INVALID = [
    (node("BiasGelu", [(2, 3), (4,)]), "3 elements"),
    (node("BiasAdd", [(2, 3), (3,), (2, 4)]), "requires shape"),
    (node("BiasSplitGelu", [(2, 3), (3,)]), "even last axis"),
    (node("SwiGLU", [(2, 3)]), "even last axis"),
    (node("BiasDropout", [(2, 3), (4,)]), "broadcasts"),
    (node("GatedAdd", [(2, 3), (2, 3), (2, 3)]), "requires shape"),
    (node("GatedAdd", [(2, 3), (2, 3), (2, 4), (3, 1)]), "input 3"),
    (node("ComplexMul", [(2, 3), (2, 2)]), "last axis of 2"),
    (node("QLinearConcat", [(), (), (2, 1), ()], {"axis": 1}), "threes"),
    (node("QLinearSoftmax", [(2, 3), ()]), "'opset'"),
    (node("QLinearAdd", [(2, 3), (2,), None, (2, 3)]), "one element"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_packed_numbers_are_unresolved():
    with pytest.raises(UnresolvedError, match="packed"):
        outcome(node("QuantizeBFP", [(2, 3)], {"bfp_type": 1}))
