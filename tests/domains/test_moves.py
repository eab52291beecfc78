"""Rearrangements of any kind, against numpy doing the same."""

from __future__ import annotations

import math
import random

import networkx as nx
import numpy as np
import pytest

import rfgraph
from oracle.examples import builder
from rfgraph.domains import kept
from rfgraph.domains import regions as exact
from rfgraph.domains.fields.axis_field import merge_pieces
from rfgraph.domains.fields.carry import carry, carry_step
from rfgraph.domains.fields.parts import parted_tensors
from rfgraph.domains.fields.pieces import (
    Blur,
    Mapped,
    Regrouped,
    Tabled,
    own_position,
    to_table,
)
from rfgraph.domains.fields.support import after
from rfgraph.domains.joined import joins_of
from rfgraph.domains.periodic import PeriodicMap, affine, constant
from rfgraph.domains.read_units import ReadUnits
from rfgraph.domains.regroup import regroup, regrouped_axes, slim_before
from rfgraph.domains.scope import Scope
from rfgraph.domains.tables import Table, keep_where, ramp
from rfgraph.relations import bounds
from rfgraph.relations.axes import mover_along
from rfgraph.relations.axis_rules import Listed, Pick, Repeat, Rows, Shift, Whole, inverse
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Gathered, Permute, Reduce, Regroup, Select

# -- the same elements under another shape ---------------------------------------------------------

# What edges have beside their relation.
NO_OPERATOR = {"operator": None, "slot": 0, "output": 0, "part": 0}


def shapes(draw, count):
    """A random shape of so many elements, with axes of one position strewn in."""
    lengths = []
    while count > 1:
        lengths.append(draw.choice([k for k in range(2, count + 1) if count % k == 0]))
        count //= lengths[-1]
    for _ in range(draw.randrange(3)):
        lengths.insert(draw.randrange(len(lengths) + 1), 1)
    return tuple(lengths)


def random_regroups(seed):
    draw = random.Random(seed)
    for _ in range(300):
        count = draw.choice([2, 6, 8, 12, 24, 36, 60, 72])
        old, new = shapes(draw, count), shapes(draw, count)
        dims = [n if draw.random() < 0.5 else 1 for n in old]
        lo = np.array([draw.randrange(50) for _ in range(math.prod(dims))]).reshape(dims)
        yield Table(lo, lo + 1), old, new, draw.randrange(len(new))


@pytest.mark.parametrize("seed", range(4))
def test_a_table_regrouped_is_the_array_reshaped(seed):
    for table, old, new, _ in random_regroups(seed):
        want = np.broadcast_to(table.lo, old).reshape(new)
        assert np.array_equal(np.broadcast_to(regroup(table, old, new).lo, new), want)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_left_out_before_a_reduction_does_not_matter(seed):
    for table, old, new, axis in random_regroups(seed):
        want = np.broadcast_to(table.lo, old).reshape(new).min(axis=axis, keepdims=True)
        slim = slim_before(axis, old, new, table.axes)
        have = regroup(table, *slim).lo.min(axis=axis, keepdims=True)
        assert np.array_equal(np.broadcast_to(have, want.shape), want)


@pytest.mark.parametrize("seed", range(2))
def test_positions_on_old_axes_change_along_these_new_ones(seed):
    for table, old, new, _ in random_regroups(seed):
        want = set()
        for axis in table.axes:
            at = np.broadcast_to(ramp(old, axis).lo, old).reshape(new)
            want |= {k for k in range(len(new)) if np.any(np.diff(at, axis=k))}
        assert regrouped_axes(table.axes, old, new) == want


