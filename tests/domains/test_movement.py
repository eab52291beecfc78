"""How tensors move with an input axis: periods, what must exist, and what breaks it.

What must exist is held against a count: the least length of the input at which a unit of the
network's last tensor exists and reads, at any depth, nothing that is missing or padding.
"""

from __future__ import annotations

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest

from rfgraph.domains import movement as module
from rfgraph.domains.moved import Moved
from rfgraph.domains.movement import movement
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Pick,
    Repeat,
    Resample,
    Rows,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import (
    Everything,
    Gathered,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Taps,
)


def graph_of(shape, *edges):
    """Build a graph of (source, target, steps); the input is x."""
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=shape, producer=None)
    for number, (source, target, steps) in enumerate(edges):
        relation = Relation(graph.nodes[source]["shape"], steps)
        operator = Operator(number, f"n{number}", "Op")
        if target not in graph:
            graph.add_node(target, shape=relation.out_shape, producer=operator)
        graph.add_edge(
            source, target, relation=relation, operator=operator, slot=number, output=0, part=0
        )
    return graph


def moved(shape, *edges, axis=0, target=None):
    graph = graph_of(shape, *edges)
    return movement(graph, "x", axis, target or edges[-1][1])


def chain(length, *steps):
    """Return how the end of a chain of steps along one axis moves."""
    edges = [
        ("x" if k == 0 else f"t{k - 1}", f"t{k}", (step,) if not isinstance(step, tuple) else step)
        for k, step in enumerate(steps)
    ]
    return moved((length,), *edges)


def window(k, s, pad, length, out):
    return Taps(((0, Window(k, s, 1, pad, length, out)),))


def numbers(found, target):
    value = found.values[target]
    assert isinstance(value, Moved), value
    return (value.needs.p, value.needs.q), value.needs.spans


def test_a_window():
    found = chain(16, window(3, 2, 1, 16, 8))
    # Unit 0 reads -1 to 1; a length of 2 has it, of 1 not: (1 + 2 - 3) // 2 + 1 = 1.
    assert numbers(found, "t0") == ((1, 2), ((-1, 1),))
    assert (found.breaks, found.step) == ((), 2)


def test_what_a_stride_leaves_need_not_exist():
    assert numbers(chain(17, window(3, 2, 0, 17, 8)), "t0") == ((1, 2), ((0, 2),))
    assert numbers(chain(18, window(3, 2, 0, 18, 8)), "t0") == ((1, 2), ((0, 2),))


def test_a_transposed_window_that_cuts_before_a_padding():
    up = Taps(((0, Transposed(2, 2, 1, 1, 16, 30)),))
    found = chain(16, up, window(3, 1, 1, 30, 30))
    # t0[i] reads x[(i + 1) // 2]; t1[0] reads t0[-1], which a tile has from x[-1] on.
    # 2n - 2 units: t1[0] needs t0[1], so n = 2; t1[1] needs t0[2], so n = 3 - 1 = 2 positions more.
    assert numbers(found, "t1") == ((2, 1), ((-1, 1), (0, 2)))


def test_a_crop_needs_what_it_cuts_to_be_there():
    found = chain(16, Select(((0, Shift(1, 1, 16, 12)),)))
    assert numbers(found, "t0") == ((1, 1), ((0, 4),))


def test_a_resize_by_two_thirds_has_a_period():
    rule = Resample(Fraction(3, 2), Fraction(0), "floor", 18, 12)
    assert numbers(chain(18, Taps(((0, rule),))), "t0")[0] == (2, 3)


@pytest.mark.parametrize(
    ("rule", "mirrored"),
    [
        (Shift(-3, 1, 16, 24, "reflect"), (4, 6)),
        (Shift(-3, 1, 16, 24, "edge"), (1, 1)),
        (Shift(-3, 1, 16, 24, "pad"), (0, 0)),
        (Shift(0, 1, 16, 16, "reflect"), (0, 0)),
    ],
)
def test_padding_by_own_positions_reaches_into_the_input(rule, mirrored):
    assert chain(16, Select(((0, rule),))).mirrored == mirrored


