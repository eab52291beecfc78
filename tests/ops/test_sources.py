"""Operators that read no data: shapes and values against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, op_node, outcome, prober
from rfgraph.ops.node import OpNode, RuleError, UnresolvedError, Value
from rfgraph.ops.registry import find_rule
from rfgraph.ops.standard.sources import constant

I64 = np.int64


def ints(*values):
    return np.array(values, dtype=I64)


def number(value, dtype=I64):
    return np.array(value, dtype=dtype)


def floats(*values):
    return [np.array(value, np.float32) for value in values]


# Cases whose values the rule gives: they must equal what onnxruntime computes.
VALUES = [
    Case("Shape", [(2, 3, 4)], version=1),
    Case("Shape", [()], version=13),
    Case("Shape", [(2, 3, 4)], {"start": -2}, version=15),
    Case("Shape", [(2, 3, 4)], {"start": 1, "end": -1}, version=19),
    Case("Shape", [(2, 3, 4)], {"start": 5}, version=15),
    Case("Shape", [(2, 3, 4)], {"start": 2, "end": 1}, version=15),
    Case("Size", [(2, 3)], version=13),
    Case("Size", [()], version=1),
    Case("EyeLike", [(2, 3)], {"dtype": 7, "k": 1}, version=9),
    Case("EyeLike", [(3, 3)], {"dtype": 1, "k": -5}, version=9),
    Case("ConstantOfShape", [ints(2, 3)], version=9),
    Case("ConstantOfShape", [ints()], version=9),
    Case("ConstantOfShape", [ints(2, 0)], version=20),
    Case("Range", [number(5), number(0), number(-2)], version=11),
    Case("Range", [number(0), number(5), number(1)], version=11),
    Case("Range", [number(3), number(1), number(1)], version=11),
]

# Cases whose shape alone the rule gives.
SHAPES = [
    Case("EyeLike", [(2, 3)], version=9),
    Case("Range", floats(0, 1, 0.1), version=11),
    Case("Range", floats(1, 0, -0.3), version=11),
    Case("RandomNormal", [], {"shape": [2, 3]}, version=1),
    Case("RandomUniform", [], {"shape": [1]}, version=1),
    Case("RandomNormalLike", [(2, 3)], version=1),
    Case("RandomUniformLike", [(2, 3)], {"high": 2.0}, version=1),
    Case("HannWindow", [number(5)], version=17),
    Case("HammingWindow", [number(4)], {"periodic": 0}, version=17),
    Case("BlackmanWindow", [number(3)], version=17),
    Case("MelWeightMatrix", [number(4), number(16), number(8000), *floats(0, 4000)], version=17),
]


def feeds(case):
    return {f"x{slot}": np.ones(data.shape, data.dtype) for slot, data in case.data().items()}


@pytest.mark.parametrize("case", VALUES, ids=str)
def test_values_equal_onnxruntime(case):
    (value,) = outcome(case).values
    (truth,) = prober(case).session.run(None, feeds(case))
    np.testing.assert_array_equal(value, truth)
    assert (value.dtype, value.shape) == (truth.dtype, truth.shape)


@pytest.mark.parametrize("case", VALUES, ids=str)
def test_value_has_the_shape_given(case):
    found = outcome(case)
    assert found.shapes == (found.values[0].shape,)


# An operator that draws random numbers changes from run to run: the shape alone is compared.
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_shape_equals_onnxruntime(case):
    (truth,) = prober(case).session.run(None, feeds(case))
    assert outcome(case).shapes == (truth.shape,)


@pytest.mark.parametrize("case", VALUES + SHAPES, ids=str)
def test_no_data_input_is_read(case):
    assert [link for link in outcome(case).links if link.input in case.data()] == []


def test_shape_is_not_read_under_onnxruntime():
    assert mismatches(Case("Shape", [(2, 3)], version=15)) == []
    assert mismatches(Case("Size", [(2, 3)], version=13)) == []


CONSTANTS = [
    ({"value_int": 3}, number(3)),
    ({"value_ints": [1, 2]}, ints(1, 2)),
    ({"value_ints": []}, ints()),
    ({"value_float": 0.5}, number(0.5, np.float32)),
    ({"value_floats": [0.5, 2.0]}, number([0.5, 2], np.float32)),
    ({"value_string": "a"}, np.array("a", dtype=object)),
    ({"value_strings": ["a", "bc"]}, np.array(["a", "bc"], dtype=object)),
    ({"value": np.arange(6).reshape(2, 3)}, np.arange(6).reshape(2, 3)),
    ({"value": Value((2,), True, ints(4, 5))}, ints(4, 5)),
]


@pytest.mark.parametrize(("attributes", "value"), CONSTANTS)
def test_constant_gives_its_value(attributes, value):
    found = constant(OpNode("Constant", [], attributes=attributes))
    assert found.shapes == (value.shape,)
    assert found.values[0].dtype == value.dtype
    np.testing.assert_array_equal(found.values[0], value)


def test_constant_whose_payload_was_dropped_has_a_shape_only():
    found = constant(OpNode("Constant", [], attributes={"value": Value((5, 7), True)}))
    assert (found.shapes, found.values) == (((5, 7),), (None,))


def test_a_fill_whose_value_is_not_known_leaves_the_shape():
    found = outcome(Case("ConstantOfShape", [ints(2)], {"value": Value((1,), True)}))
    assert (found.shapes, found.values) == (((2,),), (None,))
    found = outcome(Case("ConstantOfShape", [ints(2)], {"value": Value((), True, number(7))}))
    np.testing.assert_array_equal(found.values[0], [7, 7])


def test_has_element():
    absent = OpNode("OptionalHasElement", [], version=18)
    (value,) = outcome_of(absent).values
    assert not value
    assert outcome_of(OpNode("OptionalHasElement", [Value((2,))], version=18)).values == (None,)


def outcome_of(node):
    return find_rule("", node.op_type).function(node)


def test_given_tensor_fill():
    node = OpNode("GivenTensorFill", [], attributes={"shape": [2, 3], "extra_shape": [4]})
    assert outcome_of(node).shapes == ((2, 3, 4),)
    node = OpNode("GivenTensorFill", [Value((5, 6))])
    assert outcome_of(node).shapes == ((5, 6),)
    given = Value((2,), True, ints(5, 6))
    node = OpNode("GivenTensorFill", [given], attributes={"input_as_shape": 1})
    assert outcome_of(node).shapes == ((5, 6),)


def test_huge_shapes_cost_nothing():
    assert outcome(Case("Shape", [(1 << 62, 1 << 62)])).values[0].tolist() == [1 << 62] * 2
    assert outcome(Case("Size", [(1 << 62, 1 << 62)])).values == (None,)
    assert outcome(Case("ConstantOfShape", [ints(1 << 62, 3)])).values == (None,)
    assert outcome(Case("ConstantOfShape", [ints(1 << 62, 0)])).values == (None,)
    assert outcome(Case("EyeLike", [(1 << 62, 0)], {"dtype": 1})).values == ()
    assert outcome(Case("Range", [number(0), number(1 << 62), number(1)])).shapes == ((1 << 62,),)


INVALID = [
    (Case("ConstantOfShape", [ints(-1)]), "at least 0"),
    (Case("ConstantOfShape", [ints(2)], {"value": ints(1, 2)}), "one element"),
    (Case("ConstantOfShape", [ints(2)], {"value": Value((2,), True)}), "one element"),
    (Case("ConstantOfShape", [ints(2)], {"value": 2}), "tensor"),
    (Case("ConstantOfShape", [floats(2)[0]]), "integers"),
    (Case("Range", [number(1), number(2), number(0)]), "delta"),
    (Case("Range", floats(0, float("nan"), 1)), "delta"),
    (Case("Range", [ints(1, 2), number(2), number(1)]), "one number"),
    (Case("EyeLike", [(2,)]), "rank 2"),
    (Case("RandomNormal", []), "'shape'"),
    (Case("RandomNormal", [], {"shape": [-2]}), "at least 0"),
    (Case("HannWindow", [number(-1)]), "at least 0"),
    (Case("HannWindow", floats(4)), "integer"),
    (Case("Constant", []), "one attribute"),
    (Case("Constant", [], {"value_int": 1, "value_float": 2.0}), "one attribute"),
    (Case("Constant", [], {"value": 3}), "tensor"),
    (Case("Constant", [], {"value_int": [3]}), "integer"),
    (Case("Constant", [], {"value_string": ["a"]}), "type"),
    (Case("GivenTensorFill", []), "shape"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


@pytest.mark.parametrize(
    "case",
    [
        Case("ConstantOfShape", [Data((2,), "int64")]),
        Case("Range", [number(0), Data((), "int64"), number(1)]),
        Case("HannWindow", [Data((), "int64")]),
    ],
    ids=str,
)
def test_a_length_that_depends_on_data_is_unresolved(case):
    with pytest.raises(UnresolvedError, match="computed from data"):
        outcome(case)
    assert op_node(case).op_type == case.op