@pytest.mark.parametrize("seed", range(4))
def test_what_is_moved_and_moved_back_is_the_map_that_it_was(seed):
    draw = random.Random(seed)
    for _ in range(100):
        start = tuple(draw.choice([1, 2, 6, 9, 12]) for _ in range(draw.randrange(2, 5)))
        carrier = draw.choice([k for k, n in enumerate(start) if n > 3] or [None])
        if carrier is None:
            continue
        before = made = Mapped(carrier, affine(draw.choice([-2, 1, 3]), draw.randrange(-3, 1), 2))
        shape, back = start, []
        for _ in range(draw.randrange(1, 5)):
            if draw.random() < 0.5:
                perm = tuple(draw.sample(range(len(shape)), len(shape)))
                step, undo = Permute(perm), Permute(inverse(perm))
                moved = tuple(shape[k] for k in perm)
            else:
                moved = shapes(draw, math.prod(shape))
                step, undo = Regroup(moved), Regroup(shape)
            made = carry_step(made, step, shape)
            back.append((undo, moved))
            shape = moved
        for step, moved in reversed(back):
            made = carry_step(made, step, moved)
        assert made == before, (start, before, back)


def test_a_table_that_grows_stays_as_it_stood():
    """A scattered axis merged with an inner one, and back: no table of both is kept."""
    picked = Select(((0, Pick((2, 0, 1), 3)),))
    merged = Relation((3, 4), (picked, Regroup((12,))))
    made = carry(own_position(0), merged)
    assert isinstance(made, Regrouped)
    assert (made.shape, made.axes) == ((3, 4), frozenset({0}))
    back = carry_step(made, Regroup((3, 4)), (12,))
    assert isinstance(back, Tabled)
    assert back.table.lo.reshape(-1).tolist() == [2, 0, 1]
    assert carry_step(made, Reduce(((0, Whole(12, 1)),)), (12,)) is Scope.GLOBAL
    assert carry_step(made, Reduce(((0, Whole(12, 1, True)),)), (12,)) is Scope.UNKNOWN


def test_a_table_too_large_to_be_seen_under_another_shape():
    long = 1 << 12
    order = Select(((0, Pick((*range(1, long), 0), long)),))
    made = carry(own_position(0), Relation((long, long), (order, Regroup((long * long,)))))
    assert isinstance(made, Regrouped)
    assert carry_step(made, Permute((0,)), (long * long,)) == Blur(frozenset({0}))


# -- any rearrangement -----------------------------------------------------------------------------


SHAPE = (2, 4, 6)
STEPS = (Regroup((2, 2, 2, 3, 2)), Permute((0, 2, 4, 1, 3)), Regroup((2, 4, 6)))


def by_places():
    """The steps as one, by the places that they move each element from."""
    direct = Relation(SHAPE, STEPS)
    places = [exact.carry(ramp(SHAPE, axis), direct).lo for axis in range(len(SHAPE))]
    return Relation(SHAPE, (Gathered(direct.out_shape, tuple(places)),))


def test_a_rearrangement_by_places_reads_what_its_steps_read():
    whole = by_places()
    numbers = np.arange(48).reshape(SHAPE)
    want = numbers.reshape(2, 2, 2, 3, 2).transpose(0, 2, 4, 1, 3).reshape(2, 4, 6)
    place = [np.broadcast_to(exact.carry(ramp(SHAPE, a), whole).lo, SHAPE) for a in range(3)]
    assert np.array_equal(np.ravel_multi_index(place, SHAPE), want)
    for unit in np.ndindex(*SHAPE):
        (read,) = ReadUnits(by_axis=True).carry((tuple(range(at, at + 1) for at in unit),), whole)
        assert read == tuple(range(at, at + 1) for at in np.unravel_index(want[unit], SHAPE))
    assert kept.of(whole) == kept.Kept(frozenset())


def test_a_part_of_an_axis_carries_what_repeats_along_it_however_long():
    """Position [r, c] was r * 2**23 + c, which is odd where c is."""
    turning = Mapped(0, PeriodicMap(2, 0, ((0, 0), (5, 5))))
    long = 1 << 23
    made = carry_step(turning, Regroup((4, long)), (4 * long,))
    assert made == turning._replace(carrier=1)


def test_rows_keep_all_axes_but_the_one_that_they_reduce():
    every = Rows((0,), (4,), np.packbits(np.ones((4, 5), bool)).tobytes(), 5)
    whole, rows = (Relation((4, 5), (Reduce(((1, rule),)),)) for rule in (Whole(5, 1), every))
    assert kept.of(rows).pairs == kept.of(whole).pairs
    assert (0, 0) in kept.of(rows).pairs