def test_a_resize_clamps_at_both_ends():
    rule = Resample(Fraction(1, 2), Fraction(-1, 4), "linear", 16, 32)
    assert chain(16, Taps(((0, rule),))).mirrored == (1, 1)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Reduce(((0, Whole(16, 1)),)), module.WHOLE),
        (Reduce(((0, Whole(16, 1, unknown=True)),)), module.UNKNOWN),
        (Everything((16,)), module.WHOLE),
        (Everything((16,), unknown=True), module.UNKNOWN),
        (Select(((0, Repeat(16, 32)),)), module.PICKED),
        (Select(((0, Pick((0, 3, 5), 16)),)), module.PICKED),
        (Select(((0, Shift(15, -1, 16, 16)),)), module.REVERSED),
        (Select(((0, Shift(-1, 1, 16, 17, "wrap")),)), module.WRAPPED),
        (Taps(((0, Resample(Fraction(15, 31), Fraction(0), "linear", 16, 32)),)), module.STRETCHED),
        (Taps(((0, Transposed(2, 5000, 1, 0, 16, 75002)),)), module.LONG),
        (Prefix(((0, Band(None, None, 16, 16)),)), module.WHOLE),
        (Reduce(((0, Blocks(1, 16, 1)),)), module.WHOLE),
        (Reduce(((0, Blocks(2, 16, 10000)),)), module.LONG),
        (Reduce(((0, Rows((0,), (16,), b"\xff" * 32, 16)),)), module.MASKED),
    ],
)
def test_what_breaks(step, why):
    found = chain(16, step)
    assert [item.why for item in found.breaks] == [why]
    assert found.values["t0"] == why


def test_a_wrap_that_reaches_nothing_moves():
    found = chain(16, Select(((0, Shift(1, 1, 16, 12, "wrap")),)))
    assert found.breaks == ()


@pytest.mark.parametrize(
    ("band", "why", "span"),
    [
        (Band(None, 0, 16, 16), module.BEFORE, (0, 0)),
        (Band(None, 2, 16, 16), module.BEFORE, (0, 2)),
        (Band(1, None, 16, 16), module.AFTER, (-1, 0)),
    ],
)
def test_what_reads_all_on_one_side_moves_on(band, why, span):
    found = chain(16, Prefix(((0, band),)))
    assert [item.why for item in found.breaks] == [why]
    assert numbers(found, "t0") == ((1, 1), (span,))


def test_a_band_of_both_sides_is_a_window():
    assert numbers(chain(16, Prefix(((0, Band(2, 1, 16, 16)),))), "t0") == ((1, 1), ((-2, 1),))


def test_of_a_band_that_ends_before_it_begins_a_unit_needs_its_own_place():
    assert numbers(chain(16, Prefix(((0, Band(-3, 1, 16, 16)),))), "t0") == ((1, 1), ((0, 0),))


def test_rows_that_read_a_band_take_the_place_of_the_axis():
    rows = Rows((0,), (8,), b"\xff" * 8, 8, (3, 0))
    found = moved((8, 8), ("x", "t0", (Reduce(((1, rows),)),)), axis=1)
    assert found.values["t0"][:3] == (0, 1, 8)
    found = moved((8, 8), ("x", "t0", (Reduce(((1, rows),)),)), axis=0)
    assert found.values["t0"][:3] == (0, 1, 8)


def test_rows_without_end_on_one_side_are_a_break():
    rows = Rows((0,), (8,), b"\xff" * 8, 8, (None, None))
    found = moved((8, 8), ("x", "t0", (Reduce(((1, rows),)),)), axis=1)
    assert found.values["t0"] == module.WHOLE


def test_blocks_have_a_period():
    found = chain(16, Reduce(((0, Blocks(4, 16, 16)),)))
    assert numbers(found, "t0") == ((4, 4), ((0, 3), (0, 3), (0, 3), (0, 3)))
    found = chain(16, Reduce(((0, Blocks(4, 16, 4)),)))
    assert numbers(found, "t0") == ((1, 4), ((0, 3),))


