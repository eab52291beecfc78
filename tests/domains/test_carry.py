"""How steps carry single pieces on: tables, blurs, long periods, and what is left where none is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import rfgraph
from oracle import sets
from oracle.examples import builder, output
from rfgraph.domains.fields.carry import carry, carry_step
from rfgraph.domains.fields.pattern import ends, excess, normal
from rfgraph.domains.fields.pieces import (
    Blur,
    Mapped,
    Regrouped,
    Tabled,
    own_position,
    settle,
    to_table,
)
from rfgraph.domains.fields.sizes import path_sizes
from rfgraph.domains.fields.spread import Extent
from rfgraph.domains.periodic import affine, constant
from rfgraph.domains.scope import Scope
from rfgraph.domains.tables import Table
from rfgraph.relations.axis_rules import Band, Blocks, Pick, Repeat, Resample, Shift, Whole
from rfgraph.relations.reading import positions_read
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import (
    Everything,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Taps,
)


def spans(piece):
    return [(int(a), int(b)) for a, b in zip(*(side.ravel() for side in piece.table), strict=True)]


# -- blurs and tables ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depends", "step", "shape", "want"),
    [
        # A broadcast axis is the same everywhere; the others move behind the new ones.
        ({0, 1}, Pointwise((4, 2, 3)), (1, 3), Blur(frozenset({2}))),
        ({0, 1}, Pointwise((4, 2, 3)), (2, 3), Blur(frozenset({1, 2}))),
        ({0, 2}, Permute((2, 0, 1)), (2, 3, 4), Blur(frozenset({0, 1}))),
        ({0, 1}, Reduce(((1, Whole(3, 1)),)), (2, 3), Blur(frozenset({0}))),
        ({1}, Reduce(((1, Whole(3, 1)),)), (2, 3), Scope.GLOBAL),
        ({1}, Reduce(((1, Blocks(1, 3, 3)),)), (2, 3), Scope.GLOBAL),
        ({0}, Reduce(((1, Whole(3, 1)),)), (2, 3), Blur(frozenset({0}))),
        ({1}, Reduce(((1, Whole(3, 1, unknown=True)),)), (2, 3), Scope.UNKNOWN),
        ({0}, Reduce(((1, Whole(3, 1, unknown=True)),)), (2, 3), Blur(frozenset({0}))),
    ],
)
def test_a_blur_depends_on_the_axes_that_are_left(depends, step, shape, want):
    assert carry_step(Blur(frozenset(depends)), step, shape) == want


SCATTERED = Select(((1, Pick((2, 0, 1, 1), 3)),))


@pytest.mark.parametrize(
    ("rule", "want"),
    [
        (Whole(4, 1), Scope.GLOBAL),
        (Whole(4, 1, unknown=True), Scope.UNKNOWN),
        (Blocks(1, 4, 2), Scope.GLOBAL),
        (Blocks(2, 4, 2), [(0, 2), (1, 1)]),
    ],
)
def test_a_table_is_lost_where_its_only_axis_is(rule, want):
    piece = carry(own_position(1), Relation((2, 3), (SCATTERED,)))
    assert isinstance(piece, Tabled)
    made = carry_step(piece, Reduce(((1, rule),)), (2, 4))
    if isinstance(want, Scope):
        assert made is want
    else:
        ends = [made.map.at(o) for o in range(2)] if isinstance(made, Mapped) else spans(made)
        assert ends == want


def test_a_table_is_as_it_was_on_the_last_axes_of_more():
    piece = carry(own_position(1), Relation((2, 3), (SCATTERED,)))
    made = carry_step(piece, Pointwise((5, 2, 4)), (2, 4))
    assert made.axes == {axis + 1 for axis in piece.axes}
    assert spans(made) == spans(piece)


def test_a_blur_has_one_phase_and_is_its_own_pattern():
    blur = Blur(frozenset({0}), open_lo=True)
    assert normal(blur) == (blur, blur, 0, 0)
    assert excess(blur) == 0
    assert ends(blur) == (0, 0)
    assert path_sizes((Extent(blur),)) == (None, None)


# -- what is too long or too large ---------------------------------------------------------------


@pytest.mark.parametrize("inner", [7, 5000])
def test_an_outer_axis_is_repeated_within_a_merged_one(inner):
    piece = carry(own_position(0), Relation((3, inner), (Regroup((3 * inner,)),)))
    # With a period longer than is carried the map stays that of the axes as they were.
    assert isinstance(piece, Mapped if inner == 7 else Regrouped)
    want = [(o // inner, o // inner) for o in range(3 * inner)]
    have = (
        list(map(piece.map.at, range(3 * inner)))
        if inner == 7
        else spans(to_table(piece, (3 * inner,)))
    )
    assert have == want


@pytest.mark.parametrize(("rate", "blurred"), [(1, False), (1 << 58, True)])
@pytest.mark.parametrize(
    "step",
    [
        Select(((0, Pick((7, 0, 6), 8)),)),
        # 5000 phases are no map's, so its taps are taken one by one.
        Taps(((0, Resample(Fraction(10001, 5000), Fraction(0), "floor", 8, 4)),)),
    ],
    ids=["picked", "resampled"],
)
def test_positions_too_large_to_tabulate_are_blurred(step, rate, blurred):
    made = carry_step(Mapped(0, affine(rate, 0, 0)), step, (8,))
    if blurred:
        assert made == Blur(frozenset({0}))
    elif isinstance(step, Select):
        assert spans(made) == [(7, 7), (0, 0), (6, 6)]
    else:
        assert spans(made) == [(0, 0), (2, 2), (4, 4), (6, 6)]


def test_a_table_tiled_beyond_all_tables_is_blurred():
    picked = carry_step(own_position(0), Select(((0, Pick((7, 0, 6), 8)),)), (8,))
    assert isinstance(picked, Tabled)
    for times, kind in ((2, Tabled), (1 << 40, Blur)):
        made = carry_step(picked, Select(((0, Repeat(3, 3 * times)),)), (3,))
        assert isinstance(made, kind)
        assert made.axes == {0}


@pytest.mark.parametrize("length", [30, 3000])
def test_a_table_too_large_for_what_it_is_restricted_to_is_blurred(length):
    cut = Select(((1, Shift(-1, 1, length, length, "absent")),))
    scattered = Select(((0, Pick((1, 0, 2), length)),))
    made = carry(own_position(0), Relation((length, length), (cut, scattered)))
    if length > 2048:
        assert made == Blur(frozenset({0}), cut=(0, 2999))
        return
    lo, hi = (np.broadcast_to(side, (3, length)) for side in made.table)
    assert (lo[:, 0] > hi[:, 0]).all()
    assert lo[:, 1:].tolist() == hi[:, 1:].tolist() == [[at] * (length - 1) for at in (1, 0, 2)]


@pytest.mark.parametrize("wide", [8, 2048])
def test_axes_too_long_to_merge_what_restricts_them_stay_as_they_were(wide):
    """The own axis goes by; of two others that are merged one is read in part."""
    cut = Select(((1, Shift(-1, 1, wide, wide, "absent")),))
    shape = (3, wide, 1024)
    made = carry(own_position(0), Relation(shape, (cut, Regroup((3, wide * 1024)))))
    if wide == 2048:
        rest = ((1, (1 << wide) - 2),)
        assert made == Regrouped(Mapped(0, affine(1, 0, 0), rest), shape, frozenset({0}))
        swapped = ((0, (1 << wide * 1024) - (1 << 1024)),)
        moved = carry_step(made, Permute((1, 0)), (3, wide * 1024))
        assert moved == Mapped(1, affine(1, 0, 0), swapped)
        return
    # The first 1024 positions of the merged axis come from the row that reads nothing.
    assert made == Mapped(0, affine(1, 0, 0), ((1, (1 << wide * 1024) - (1 << 1024)),))


def test_an_axis_summed_restricts_no_longer():
    cut = Select(((1, Shift(-2, 1, 5, 5, "absent")),))
    relation = Relation((3, 5), (cut, Reduce(((1, Whole(5, 1)),))))
    assert carry(own_position(0), Relation((3, 5), (cut,))).support == ((1, 0b11100),)
    assert carry(own_position(0), relation) == own_position(0)


# -- bands ---------------------------------------------------------------------------------------


def test_a_band_that_ends_before_it_begins_reads_nothing():
    relation = Relation((9,), (Prefix(((0, Band(-3, 1, 9, 9)),)),))
    assert carry(own_position(0), relation) is Scope.NONE
    # One position wide it is a shift.
    relation = Relation((9,), (Prefix(((0, Band(-1, 1, 9, 9)),)),))
    assert carry(own_position(0), relation) == Mapped(0, affine(1, 1, 1))


@pytest.mark.parametrize("ends", [(None, 0), (1, None), (None, None)])
def test_a_band_without_end_over_what_is_the_same_everywhere_stays_so(ends):
    repeated = Select(((0, Repeat(1, 5)),))
    relation = Relation((1,), (repeated, Prefix(((0, Band(*ends, 5, 5)),))))
    assert carry(own_position(0), relation) == Mapped(0, constant((0, 0)))


# -- where nothing is left -----------------------------------------------------------------------


def broadcast_hole(build, x):
    """One unit, between two of those that a transposed convolution spreads apart."""
    hole = build.transposed(x, 2, [1], strides=[2], pads=[1, 1])
    assert build.shapes[hole] == (1, 2, 1)
    return build.one("Add", [hole, build.floats((5,))], (1, 2, 5))


def squeezed_hole(build, x):
    hole = build.transposed(x, 2, [1], strides=[2], pads=[1, 1])
    return build.reshape(hole, (2,))


def regrouped_holes(build, x):
    """All the units that exist lie before the first one that reads something."""
    holes = build.transposed(x, 2, [1], strides=[4], pads=[1, 1])
    assert build.shapes[holes] == (1, 2, 3)
    return build.reshape(holes, (1, 3, 2))


@pytest.mark.parametrize("make", [broadcast_hole, squeezed_hole, regrouped_holes])
def test_no_path_leads_to_units_that_read_nothing(make):
    build, x = builder(1, 2, 2)
    model = build.model(make(build, x))
    graph = sets.Graph(model)
    tensor = output(model)
    assert not any(graph.read(tensor, at) for at in np.ndindex(*graph.shape(tensor)))
    result = rfgraph.analyze(model)
    assert rfgraph.path_histogram(result).total == 0
    assert tensor not in result.forms[x]


# -- read positions ------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [(0,), (1,), (2,), (3,), (0, 2), (0, 1, 2, 3)])
def test_cropped_coordinates_outside_read_nothing(units):
    # The coordinates are -1/2, 1, 5/2 and 4, of which the first and the last lie outside [0, 3].
    rule = Resample(Fraction(3, 2), Fraction(-1, 2), "linear", 4, 4, crop=True)
    mask = np.isin(np.arange(4), units)
    want = set().union(*({0: (), 1: (1,), 2: (2, 3), 3: ()}[unit] for unit in units))
    assert set(np.flatnonzero(positions_read(rule, mask))) == want


# -- parts of an axis ------------------------------------------------------------------------------

LAST = Select(((1, Shift(4, 1, 8, 4)),))
ALL = Reduce(((1, Whole(4, 4)),))


@pytest.mark.parametrize(
    ("step", "want"),
    [
        (ALL, Mapped(1, constant((4, 7)), cut=(0, 7))),
        (Reduce(((1, Blocks(1, 4, 1)),)), Mapped(1, constant((4, 7)), cut=(0, 7))),
        (Everything((2, 3)), Mapped(None, constant((4, 7)), cut=(0, 7))),
        (Everything((2, 3), unknown=True), Scope.UNKNOWN),
        (Reduce(((1, Whole(4, 4, unknown=True)),)), Scope.UNKNOWN),
    ],
)
def test_all_of_a_slice_is_what_the_slice_reads(step, want):
    piece = carry(own_position(1), Relation((2, 8), (LAST,)))
    assert carry_step(piece, step, (2, 4)) == want


@pytest.mark.parametrize(
    ("step", "want"),
    [
        (Reduce(((1, Whole(3, 3)),)), Blur(frozenset(), cut=(0, 0))),
        (Everything((2, 3)), Blur(frozenset(), cut=(0, 0))),
        (Prefix(((1, Band(None, 0, 3, 3)),)), Blur(frozenset({1}), cut=(0, 0))),
    ],
)
def test_all_of_a_slice_that_is_too_large_to_tabulate_stays_local(step, want):
    piece = carry_step(Blur(frozenset({1})), Select(((1, Shift(0, 1, 8, 3)),)), (2, 8))
    assert piece == Blur(frozenset({1}), cut=(0, 0))
    assert carry_step(piece, step, (2, 3)) == want


def test_a_band_over_a_slice_begins_where_the_slice_does():
    piece = carry(own_position(1), Relation((2, 8), (LAST,)))
    made = carry_step(piece, Prefix(((1, Band(None, 0, 4, 4)),)), (2, 4))
    assert spans(made) == [(4, 4), (4, 5), (4, 6), (4, 7)]


@pytest.mark.parametrize(
    ("rule", "cut"),
    [
        (Shift(0, 2, 8, 4), None),  # a stride passes over the last
        (Shift(1, 2, 8, 4), None),
        (Shift(7, -1, 8, 8), None),
        (Shift(2, 2, 8, 3), (0, 7)),
        (Shift(-2, 1, 8, 12), None),
        (Pick((0, 3, 6), 8), None),
        (Pick((3,), 8), (0, 7)),
        (Pick((7, 0, 1, 2), 8), None),
    ],
)
def test_a_selection_cuts_if_more_than_a_stride_is_left_at_an_end(rule, cut):
    piece = carry_step(own_position(1), Select(((1, rule),)), (2, 8))
    assert piece.cut == cut


def test_a_table_runs_both_ways_over_all_of_its_only_axis():
    piece = carry(own_position(1), Relation((2, 9), (Select(((1, Pick((0, 1, 3, 8), 9)),)),)))
    assert isinstance(piece, Tabled)
    assert carry_step(piece, Prefix(((1, Band(None, None, 4, 4)),)), (2, 4)) is Scope.GLOBAL


def test_tables_that_overlap_on_another_axis_depend_on_it():
    lo = np.array([[0, 3, 4, 9], [0, 2, 5, 9]])
    made = settle(Tabled(Table(lo, lo), frozenset({1})))
    assert isinstance(made, Tabled)
    assert made.axes == {0, 1}