def test_a_piece_keeps_the_axis_that_a_rearrangement_keeps():
    whole = by_places()
    assert carry(own_position(0), whole) == own_position(0)
    half = Mapped(0, affine(1, 0, 0), ((1, 0b0011),))
    made = carry(half, whole)
    assert isinstance(made, Mapped | Tabled)


def test_places_of_another_rank_keep_no_axis():
    step = Gathered((2, 1), (np.arange(2).reshape(2, 1),))
    assert not step.keeps(0, (2,))
    assert carry_step(own_position(0), step, (2,)) == Mapped(0, affine(1, 0, 0))


def test_places_that_hold_nothing():
    step = Gathered((3,), (np.array([-1, -1, -1]),))
    assert carry_step(own_position(0), step, (3,)) is Scope.NONE
    some = Gathered((3,), (np.array([2, -1, 0]),))
    made = carry_step(own_position(0), some, (3,))
    table = made.table if isinstance(made, Tabled) else to_table(made, (3,)).table
    assert np.where(table.lo <= table.hi, table.lo, -1).reshape(-1).tolist() == [2, -1, 0]
    read = ReadUnits(by_axis=True).carry(((range(2),),), Relation((3,), (some,)))
    assert read == ((range(2, 3),),)


def test_a_blur_depends_on_where_its_axes_went():
    whole = by_places()
    assert carry(Blur(frozenset({2})), whole) == Blur(frozenset({1, 2}))
    assert carry(Mapped(None, constant((3, 5))), whole) == Mapped(None, constant((3, 5)))


# -- parts put together ----------------------------------------------------------------------------


def put_together(*starts, length=4, total=8):
    """A tensor into which all of another is put at each of some places."""
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=(length,), producer=None)
    graph.add_node("y", shape=(total,), producer=Operator(0, "put", "Put"))
    for slot, start in enumerate(starts):
        part = Select(((0, Shift(-start, 1, length, total, "absent")),))
        graph.add_edge(
            "x",
            "y",
            relation=Relation((length,), (part,)),
            operator=None,
            slot=slot,
            output=0,
            part=0,
        )
    return graph


def test_parts_that_do_not_overlap_are_one_rearrangement():
    made = joins_of(put_together(0, 4), ("x", "y"))["y"].edge
    assert made.relation.steps == (Select(((0, Repeat(4, 8)),)),)
    gap = joins_of(put_together(0, 5, total=9), ("x", "y"))["y"].edge
    assert gap.relation.steps == (Select(((0, Pick((0, 1, 2, 3, -1, 0, 1, 2, 3), 4)),)),)


def test_parts_in_reverse_are_one_reversal():
    build, x = builder(1, 1, 8)
    parts = [build.slice(x, [2], [a], [b], [-1]) for a, b in ((-1, -5), (-5, -100))]
    graph = rfgraph.load(build.model(build.concat(parts, 2))).graph
    (last,) = joins_of(graph, tuple(graph)).values()
    assert last.edge.relation.steps == (Select(((2, Shift(7, -1, 8, 8)),)),)


def test_parts_that_overlap_are_none():
    assert joins_of(put_together(0, 2), ("x", "y")) == {}


def test_a_part_that_carries_nothing_is_none():
    """x behind a part of length 0, which is then turned: one rearrangement of x."""
    graph = put_together(0, 4)
    graph.add_node("none", shape=(0,), producer=None)
    nothing = Relation((0,), (Select(((0, Shift(0, 1, 0, 8, "absent")),)),))
    assert nothing.is_void
    graph.add_edge("none", "y", relation=nothing, **{**NO_OPERATOR, "slot": 2})
    made = joins_of(graph, ("x", "none", "y"))["y"].edge
    assert made.source == "x"
    assert made.relation.steps == (Select(((0, Repeat(4, 8)),)),)


def test_parts_of_an_axis_too_long_to_tabulate_are_left_as_they_are():
    long = 1 << 23
    assert joins_of(put_together(0, long, length=long, total=2 * long), ("x", "y")) == {}


# -- what is cut, and moved ------------------------------------------------------------------------


def taking(places):
    """Two rows of 8 of which these places are taken."""
    row = np.zeros((1, 1), np.int64) + np.arange(2).reshape(2, 1)
    return Gathered((2, len(places)), (row, np.array(places).reshape(1, -1)))