def test_windows_and_back_have_the_windows_period():
    """6 x 8 in windows of 2 x 4 and back, along both axes."""
    edges = [
        ("x", "a", (Regroup((3, 2, 2, 4)), Permute((0, 2, 1, 3)))),
        ("a", "b", (Regroup((6, 8)),)),
        ("b", "c", (Regroup((3, 2, 2, 4)), Permute((0, 2, 1, 3)))),
        ("c", "d", (Regroup((6, 8)),)),
    ]
    for axis, size in ((0, 2), (1, 4)):
        found = moved((6, 8), *edges, axis=axis)
        assert found.breaks == ()
        value = found.values["d"]
        assert (value.axis, value.needs.p, value.needs.q) == (axis, size, size)


def test_a_shuffle_of_channels_into_positions():
    """Two channels become two positions each: 2 x 8 to 16."""
    found = moved((2, 8), ("x", "t0", (Permute((1, 0)), Regroup((16,)))), axis=1)
    assert numbers(found, "t0") == ((2, 1), ((0, 0), (0, 0)))


@pytest.mark.parametrize(
    ("shape", "axis", "steps"),
    [
        # Digits of 3 on an axis of 2, digits of 3 behind 4, and 3 in parts of 2.
        ((4, 3), 0, (Regroup((12,)), Regroup((6, 2)))),
        ((4, 3), 0, (Regroup((12,)), Regroup((3, 4)))),
        ((2, 3, 2), 1, (Regroup((12,)), Regroup((3, 4)))),
        # An axis that is one of two on a flat one, read along it; and one that is dropped.
        ((6, 8), 0, (Permute((1, 0)), Regroup((48,)), window(3, 1, 1, 48, 48))),
        ((1, 8), 0, (Regroup((8,)),)),
    ],
)
def test_a_reshape_that_mixes(shape, axis, steps):
    found = moved(shape, ("x", "t0", steps), axis=axis)
    assert [item.why for item in found.breaks] == [module.MIXED]


def test_rows_of_a_mixed_axis_are_masked():
    rows = Rows((0,), (2,), b"\xff" * 16, 8, (1, 1))
    steps = (Permute((1, 0)), Regroup((1, 8)), Reduce(((1, rows),)))
    found = moved((4, 2), ("x", "t0", steps), axis=0)
    assert found.values["t0"] in (module.MASKED, module.MIXED)


def test_a_broadcast_axis_does_not_move():
    found = moved((1, 8), ("x", "t0", (Pointwise((4, 8)),)), axis=0)
    assert [item.why for item in found.breaks] == [module.WHOLE]
    found = moved((8,), ("x", "t0", (Pointwise((4, 8)),)), axis=0)
    assert found.values["t0"].axis == 1


def test_a_merge_keeps_the_period_of_both():
    edges = [
        ("x", "a", (window(2, 2, 0, 16, 8),)),
        ("a", "b", (Taps(((0, Transposed(2, 2, 1, 0, 8, 16)),)),)),
        ("x", "b", (window(5, 1, 2, 16, 16),)),
    ]
    found = moved((16,), *edges)
    assert numbers(found, "b") == ((2, 2), ((-2, 2), (-1, 3)))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ((window(2, 2, 0, 16, 8),), (Select(((0, Shift(0, 1, 16, 8)),)),), module.MERGED),
        (
            (Taps(((0, Window(1, 16, 1, 0, 1 << 20, 1 << 16)),)),),
            (Select(((0, Shift(0, 16, 1 << 20, 1 << 16)),)),),
            None,
        ),
    ],
)
def test_merges_of_strides(first, second, why):
    length = first[0].rules[0][1].in_len
    found = moved((length,), ("x", "a", first), ("x", "a", second))
    assert [item.why for item in found.breaks] == ([] if why is None else [why])


def test_merges_along_different_axes():
    found = moved((8, 8), ("x", "a", (Pointwise((8, 8)),)), ("x", "a", (Permute((1, 0)),)), axis=0)
    assert [item.why for item in found.breaks] == [module.CROSSED]


def test_a_merge_of_long_periods():
    length = 61 * 73
    steps = [(Reduce(((0, Blocks(groups, length, length)),)),) for groups in (61, 73)]
    found = moved((length,), *(("x", "a", step) for step in steps))
    assert [item.why for item in found.breaks] == [module.LONG]


