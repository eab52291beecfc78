"""Operators whose positions other data decides, against onnxruntime."""

import numpy as np
import pytest

from ops.evaluate import Case, Data, claims, mismatches, outcome, relations, responses
from rfgraph.errors import BoundError
from rfgraph.ops.node import RuleError
from rfgraph.relations.axis_rules import Whole
from rfgraph.relations.steps import Reduce

HUGE = 2**62


def weights(*shape):
    return np.ones(shape, np.float32)


def ints(*values):
    return np.array(values, np.int64)


def fed(*shape):
    return Data(shape, fixed=np.random.default_rng(0).random(shape).astype(np.float32))


REGIONS = np.array([[0, 0, 3, 3], [1, 1, 4, 5], [0, 2, 5, 4]], np.float32)
SAMPLED = [
    (Case("RoiAlign", [(2, 2, 6, 5), REGIONS, ints(0, 1, 1)], {"output_height": 2}, 16), (0,)),
    (
        Case(
            "RoiAlign",
            [(2, 1, 6, 5), REGIONS, Data((3,), "int64", (0, 2))],
            {"output_height": 2, "output_width": 3, "mode": "max"},
            10,
        ),
        (0, 2),
    ),
    (
        Case(
            "MaxRoiPool",
            [(2, 2, 6, 5), np.insert(REGIONS, 0, [0, 1, 1], 1)],
            {"pooled_shape": [2, 3]},
            1,
        ),
        (0,),
    ),
    (Case("GridSample", [(1, 2, 3, 4), Data((1, 2, 3, 2))], {"mode": "linear"}, 20), (0, 1)),
    (Case("DeformConv", [(1, 2, 4, 3), (3, 2, 2, 2), fed(1, 8, 3, 2), (3,)], {}, 19), (0, 1)),
    *(
        (
            Case(
                "DeformConv",
                [
                    fed(1, channels, 10, 7),
                    weights(maps, channels // group, 2, 2),
                    (1, split * 8, 3, 2),
                    None,
                    (1, split * 4, 3, 2),
                ],
                {"group": group, "offset_group": split, "strides": [3, 3]},
            ),
            (),
        )
        for group, split, channels, maps in [
            (1, 1, 2, 3),
            (2, 1, 4, 2),
            (1, 2, 4, 3),
            (2, 4, 4, 2),
            (4, 2, 4, 4),
            (2, 3, 6, 2),
        ]
    ),
]


@pytest.mark.parametrize(("case", "slots"), SAMPLED, ids=str)
def test_data_is_unknown_where_other_data_decides_and_those_are_exact(case, slots):
    assert mismatches(case, within=slots) == []
    for relation in relations(case).get(0, []):
        step = relation.steps[0]
        assert isinstance(step, Reduce)
        assert all(rule.unknown for axis, rule in step.rules if axis >= 2)


GRID = (
    [-1.4, -0.9, -0.2, 0.1, 0.7, 1.3, 1.0],
    [-1.9, -1.0, -0.5, 0.0, 0.31, 1.0, 1.7, 3.3, 0.97],
)


@pytest.mark.parametrize("align", [0, 1])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("mode", "version"),
    [
        *(("nearest", 16), ("bilinear", 16), ("bicubic", 16)),
        *(("nearest", 20), ("linear", 22), ("cubic", 20)),
    ],
)
def test_a_constant_separable_grid_is_exact(mode, version, padding, align):
    rows, columns = np.meshgrid(*np.array(GRID, object), indexing="ij")
    grid = np.stack([columns, rows], -1)[None].astype(np.float32)
    attributes = {"mode": mode, "padding_mode": padding, "align_corners": align}
    for shape in [(1, 1, 3, 4), (1, 1, 1, 2), (1, 1, 5, 6)]:
        case = Case("GridSample", [shape, grid], attributes, version)
        assert claims(case) == responses(case, tolerance=2e-7)


@pytest.mark.parametrize("grid", ["batch", "turned", "nan"])
def test_other_constant_grids_are_unknown(grid):
    values = np.zeros((2, 2, 3, 2), np.float32)
    if grid == "batch":
        values[1] = 0.5
    elif grid == "turned":
        values[..., 0, 0, 0] = 0.5
    else:
        values[..., 1] = np.nan
    (relation,) = relations(Case("GridSample", [(2, 1, 4, 4), values], {}, 16))[0]
    assert relation.steps[0].rules[0][1] == Whole(4, 2, unknown=True)


INVALID = [
    (Case("MaxRoiPool", [(1, 1, 4, 4), (2, 5)]), "'pooled_shape' requires 2"),
    (Case("MaxRoiPool", [(1, 1, 4, 4), (2, 4)], {"pooled_shape": [1, 1]}), "rows of 5"),
    (Case("RoiAlign", [(1, 1, 4, 4), (2, 4), (3,)]), "requires 2 batch indices, found 3"),
    (Case("RoiAlign", [(1, 1, 4, 4), (2, 4), (2,)], {"output_width": 0}), "found [1, 0]"),
    (Case("GridSample", [(1, 1, 4, 4), (2, 3, 3, 2)]), "1 batches and 2 coordinates"),
    (Case("GridSample", [(1, 1, 4, 4), (1, 3, 3, 2)], {"mode": "area"}), "found 'area'"),
    (
        Case("GridSample", [(1, 1, 0, 4), np.zeros((1, 3, 3, 2), np.float32)]),
        "an input that is not empty",
    ),
    (Case("DeformConv", [(1, 2, 4), weights(1, 2, 2), (1, 4, 2)]), "shape [1, 2, 3]"),
    (
        Case("DeformConv", [(1, 2, 4), weights(1, 2, 2), (1, 6, 3)], {"offset_group": 3}),
        "'offset_group' requires a divisor",
    ),
]


@pytest.mark.parametrize(("case", "text"), INVALID, ids=str)
def test_an_invalid_node_says_what_it_requires_and_found(case, text):
    with pytest.raises(RuleError) as error:
        outcome(case)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("case", "shape"),
    [
        (Case("RoiAlign", [(1, 1, HUGE, 4), (2, 4), (2,)]), (2, 1, 1, 1)),
        (Case("GridSample", [(1, 1, HUGE, HUGE), (1, HUGE, 1, 2)]), (1, 1, HUGE, 1)),
    ],
    ids=str,
)
def test_a_huge_length_costs_nothing(case, shape):
    assert outcome(case).shapes == (shape,)


def test_an_index_list_without_end_is_refused_by_its_bound():
    case = Case(
        "DeformConv",
        [(1, 6, 4), Data((2 * HUGE, 3, 2)), (1, 6, 3)],
        {"group": 2, "offset_group": 3},
    )
    with pytest.raises(BoundError, match="MAX_INDEX_ELEMENTS"):
        outcome(case)