@pytest.mark.parametrize(
    ("places", "read"),
    [
        ([0, 1, 2, 3], (0, 3)),
        ([6, 2, 4], (2, 6)),
        # The last position, over which a stride passes, or another order: nothing is left out.
        ([0, 2, 4, 6], None),
        ([4, 5, 6, 7, 0, 1, 2, 3], None),
    ],
)
def test_what_takes_a_part_of_an_axis_and_reads_all_of_that_is_local(places, read):
    made = carry_step(own_position(1), taking(places), (2, 8))
    assert made.cut == (None if read is None else (0, 7))
    whole = carry_step(made, Reduce(((1, Whole(len(places), 1)),)), (2, len(places)))
    if read is None:
        assert whole is Scope.GLOBAL
    else:
        assert whole.map.spans == (read,)


@pytest.mark.parametrize(
    "step", [Reduce(((0, Whole(10, 1)),)), Everything((1,))], ids=["a whole axis", "everything"]
)
def test_a_merged_axis_is_as_whole_as_the_one_that_it_was_made_of(step):
    cut = carry_step(own_position(1), Select(((1, Shift(2, 1, 8, 5)),)), (2, 8))
    part, whole = (carry_step(piece, Regroup((10,)), (2, 5)) for piece in (cut, own_position(1)))
    assert isinstance(part, Regrouped)
    assert (part.cut, whole.cut) == ((0, 7), None)
    assert carry_step(part, step, (10,)).map.spans == ((2, 6),)
    assert carry_step(whole, step, (10,)) is Scope.GLOBAL


def test_parts_of_a_merged_axis_that_are_all_there_is_are_no_longer_cut():
    place = np.arange(8).reshape(1, 8)
    tables = (keep_where(Table(place, place), there) for there in (place < 4, place >= 4))
    parts = [
        Regrouped(Tabled(table, frozenset({1}), cut=(0, 7)), (2, 8), frozenset({0}))
        for table in tables
    ]
    (one,) = merge_pieces(parts, (16,))
    assert isinstance(one, Regrouped)
    assert one.cut is None
    assert merge_pieces([parts[0], parts[0]._replace()], (16,))[0].cut == (0, 7)


def test_behind_any_rearrangement_an_axis_may_be_parted():
    graph = nx.MultiDiGraph()
    for name in "xab":
        graph.add_node(name, shape=(2, 8))
    graph.add_edge("x", "a", relation=Relation((2, 8), ()), **NO_OPERATOR)
    graph.add_edge(
        "a", "b", relation=Relation((2, 8), (taking([4, 5, 6, 7, 0, 1, 2, 3]),)), **NO_OPERATOR
    )
    assert parted_tensors(graph) == {"b"}


# -- what is read at some positions only -----------------------------------------------------------


def test_a_list_reads_something_where_one_of_its_positions_does():
    """Of four positions the first two read something; the lists take 0 or 1, 2 or 3, and 1 or 2."""
    rule = Listed(((0, 1), (2, 3), (1, 2)), 4)
    assert after(0b0011, rule) == 0b101


def test_a_blur_goes_where_a_reshape_takes_its_axes():
    """Axes of 2, 3 and 4 positions, of which the first two become one."""
    for own, behind in ((0, 0), (1, 0), (2, 1)):
        made = carry_step(Blur(frozenset({own})), Regroup((6, 4)), (2, 3, 4))
        assert made == Blur(frozenset({behind}))


def test_what_carries_nothing_keeps_no_axis():
    graph = nx.MultiDiGraph()
    for name, length in (("x", 4), ("y", 0)):
        graph.add_node(name, shape=(length,), producer=None)
    nothing = Select(((0, Shift(0, 1, 4, 0)),))
    graph.add_edge("x", "y", relation=Relation((4,), (nothing,)), **NO_OPERATOR)
    assert kept.flow(graph, ["y"], lambda work: None) == {"y": {}}