def test_a_side_branch_does_not_count():
    edges = [("x", "side", (Reduce(((0, Whole(8, 1)),)),)), ("x", "a", (window(3, 1, 1, 8, 8),))]
    found = moved((8,), *edges)
    assert found.breaks == ()
    assert set(found.values) == {"x", "a"}


def test_a_gate_beside_a_skip_is_a_break_and_the_skip_moves():
    edges = [
        ("x", "a", (Reduce(((0, Whole(8, 1)),)),)),
        ("a", "g", (Pointwise((1,)),)),
        ("g", "b", (Pointwise((8,)),)),
        ("x", "b", (Pointwise((8,)),)),
    ]
    found = moved((8,), *edges)
    assert [(item.operator.label, item.why) for item in found.breaks] == [("n0", module.WHOLE)]
    assert isinstance(found.values["b"], Moved)
    again = moved((8,), *edges, ("b", "c", (Reduce(((0, Whole(8, 1)),)),)))
    assert [item.operator.label for item in again.breaks] == ["n0", "n4"]


def test_parts_side_by_side_do_not_move():
    """A roll by 3: the end before the start."""
    edges = [
        ("x", "a", (Select(((0, Shift(3, 1, 8, 5)),)),)),
        ("x", "b", (Select(((0, Shift(0, 1, 8, 3)),)),)),
        ("a", "c", (Select(((0, Shift(0, 1, 5, 8, "absent")),)),)),
        ("b", "c", (Select(((0, Shift(-5, 1, 3, 8, "absent")),)),)),
    ]
    found = moved((8,), *edges)
    assert [item.why for item in found.breaks] == [module.PARTS]
    assert found.values["c"] == module.PARTS


def test_one_part_beside_a_constant_moves():
    found = chain(8, Select(((0, Shift(-2, 1, 8, 10, "absent")),)))
    assert numbers(found, "t0") == ((1, 1), ((-2, -2),))


def test_what_has_no_elements_does_not_move():
    found = moved((8,), ("x", "a", (Select(((0, Shift(0, 1, 8, 0)),)),)))
    assert "a" not in found.values


# -- any rearrangement -----------------------------------------------------------------------------


def gathered(shape, *places):
    """Return what a tensor of (4, 6) whose last axis moves is behind a rearrangement to `shape`."""
    step = Gathered(shape, tuple(np.array(place, dtype=np.int64) for place in places))
    return moved((4, 6), ("x", "y", (step,)), axis=1)


OWN = np.arange(6)


def test_a_rearrangement_of_other_axes_moves_as_before():
    found = gathered((4, 6), np.array([[2], [0], [3], [1]]), OWN.reshape(1, 6))
    assert numbers(found, "y") == ((1, 1), ((0, 0),))
    assert found.breaks == ()


def test_a_rearrangement_may_move_the_axis():
    found = gathered((6, 4), np.arange(4).reshape(1, 4), OWN.reshape(6, 1))
    assert found.values["y"].axis == 0


def test_what_a_rearrangement_leaves_out_of_other_axes_moves_too():
    found = gathered((4, 6), np.array([[2], [-1], [3], [-1]]), np.array([[1], [-1], [1], [-1]]) * 0)
    assert [item.why for item in found.breaks] == [module.PICKED]
    place = np.where(np.array([[1], [0], [1], [0]]), OWN, -1)
    found = gathered((4, 6), np.minimum(place, 0) + np.array([[1], [0], [1], [0]]), place)
    assert found.values["y"].axis == 1
    assert found.breaks == ()


def test_parts_of_the_axis_that_are_put_side_by_side_do_not_move():
    first, second = np.where(OWN < 3, OWN, -1), np.where(OWN < 3, -1, OWN)
    row = np.arange(4).reshape(4, 1)
    steps = [
        (Gathered((4, 6), (np.where(part < 0, -1, row), part.reshape(1, 6) + 0 * row)),)
        for part in (first, second)
    ]
    found = moved((4, 6), *(("x", "y", step) for step in steps), axis=1)
    assert {item.why for item in found.breaks} == {module.PARTS}


def test_a_rearrangement_of_the_axis_does_not_move():
    found = gathered((4, 6), np.arange(4).reshape(4, 1), OWN[::-1].reshape(1, 6))
    assert [item.why for item in found.breaks] == [module.PICKED]
