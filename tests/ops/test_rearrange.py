"""Operators that move elements, against onnxruntime, and by hand where it has no kernel."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from rfgraph.analysis.not_followed import has_unknown
from rfgraph.errors import BoundError
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.relations.axis_rules import Shift, Whole
from rfgraph.relations.steps import Reduce, Select

I64 = np.int64
INT_MAX, INT_MIN = 2**63 - 1, -(2**63)
BOTH = (True, True)
THREE = (True, True, True)


def ints(*values):
    return np.array(values, dtype=I64)


def pad(shape, pads, mode="constant", version=19, axes=None, value=None):
    inputs = [shape, ints(*pads), value]
    if axes is not None:
        inputs.append(ints(*axes))
    return Case("Pad", inputs, {"mode": mode}, version)


def slice_(shape, *parts, version=13):
    return Case("Slice", [shape, *(ints(*part) for part in parts)], version=version)


SHAPES = [
    Case("Reshape", [(2, 3, 4), ints(4, 6)], version=5),
    Case("Reshape", [(2, 3, 4), ints(0, -1)], version=13),
    Case("Reshape", [(2, 3, 4), ints(2, 3, 4)], version=14),
    Case("Reshape", [(2, 3), ints(6)], {"allowzero": 1}, version=14),
    Case("Reshape", [(0, 3), ints(3, 0)], {"allowzero": 1}, version=14),
    Case("Reshape", [(1,), np.zeros(0, I64)], version=14),
    Case("Flatten", [(2, 3, 4)], version=9),
    Case("Flatten", [(2, 3, 4)], {"axis": 0}, version=13),
    Case("Flatten", [(2, 3, 4)], {"axis": 3}, version=13),
    Case("Flatten", [(2, 3, 4)], {"axis": -1}, version=11),
    Case("Squeeze", [(1, 3, 1)], version=11),
    Case("Squeeze", [(1, 3, 1)], {"axes": [0]}, version=1),
    Case("Squeeze", [(1, 3, 1), ints(-1)], version=13),
    Case("Squeeze", [(1, 3, 1)], version=13),
    Case("Squeeze", [(1, 3), ints(0, -2)], version=13),
    Case("Flatten", [()], {"axis": 0}, version=13),
    Case("Transpose", [()], version=13),
    Case("Squeeze", [(1, 3, 1), ints()], version=13),
    Case("Unsqueeze", [(2, 3)], {"axes": [0, 3]}, version=11),
    Case("Unsqueeze", [(2, 3), ints(-1, 1)], version=13),
    Case("Transpose", [(2, 3, 4)], version=13),
    Case("Transpose", [(2, 3, 4)], {"perm": [1, 2, 0]}, version=13),
    Case("Transpose", [(2, 3)], {"perm": [0, 1]}, version=1),
    Case("Expand", [(3, 1), ints(2, 1, 4)], version=8),
    Case("Expand", [(3, 4), ints(1)], version=13),
    Case("Tile", [(2, 3), ints(2, 3)], version=6),
    Case("Tile", [(2, 3), ints(1, 1)], version=13),
    Case("Tile", [(2, 3), ints(0, 2)], version=13),
    Case("DepthToSpace", [(1, 8, 2, 3)], {"blocksize": 2}, version=1),
    Case("DepthToSpace", [(1, 8, 2, 3)], {"blocksize": 2, "mode": "DCR"}, version=11),
    Case("DepthToSpace", [(1, 8, 2, 3)], {"blocksize": 2, "mode": "CRD"}, version=13),
    Case("SpaceToDepth", [(1, 2, 4, 6)], {"blocksize": 2}, version=13),
]

PADS = [
    pad((2, 3), (0, 1, 0, 2)),
    pad((2, 3), (1, 1, 2, 0), value=(1,)),
    pad((2, 3), (0, 1, 0, 2), value=()),
    pad((2, 3), (0, 0, 0, 0), value=()),
    pad((2, 3, 4), (1, 2, 0, 1), axes=(1, -1), value=()),
    pad((5,), (-1, -2)),
    pad((5,), (-2, 3)),
    pad((5,), (3, -2)),
    pad((5,), (2, 3), "edge"),
    pad((5,), (4, 3), "reflect"),
    pad((5,), (2, 3), "wrap"),
    pad((2, 4), (1, 2, 1, 3), "reflect"),
    pad((2, 4), (1, 2, 1, 3), "edge", version=13),
    pad((2, 4), (1, 2, 1, 3), "wrap"),
    pad((5,), (2, -2), "reflect"),
    pad((5,), (-1, 2), "edge"),
    pad((5,), (2, -2), "wrap"),
    pad((1, 3), (1, 0, 1, 0), "edge"),
    pad((2,), (5, 5), "wrap"),
    pad((0, 2), (0, 1, 0, 1), "edge"),
    pad((2,), (-3, 5)),
    pad((2,), (-3, 1)),
    Case("Pad", [(2, 3)], {"pads": [1, 0, 0, 2]}, version=2),
    Case("Pad", [(2, 4)], {"pads": [1, 2, 0, 1], "mode": "reflect"}, version=2),
]

SLICES = [
    slice_((5, 4), (1, 0), (3, 4)),
    slice_((5, 4), (1,), (INT_MAX,), (1,)),
    slice_((5, 4), (-3,), (-1,), (-2,)),
    slice_((7,), (0,), (7,), (0,), (3,)),
    slice_((7,), (-1,), (INT_MIN,), (0,), (-1,)),
    slice_((7,), (INT_MAX,), (INT_MIN,), (0,), (-2,)),
    slice_((7,), (5,), (1,), (0,), (-2,)),
    slice_((7,), (5,), (INT_MAX,), (0,), (-2,)),
    slice_((7,), (-100,), (INT_MIN,), (0,), (-1,)),
    slice_((7,), (-100,), (100,), (0,), (2,)),
    slice_((7,), (4,), (2,), (0,), (1,)),
    slice_((7,), (100,), (200,), (0,), (1,)),
    slice_((7,), (2,), (100,), (0,), (INT_MAX,)),
    slice_((4, 5, 6), (1, -1), (4, 0), (0, 2), (2, -1), version=10),
    Case("Slice", [(5, 4)], {"starts": [1, -3], "ends": [4, 1000], "axes": [0, 1]}, version=1),
    Case("Slice", [(5, 4)], {"starts": [2], "ends": [-1]}, version=1),
]

SPLITS = [
    Case("Split", [(2, 6)], {"axis": 1}, version=2, outputs=THREE),
    Case("Split", [(5, 2)], {"split": [1, 4]}, version=11, outputs=BOTH),
    Case("Split", [(6, 2)], {"axis": -2}, version=13, outputs=BOTH),
    Case("Split", [(6, 2), ints(2, 0, 4)], version=13, outputs=THREE),
    Case("Split", [(2, 7)], {"axis": 1, "num_outputs": 3}, version=18, outputs=THREE),
    Case("Split", [(4,)], {"num_outputs": 1}, version=18),
    Case("Concat", [(2, 3), (2, 1), (2, 2)], {"axis": 1}, version=4),
    Case("Concat", [(2, 3), (1, 3)], {"axis": -2}, version=13),
    Case("Concat", [(2, 3)], {"axis": 0}, version=11),
    Case("Concat", [(2, 0), (2, 3)], {"axis": 1}, version=13),
    Case("CenterCropPad", [(5, 4), ints(2, 7)], version=18),
    Case("CenterCropPad", [(4, 5, 3), ints(7, 2)], {"axes": [-1, 1]}, version=18),
    Case("CenterCropPad", [(5,), ints(4)], version=18),
    Case("CenterCropPad", [(5,), ints(6)], version=18),
]

INDEX = Data((2, 2), "int64", (0, 3))
GATHERS = [
    Case("Gather", [(4, 3), ints(3, 0, -1)], version=11),
    Case("Gather", [(2, 5, 3), np.array([[0, 2], [4, 1]])], {"axis": 1}, version=13),
    Case("Gather", [(2, 5), np.array(3)], {"axis": -1}, version=13),
    Case("Gather", [(2, 5), ints(1, 2, 3)], {"axis": 1}, version=1),
    Case("Gather", [(2, 5), ints(4, 2, 0)], {"axis": 1}, version=13),
    Case("Gather", [(2, 5), ints(2, 2)], {"axis": 1}, version=13),
    Case("Gather", [(5,), np.zeros((0,), I64)], version=13),
    Case("GatherElements", [(3, 4), np.array([[0, 3, -1]] * 3)], {"axis": 1}, version=11),
    Case("GatherElements", [(3, 4), np.array([[0, 3, 1], [2, 2, 0]])], {"axis": 1}, version=13),
    Case("GatherElements", [(3, 4), np.array([[2, 0], [-1, 1], [0, 0], [1, 2]])], version=13),
    Case("GatherElements", [(3, 4), np.zeros((0, 4), I64)], version=13),
    Case("GatherElements", [(2, 2, 3), np.array([[[0, 1, 2]], [[2, 0, 0]]])], {"axis": 2}),
    Case("GatherND", [(3, 4), ints(2, 0).reshape(2, 1)], version=11),
    Case("GatherND", [(3, 4), np.array([[2, 0], [0, -1]])], version=12),
    Case("GatherND", [(2, 3, 4), np.array([[[1]], [[2]]])], {"batch_dims": 1}, version=12),
    Case("GatherND", [(2, 3, 4), np.array([[1, 2]])], version=13),
    Case("GatherND", [(3, 4), np.zeros((2, 0), I64)], version=13),
    Case("Compress", [(3, 4), np.array([True, False, True])], {"axis": 0}, version=9),
    Case("Compress", [(3, 4), np.array([False, True, True, False, True])], version=11),
    Case("Compress", [(3, 4), np.array([False, True, True])], {"axis": -1}, version=11),
    Case("Compress", [(3, 4), np.array([True] * 5)], {"axis": 0}, version=11),
    Case("ReverseSequence", [(4, 3, 2), ints(4, 2, 1)], version=10),
    Case("ReverseSequence", [(3, 4), ints(4, 2, 0)], {"batch_axis": 0, "time_axis": 1}, version=10),
    Case("ReverseSequence", [(4, 2), ints(4, 4)], version=10),
    Case("Trilu", [(2, 3, 4)], version=14),
    Case("Trilu", [(3, 4), np.array(1)], version=14),
    Case("Trilu", [(4, 3), np.array(-1)], {"upper": 0}, version=14),
    Case("Trilu", [(3, 3), np.array(9)], {"upper": 1}, version=14),
    Case("Trilu", [(3, 3), np.array(9)], {"upper": 0}, version=14),
]


def nd(*axes):
    """Every combination of the positions given per axis, as indices of ScatterND."""
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(I64)


def row(*values):
    return np.array([values] * 3, dtype=I64)


SCATTERS = [
    Case("ScatterElements", [(3, 5), row(1, 3), (3, 2)], {"axis": 1}, version=11),
    Case("ScatterElements", [(3, 5), row(3, 4), (3, 2)], {"axis": -1}, version=13),
    Case("ScatterElements", [(3, 5), np.array([[1, -2]]), (1, 2)], {"axis": 1}, version=16),
    Case("ScatterElements", [(3, 5), np.array([[1, 2], [0, 1]]), (2, 2)], version=18),
    Case(
        "ScatterElements",
        [(3, 5), np.array([[1, 1], [0, 4]]), (2, 2)],
        {"axis": 1, "reduction": "add"},
        version=18,
    ),
    Case("Scatter", [(3, 3), np.array([[1, 0, 2], [0, 2, 1]]), (2, 3)], version=9),
    Case("ScatterND", [(4, 3), ints(2, 0).reshape(2, 1), (2, 3)], version=11),
    Case("ScatterND", [(4, 3), ints(1, 2).reshape(2, 1), (2, 3)], version=11),
    Case("ScatterND", [(4, 5), nd([0, 1, 2, 3], [1, 2]), (4, 2)], version=13),
    Case("ScatterND", [(4, 5), nd([0, 1, 2, 3], [3, 4]), (4, 2)], version=13),
    Case("ScatterND", [(4, 5), nd([0, 1, 2, 3], [0, 2, 4]), (4, 3)], version=13),
    Case("ScatterND", [(4, 5), nd([1, 2], [1, 2, 3]), (2, 3)], version=13),
    Case("ScatterND", [(4, 5), nd([1, 2], [1, 2, 3]), (2, 3)], {"reduction": "mul"}, version=16),
    Case("ScatterND", [(4, 5), nd(range(4), range(5)), (4, 5)], version=16),
    Case("ScatterND", [(3, 2, 3), nd([0, 2], [1]), (2, 1, 3)], version=16),
    Case("ScatterND", [(4, 5), np.array([[0, 0], [1, 4], [-1, 2]]), (3,)], version=16),
    Case("ScatterElements", [(3, 4), np.zeros((0, 4), I64), (0, 4)], version=18),
    Case("ScatterND", [(3, 4), np.zeros((0, 1), I64), (0, 4)], version=18),
    Case("ScatterND", [(4,), np.array([[1], [1], [2]]), (3,)], {"reduction": "add"}, version=18),
]


@pytest.mark.parametrize("case", SHAPES + PADS + SLICES + SPLITS + GATHERS + SCATTERS, ids=str)
def test_against_onnxruntime(case):
    assert mismatches(case) == []


# Indices that are data hit one place at a time: nothing may be read beyond what the rule says.
RUNTIME = [
    (Case("Gather", [(4, 3), Data((2,), "int64", (0, 4))], version=13), (0, 1)),
    (Case("Gather", [(2, 3), INDEX], {"axis": 1}, version=11), (0, 1)),
    (Case("GatherElements", [(3, 4), INDEX], version=11), (0, 1)),
    (Case("GatherND", [(3, 3, 2), Data((4, 2), "int64", (0, 3))], version=11), (0, 1)),
    (
        Case("GatherND", [(2, 3, 2), Data((2, 1), "int64", (0, 3))], {"batch_dims": 1}, version=12),
        (0, 1),
    ),
    (Case("ScatterElements", [(3, 4), INDEX, (2, 2)], version=11), (0, 1, 2)),
    (Case("ScatterElements", [(3, 4), INDEX, (2, 2)], {"axis": 1}, version=18), (0, 1, 2)),
    (Case("ScatterND", [(3, 4), Data((2, 1), "int64", (0, 3)), (2, 4)], version=13), (0, 1, 2)),
    (Case("ReverseSequence", [(4, 2), Data((2,), "int64", (1, 5))], version=10), (0, 1)),
    (Case("Trilu", [(3, 3), Data((), "int64", (-1, 2))], version=14), (0, 1)),
]


@pytest.mark.parametrize(("case", "within"), RUNTIME, ids=str)
def test_nothing_more_against_onnxruntime(case, within):
    assert mismatches(case, within=within) == []
    assert set(case.data()) == set(relations(case))


# An axis of one position leaves an index no choice, whatever it is computed from.
ONLY = Data((2, 3), "int64", (0, 1))


@pytest.mark.parametrize(
    "case",
    [
        Case("Gather", [(1, 4), ONLY], version=13),
        Case("Gather", [(4, 1), Data((), "int64", (0, 1))], {"axis": 1}, version=11),
        Case("GatherElements", [(1, 3), ONLY], version=13),
        Case("GatherND", [(1, 1, 5), Data((3, 2), "int64", (0, 1))], version=12),
        Case("GatherND", [(2, 1, 4), Data((2, 3, 1), "int64", (0, 1))], {"batch_dims": 1}, 12),
    ],
    ids=str,
)
def test_a_computed_index_into_one_position_is_known(case):
    assert mismatches(case, within=(1,)) == []
    assert not any(has_unknown(found) for found in relations(case)[0])


# --- by hand: what onnxruntime does not run ---------------------------------------------------


def test_first_versions():
    case = Case("Reshape", [(2, 3)], {"shape": [3, -1]}, version=1)
    assert outcome(case).shapes == ((3, 2),)
    assert read_at(case, 0, (1, 1)) == {(1, 0)}
    case = Case("Tile", [(2, 3), ints(2), ints(1)], version=1)
    assert outcome(case).shapes == ((2, 6),)
    assert read_at(case, 0, (1, 4)) == {(1, 1)}
    case = Case("Pad", [(2, 3)], {"paddings": [0, 1, 1, 0]}, version=1)
    assert outcome(case).shapes == ((3, 4),)
    assert read_at(case, 0, (1, 3)) == {(1, 2)}
    assert read_at(case, 0, (2, 3)) == read_at(case, 0, (0, 0)) == set()
    case = Case("Concat", [(2, 3), (2, 1)], version=1)
    assert outcome(case).shapes == ((2, 4),)
    assert (read_at(case, 0, (1, 3)), read_at(case, 1, (1, 3))) == (set(), {(1, 0)})


@pytest.mark.parametrize(
    "case",
    [
        Case("Split", [(5, 2)], {"split": [1, 4]}, version=1, outputs=BOTH),
        Case("Split", [(5, 2), ints(1, 4)], version=1, outputs=BOTH),
        Case("Split", [(5, 2), ints(1, 4)], version=13, outputs=(False, True)),
    ],
    ids=str,
)
def test_split_lengths(case):
    assert outcome(case).shapes == ((1, 2), (4, 2))
    assert read_at(case, 0, (3, 1), output=1) == {(4, 1)}


def test_space_to_depth_column_row_depth():
    # Channel c reads channel c // b^2 at row h*b + c % b^2 // b and column w*b + c % b.
    case = Case("SpaceToDepth", [(1, 2, 4, 6)], {"blocksize": 2, "mode": "CRD"}, version=28)
    assert outcome(case).shapes == ((1, 8, 2, 3),)
    for c, h, w in np.ndindex(8, 2, 3):
        source = (0, c // 4, 2 * h + c % 4 // 2, 2 * w + c % 2)
        assert read_at(case, 0, (0, c, h, w)) == {source}


def test_operators_of_onnxruntime_before_opset_7():
    case = Case("Crop", [(1, 2, 6, 8)], {"border": [1, 2, 3, 1]}, version=1)
    assert outcome(case).shapes == ((1, 2, 3, 4),)
    assert read_at(case, 0, (0, 1, 2, 3)) == {(0, 1, 4, 4)}
    case = Case("Crop", [(1, 2, 6, 8)], {"border": [1, 2, 0, 0], "scale": [4, 5]}, version=1)
    assert outcome(case).shapes == ((1, 2, 4, 5),)
    case = Case("DynamicSlice", [(5, 6), ints(1), ints(INT_MAX), ints(1)], version=1)
    assert outcome(case).shapes == ((5, 5),)
    assert read_at(case, 0, (2, 0)) == {(2, 1)}


def test_optional_wraps_its_element():
    for op in ("Optional", "OptionalGetElement"):
        case = Case(op, [(2, 3)], version=18)
        assert outcome(case).shapes == ((2, 3),)
        assert read_at(case, 0, (1, 2)) == {(1, 2)}
    assert outcome(Case("Optional", [], version=15)).shapes == (None,)


def test_axes_are_kept_apart_where_they_can_be():
    """A slice in disguise is a slice: what the closed form needs to go on."""
    box = Case("ScatterND", [(1, 9), nd([0], range(2, 5)), (1, 3)], version=16)
    (update,) = relations(box)[2]
    assert update.steps == (Select(((1, Shift(-2, 1, 3, 9, "absent")),)),)
    (picked,) = relations(Case("Gather", [(9,), ints(1, 3, 5)]))[0]
    assert picked.steps == (Select(((0, Shift(1, 2, 9, 3)),)),)
    (first,) = relations(Case("Concat", [(2, 3), (2, 4)], {"axis": 1}))[0]
    assert first.steps == (Select(((1, Shift(0, 1, 3, 7, "absent")),)),)


@pytest.mark.parametrize(
    "case",
    [
        Case("Reshape", [(2, 3), ints(2, -1)]),
        Case("Transpose", [(2, 3)], {"perm": [0, 1]}),
        Case("Concat", [(2, 3)], {"axis": 0}),
        slice_((2, 3), (0,), (INT_MAX,)),
        pad((2, 3), (0, 0, 0, 0), "reflect"),
        Case("Split", [(2, 3)], {"axis": 0}, version=13),
        Case("Tile", [(2, 3), ints(1, 1)]),
        Case("Squeeze", [(2, 3)]),
        Case("CenterCropPad", [(2, 3), ints(2, 3)], version=18),
    ],
    ids=str,
)
def test_what_changes_nothing_is_pointwise(case):
    (relation,) = relations(case)[0]
    assert relation.is_identity


def test_runtime_positions_are_unknown_along_their_axis_only():
    case = Case("Gather", [(2, 5, 3), Data((4,), "int64")], {"axis": 1})
    (relation,) = relations(case)[0]
    assert relation.steps[0] == Reduce(((1, Whole(5, 4, unknown=True)),))
    assert read_at(case, 0, (1, 2, 1)) == {(1, i, 1) for i in range(5)}
    assert read_at(case, 1, (1, 2, 1)) == {(2,)}


def test_a_list_that_would_be_too_long_is_an_upper_bound():
    shape = (1 << 11, 1 << 11)
    case = Case("ScatterND", [shape, np.array([[0, 1], [5, 5]]), (2,)], version=16)
    assert read_at(case, 0, (0, 1)) == {(0, 1)}
    assert read_at(case, 2, (7, 7)) == {(0,), (1,)}
    case = Case("ScatterND", [shape, nd(range(1, 2047), range(1, 2047)), (2046, 2046)], version=16)
    assert read_at(case, 0, (5, 5)) == {(5, 5)}
    assert read_at(case, 2, (5, 5)) == {(4, 4)}
    line = (1 << 21,)
    case = Case("ScatterElements", [line, ints(3), (1,)], version=16)
    assert read_at(case, 0, (3,)) == {(3,)}
    assert read_at(case, 2, (7,)) == {(0,)}
    case = Case("ScatterElements", [shape, np.array([[3, 4]]), (1, 2)], version=16)
    assert read_at(case, 0, (3, 0)) == {(3, 0)}
    case = Case("Trilu", [shape], version=14)
    assert read_at(case, 0, (9, 1)) == {(9, 1)}
    case = pad(shape, (1, 1, 1, 1), value=())
    assert read_at(case, 2, (5, 5)) == {()}


def test_a_list_of_indices_has_a_bound():
    with pytest.raises(BoundError, match="MAX_INDEX_ELEMENTS"):
        outcome(Case("GatherND", [(3, 4), np.zeros((1 << 40, 0), I64)]))


INVALID = [
    (Case("Reshape", [(2, 3), ints(4, -1)]), "cannot be reshaped"),
    (Case("Reshape", [(2, 3), ints(-1, -1)]), "one -1"),
    (Case("Reshape", [(2, 3), ints(-2, -3)]), "one -1"),
    (Case("Reshape", [(2, 3), ints(2, 3, 0)]), "copies axis 2"),
    (Case("Reshape", [(0, 3), ints(0, -1)]), "cannot be reshaped"),
    (Case("Reshape", [(2, 3), ints(7)]), "cannot be reshaped"),
    (Case("Reshape", [(2, 3)]), "missing"),
    (Case("Flatten", [(2, 3)], {"axis": 3}), "axis"),
    (Case("Squeeze", [(1, 3), ints(1)]), "length 1"),
    (Case("Squeeze", [(1, 3), ints(2)]), "axis"),
    (Case("Unsqueeze", [(2, 3), ints(0, 0)]), "distinct"),
    (Case("Unsqueeze", [(2, 3)]), "axes"),
    (Case("Transpose", [(2, 3)], {"perm": [0, 0]}), "permutation"),
    (Case("Expand", [(2, 3), ints(2)]), "broadcast"),
    (Case("Expand", [(2, 3), ints(-1, 3)]), "at least 0"),
    (Case("Tile", [(2, 3), ints(2)]), "2 repeats"),
    (Case("Tile", [(2, 3), ints(-1, 1)]), "at least 0"),
    (Case("Tile", [(2, 3), ints(1, 2), ints(0)], version=1), "one integer each"),
    (Case("DepthToSpace", [(1, 6, 2, 2)], {"blocksize": 2}), "multiple of 4"),
    (Case("DepthToSpace", [(1, 4, 2, 2)], {"blocksize": 0}), "at least 1"),
    (Case("SpaceToDepth", [(1, 4, 3, 2)], {"blocksize": 2}), "multiples of 2"),
    (pad((2, 3), (1, 1, 1)), "4 pads"),
    (pad((2, 3), (0, -2, 0, -2)), "cut more"),
    (pad((0,), (1, 1), "edge"), "1 position"),
    (pad((2,), (-3, 2), "wrap"), "1 position"),
    (pad((2,), (1, 1), "mirror"), "one of"),
    (pad((3,), (0, 3), "reflect"), "below the 3 of the axis, found 0 and 3"),
    (pad((1,), (1, 0), "reflect"), "below the 1 of the axis"),
    (pad((2,), (1, 1), value=(2,)), "one element"),
    (pad((2, 3), (1, 1), axes=(0, 0)), "distinct"),
    (slice_((4,), (0,), (2,), (0,), (0,)), "other than 0"),
    (slice_((4,), (0, 1), (2,)), "as many starts"),
    (slice_((4,), (0, 1), (2, 3), (0, 0)), "distinct"),
    (slice_((4,), (0,), (2,), (1,)), "axis"),
    (Case("Slice", [(4,)], version=13), "starts"),
    (Case("Split", [(5,)], version=13, outputs=BOTH), "divide"),
    (Case("Split", [(5,)], version=18, outputs=BOTH), "num_outputs"),
    (Case("Split", [(5,)], {"num_outputs": 3}, version=18, outputs=BOTH), "num_outputs"),
    (Case("Split", [(5,), ints(2, 2)], outputs=BOTH), "add up to 5"),
    (Case("Split", [(5,), ints(-1, 6)], outputs=BOTH), "at least 0"),
    (Case("Split", [(5,)], outputs=()), "output"),
    (Case("Concat", [], {"axis": 0}), "at least one"),
    (Case("Concat", [(2, 3), (2, 3)]), "'axis'"),
    (Case("Concat", [(2, 3), (3, 3)], {"axis": 1}), "differ along axis 1"),
    (Case("Concat", [(2, 3), (2,)], {"axis": 0}), "differ along axis 0"),
    (Case("CenterCropPad", [(3, 4), ints(2)]), "2 lengths"),
    (Case("Crop", [(1, 2, 6, 8)], {"border": [1, 2, 3]}), "4 integers"),
    (Case("Crop", [(1, 2, 6, 8)], {"border": [1, 9, 3, 1]}), "leaves nothing"),
    (Case("Crop", [(1, 2, 6, 8)], {"border": [0] * 4, "scale": [1]}), "2 integers"),
    (Case("Gather", [(4,), ints(4)]), "found 4"),
    (Case("Gather", [(4,), np.array([0.5])]), "integers"),
    (Case("GatherElements", [(3, 4), np.zeros((2, 5), I64)]), "within"),
    (Case("GatherND", [(3, 4), np.zeros((2, 3), I64)]), "at most 2"),
    (Case("GatherND", [(3, 4), np.zeros((2, 1), I64)], {"batch_dims": 2}), "batch_dims"),
    (Case("Compress", [(3, 4), ints(1, 0)]), "booleans"),
    (Case("ReverseSequence", [(3, 4), ints(5, 1, 1, 1)]), "in \\[0, 3\\]"),
    (Case("ReverseSequence", [(3, 4), ints(1)]), "4 lengths"),
    (Case("ReverseSequence", [(3, 4), ints(1, 1, 1, 1)], {"batch_axis": 0}), "0 and 1"),
    (Case("Trilu", [(3,)]), "rank"),
    (Case("Trilu", [(3, 3), ints(1, 2)]), "one element"),
    (Case("ScatterElements", [(3, 4), np.zeros((2, 5), I64), (2, 5)]), "within"),
    (Case("ScatterElements", [(3, 4), np.zeros((2, 4), I64), (2, 3)]), "one shape"),
    (Case("ScatterElements", [(3,), ints(0), (1,)], {"reduction": "xor"}), "one of"),
    (Case("ScatterND", [(3, 4), np.zeros((2, 3), I64), (2,)]), "do not fit"),
    (Case("ScatterND", [(3, 4), np.zeros((2, 1), I64), (2, 3)]), "do not fit"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)


@pytest.mark.parametrize(
    "case",
    [
        Case("Reshape", [(2, 3), Data((2,), "int64")]),
        Case("Slice", [(4,), Data((1,), "int64"), ints(2)]),
        Case("Expand", [(4,), Data((1,), "int64")]),
        Case("NonZero", [(4,)]),
        Case("Unique", [(4,)]),
        Case("Compress", [(4,), Data((4,), "bool")]),
    ],
    ids=str,
)
def test_a_shape_that_depends_on_data_is_unresolved(case):
    with pytest.raises(UnresolvedError, match="data"):
        outcome(case)
