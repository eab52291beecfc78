"""Elementwise operators against onnxruntime, and by hand where onnxruntime has no kernel."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.relations.steps import Pointwise

I64 = np.int64
BOOL = Data((2, 3), "bool")
HALF = np.array(0.5, np.float32)
FLOOR = np.array(-1e30, np.float32)


def ints(*values):
    return np.array(values, dtype=I64)


UNARY = """Abs Acos Asin Asinh Atan Ceil Cos Cosh Erf Exp Floor Log Neg Reciprocal Round Sigmoid
    Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh Identity Relu Elu Selu LeakyRelu HardSigmoid
    HardSwish ThresholdedRelu Celu Gelu IsNaN IsInf Shrink Mish Acosh Atanh""".split()


@pytest.mark.parametrize("op", UNARY)
def test_unary_reads_its_own_index(op):
    (links,) = relations(Case(op, [(2, 3)])).values()
    assert [relation.steps for relation in links] == [(Pointwise((2, 3)),)]


@pytest.mark.parametrize("op", [op for op in UNARY if op not in ("Acos", "Asin", "Atanh", "Acosh")])
def test_unary_against_onnxruntime(op):
    assert mismatches(Case(op, [(2, 3)], version=20)) == []


CASES = [
    Case("Not", [BOOL]),
    Case("BitwiseNot", [Data((2, 3), "int32")], version=18),
    Case("Cast", [(2, 3)], {"to": 11}, version=13),
    Case("CastLike", [(2, 3), Data((1,), "float64")], version=19),
    Case("Add", [(2, 3), (2, 3)]),
    Case("Sub", [(2, 3), (3,)], version=7),
    Case("Mul", [(2, 1, 3), (4, 1)], version=13),
    Case("Div", [(), (2, 3)]),
    Case("Pow", [(2, 3), (2, 1)], version=12),
    Case("Mod", [(2, 3), (3,)], {"fmod": 1}, version=13),
    Case("Xor", [BOOL, BOOL], version=7),
    Case("BitShift", [Data((2, 3), "uint8", (1, 5)), Data((3,), "uint8")], {"direction": "LEFT"}),
    Case("Max", [(2, 3), (3,), (2, 1)], version=13),
    Case("Sum", [(2, 3), (3,), (1, 1)], version=8),
    Case("Mean", [(2, 3)], version=13),
    Case("Min", [(2, 3), (2, 3)], version=6),
    Case("Clip", [(2, 3)], {"min": -1e30, "max": 1e30}, version=6),
    Case("Clip", [(2, 3), FLOOR, None], version=13),
    Case("Dropout", [(2, 3)], version=13, outputs=(True, True)),
    Case("Dropout", [(2, 3)], {"ratio": 0.3}, version=7),
    Case("Dropout", [(2, 3), HALF, np.array(False)], version=12),
    Case("Where", [np.array([True, False, True]), (2, 3), (2, 3)], version=16),
    Case("Where", [np.tri(3, 4, dtype=bool), (2, 3, 4), (1,)], version=16),
    Case("Where", [np.array([[[True]], [[False]]]), (2, 3, 4), (4,)], version=16),
    Case("Where", [np.ones((1, 1), bool), (2, 3), (3,)], version=16),
    Case("Where", [np.eye(3, dtype=bool).reshape(3, 1, 3), (3, 2, 3), (1,)], version=16),
    Case("QuantizeLinear", [(2, 3), (), np.array(3, np.uint8)], version=10),
    Case("QuantizeLinear", [(2, 3), (2,), None], {"axis": 0}, version=13),
    Case("DequantizeLinear", [Data((2, 5), "uint8"), (2, 3), None], {"block_size": 2}, version=21),
    Case("DequantizeLinear", [Data((4,), "int8"), ()], version=13),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_against_onnxruntime(case):
    assert mismatches(case) == []


# Values hide part of what is read (False absorbs, a positive number needs no slope, an index hits
# one place): here nothing may be read beyond what the rule says.
HIDDEN = [
    (Case("And", [BOOL, Data((3,), "bool")], version=7), (0, 1)),
    (Case("BitwiseAnd", [Data((2, 3), "int32"), Data((1, 3), "int32")], version=18), (0, 1)),
    (Case("PRelu", [(2, 3, 4), (3, 1)], version=16), (1,)),
    (Case("PRelu", [(2, 3), (1,)], version=7), (1,)),
    (Case("Where", [BOOL, (2, 3), (3,)], version=16), (0, 1, 2)),
    (Case("Where", [BOOL, (2, 1), ()], version=9), (0, 1, 2)),
    (
        Case("OneHot", [Data((2, 3), "int64", (0, 4)), ints(4), (2,)], {"axis": 1}, version=11),
        (0, 2),
    ),
    (
        Case(
            "OneHot", [Data((2,), "float32", (0, 4)), np.array([4.0], np.float32), (2,)], version=11
        ),
        (0, 2),
    ),
    (Case("QuantizeLinear", [(2, 3, 2), (3,), np.zeros(3, np.uint8)], version=13), (0, 1)),
]


@pytest.mark.parametrize(("case", "within"), HIDDEN, ids=str)
def test_nothing_more_against_onnxruntime(case, within):
    assert mismatches(case, within=within) == []
    assert set(case.data()) <= set(relations(case))


# --- by hand: what onnxruntime does not run ---------------------------------------------------


# The first operator sets place the second input at an axis of the first: index of B for C[1, 2, 3].
LIMITED = [
    ((2, 3, 4), (2, 3, 4), {}, (1, 2, 3)),
    ((2, 3, 4), (4,), {"broadcast": 1}, (3,)),
    ((2, 3, 4), (3, 4), {"broadcast": 1}, (2, 3)),
    ((2, 3, 4), (3,), {"broadcast": 1, "axis": 1}, (2,)),
    ((2, 3, 4), (3, 4), {"broadcast": 1, "axis": 1}, (2, 3)),
    ((2, 3, 4), (2,), {"broadcast": 1, "axis": 0}, (1,)),
    ((2, 3, 4), (4,), {"broadcast": 1, "axis": -1}, (3,)),
    ((2, 3, 4), (), {"broadcast": 1}, ()),
    ((2, 3, 4), (1, 1), {"broadcast": 1, "axis": 0}, (0, 0)),
]


@pytest.mark.parametrize("op", ["Add", "Mul", "Pow", "And", "Less"])
@pytest.mark.parametrize(("first", "second", "attributes", "index"), LIMITED)
def test_limited_broadcasting(op, first, second, attributes, index):
    case = Case(op, [first, second], attributes, version=6)
    assert outcome(case).shapes == (first,)
    assert read_at(case, 0, (1, 2, 3)) == {(1, 2, 3)}
    assert read_at(case, 1, (1, 2, 3)) == {index}


@pytest.mark.parametrize("version", [1, 6])
def test_slope_per_channel_of_the_first_operator_sets(version):
    case = Case("PRelu", [(2, 3, 4, 5), (3,)], version=version)
    assert read_at(case, 1, (1, 2, 3, 4)) == {(2,)}
    assert read_at(Case("PRelu", [(2, 3, 4), (1,)], version=version), 1, (1, 2, 3)) == {(0,)}
    assert read_at(Case("PRelu", [(2, 3), (3,)], version=version), 1, (1, 2)) == {(2,)}


POINTWISE = [
    Case("Swish", [(2, 3)], {"alpha": 2.0}, version=24),
    Case("BitCast", [(2, 3)], {"to": 6}, version=26),
    Case("Bernoulli", [(2, 3)], {"dtype": 1}, version=15),
    Case("Affine", [(2, 3)], {"alpha": 2.0, "beta": 1.0}, version=1),
    Case("ImageScaler", [(2, 3)], {"scale": 2.0, "bias": [1.0]}, version=1),
    Case("ParametricSoftplus", [(2, 3)], {"alpha": 2.0}, version=1),
    Case("ScaledTanh", [(2, 3)], {"alpha": 2.0}, version=1),
    Case("Scale", [(2, 3)], {"scale": 2.0}, version=1),
    Case("MemcpyToHost", [(2, 3)], version=1),
    Case("SwiGLU", [(2, 3), (2, 3)], {"alpha": 1.0}, version=28),
]


@pytest.mark.parametrize("case", POINTWISE, ids=str)
def test_pointwise_by_name(case):
    found = outcome(case)
    assert found.shapes == ((2, 3),)
    assert [link.steps for link in found.links] == [(Pointwise((2, 3)),)] * len(case.inputs)


def test_only_the_type_of_a_cast_counts():
    assert set(relations(Case("CastLike", [(2, 3), (5,)], version=15))) == {0}


@pytest.mark.parametrize("mode", [np.array(True), Data((), "bool")])
def test_dropout_in_training_reads_its_ratio(mode):
    case = Case("Dropout", [(2, 3), (), mode], version=13, outputs=(True, True))
    assert read_at(case, 0, (1, 2)) == {(1, 2)}
    assert read_at(case, 1, (1, 2)) == {()}
    assert read_at(case, 0, (1, 2), output=1) == set()
    assert read_at(case, 1, (1, 2), output=1) == {()}
    assert outcome(case).shapes == ((2, 3), (2, 3))


def test_clip_reads_computed_bounds_everywhere():
    case = Case("Clip", [(2, 3), (), (1,)], version=13)
    assert [read_at(case, slot, (1, 2)) for slot in range(3)] == [{(1, 2)}, {()}, {(0,)}]


def test_quantization_parameters_per_row_and_block():
    case = Case("QuantizeLinear", [(2, 5), (2,), Data((2,), "uint8")], {"axis": -2}, version=13)
    assert read_at(case, 1, (1, 4)) == read_at(case, 2, (1, 4)) == {(1,)}
    case = Case("QuantizeLinear", [(2, 5), (2, 3)], {"axis": 1, "block_size": 2}, version=25)
    assert [read_at(case, 1, (1, o)) for o in range(5)] == [{(1, o // 2)} for o in range(5)]


def test_a_known_condition_that_varies_too_far_is_an_upper_bound():
    mask = np.tri(1100, dtype=bool)
    (relation,) = relations(Case("Where", [mask, (1100, 1100), ()], version=16))[1]
    assert relation.is_pointwise
    mask = np.broadcast_to(np.array(True), (1 << 13, 1 << 12))
    assert set(relations(Case("Where", [mask, mask.shape, ()], version=16))) == {0, 1, 2}


def test_a_known_condition_that_is_a_box_keeps_axes_apart():
    mask = np.zeros((6, 8), bool)
    mask[2:4, ::2] = True
    case = Case("Where", [mask, (6, 8), (6, 8)], version=16)
    for index in np.ndindex(6, 8):
        assert read_at(case, 1, index) == ({index} if mask[index] else set())
        assert read_at(case, 2, index) == (set() if mask[index] else {index})


INVALID = [
    (Case("Relu", []), "input 0"),
    (Case("Add", [(2, 3)]), "input 1"),
    (Case("Add", [(2, 3), (4,)]), "broadcast"),
    (Case("Add", [(2, 3), (3,)], version=6), "equal shape"),
    (Case("Add", [(2, 3), (2,)], {"broadcast": 1}, version=6), "from axis 1 on"),
    (Case("Add", [(2, 3), (2, 2, 3)], {"broadcast": 1}, version=6), "axis"),
    (Case("Add", [(2, 3), (3,)], {"broadcast": 1, "axis": 5}, version=6), "axis"),
    (Case("Sum", []), "at least one input"),
    (Case("Sum", [(2, 3), (3,)], version=6), "equal shape"),
    (Case("SwiGLU", [(2, 3), (3,)]), "equal shape"),
    (Case("Clip", [(2, 3), (2,)]), "one element"),
    (Case("Where", [np.array([1, 0]), (2,), (2,)]), "booleans"),
    (Case("Where", [Data((2,), "bool"), (3,), (2,)]), "broadcast"),
    (Case("OneHot", [(2,), ints(1, 2), (2,)]), "one number"),
    (Case("OneHot", [(2,), ints(0), (2,)]), "at least 1"),
    (Case("OneHot", [(2,), np.array([np.nan]), (2,)]), "at least 1"),
    (Case("OneHot", [(2,), ints(3), (3,)]), "2 elements"),
    (Case("OneHot", [(2,), ints(3), (2,)], {"axis": 5}), "axis"),
    (Case("QuantizeLinear", [(2, 3), (4,)]), "3 elements"),
    (Case("QuantizeLinear", [(2, 4), (2, 3)], {"block_size": 2}), "requires shape"),
    (Case("QuantizeLinear", [(2, 4), (2, 3)], {"block_size": -1}), "block_size"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


def test_a_depth_that_depends_on_data_is_unresolved():
    with pytest.raises(UnresolvedError, match="computed from data"):
        outcome(Case("OneHot", [(2,), Data((), "int64"), (2,)]))