@pytest.mark.parametrize(("axis", "moves"), [(0, True), (1, False)])
def test_a_rearrangement_moves_along_the_axes_that_it_does_not_keep(axis, moves):
    """Rows in reverse order; each stays as it is."""
    graph = nx.MultiDiGraph()
    rows, columns = np.arange(4)[::-1].reshape(4, 1), np.arange(6).reshape(1, 6)
    step = Gathered((4, 6), (rows, columns))
    graph.add_node("x", shape=(4, 6), producer=None)
    graph.add_node("y", shape=(4, 6), producer=Operator(0, "turned", "Turned"))
    edge = {**NO_OPERATOR, "operator": Operator(0, "turned", "Turned")}
    graph.add_edge("x", "y", relation=Relation((4, 6), (step,)), **edge)
    assert (mover_along(graph, "x", axis) is not None) == moves


def regions_of(piece, shape):
    """Where each element of a tensor of a shape lies, -1 where it reads nothing."""
    table = piece.table if isinstance(piece, Tabled) else to_table(piece, shape).table
    return np.broadcast_to(np.where(table.lo > table.hi, -1, table.lo), shape)


RESTRICTED = own_position(0)._replace(support=((1, 0b011), (2, 0b0101)))
POSITIONS = np.where(
    np.array([1, 1, 0]).reshape(1, 3, 1) * np.array([1, 0, 1, 0]), np.arange(2).reshape(2, 1, 1), -1
)


def test_what_restricts_a_kept_axis_may_depend_on_two_behind_a_reshape():
    """Of 3 x 4 positions rows 0 and 1 and columns 0 and 2 read something, then as 4 x 3."""
    steps = (Regroup((2, 4, 3)), Permute((2, 0, 1)))
    made = carry(RESTRICTED, Relation((2, 3, 4), steps))
    want = POSITIONS.reshape(2, 4, 3).transpose(2, 0, 1)
    assert np.array_equal(regions_of(made, (3, 2, 4)), want)


def test_what_restricts_a_kept_axis_may_depend_on_two_behind_a_rearrangement():
    """Columns are turned in the second row only."""
    rows, columns = np.arange(3).reshape(1, 3, 1), np.tile(np.arange(4), (1, 3, 1))
    columns[0, 1] = columns[0, 1, ::-1]
    places = (np.arange(2).reshape(2, 1, 1), rows, columns)
    made = carry(RESTRICTED, Relation((2, 3, 4), (Gathered((2, 3, 4), places),)))
    want = POSITIONS[np.arange(2).reshape(2, 1, 1), rows, columns]
    assert np.array_equal(regions_of(made, (2, 3, 4)), want)


def test_a_rearrangement_too_large_to_tabulate_leaves_the_axes(monkeypatch):
    """Positions in any order, each at places of a tensor of 4 x 6."""
    turned = carry(own_position(0), Relation((5,), (Select(((0, Pick((2, 0, 4, 1, 3), 5)),)),)))
    assert isinstance(turned, Tabled)
    step = Gathered((4, 6), (np.arange(24).reshape(4, 6) % 5,))
    monkeypatch.setattr(bounds, "MAX_TABLE", 20)
    assert carry_step(turned, step, (5,)) == Blur(frozenset({0, 1}))


@pytest.mark.parametrize(("moves", "is_one"), [(30, True), (70, False)])
def test_parts_are_followed_over_so_many_moves(moves, is_one):
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=(8,), producer=None)
    graph.add_node("y", shape=(8,), producer=Operator(0, "put", "Concat"))
    for slot, start in enumerate((4, 0)):
        before, step = "x", Select(((0, Shift(start, 1, 8, 4)),))
        for number in range(moves):
            name = f"{slot}.{number}"
            graph.add_node(name, shape=(4,), producer=Operator(1, name, "Transpose"))
            relation = Relation(graph.nodes[before]["shape"], (step,))
            graph.add_edge(before, name, relation=relation, **NO_OPERATOR)
            before, step = name, Permute((0,))
        part = Select(((0, Shift(-4 * slot, 1, 4, 8, "absent")),))
        edge = {**NO_OPERATOR, "slot": slot}
        graph.add_edge(before, "y", relation=Relation((4,), (part,)), **edge)
    order = list(nx.topological_sort(graph))
    assert ("y" in joins_of(graph, order)) is is_one
