"""Rows that read what a mask leaves them, against sets counted out unit by unit."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest

from rfgraph.domains import regions as exact
from rfgraph.domains import tables as table
from rfgraph.domains.fields import carry, pieces
from rfgraph.domains.fields.pieces import Blur, Mapped, own_position
from rfgraph.domains.paths.liveness import needed_axes
from rfgraph.domains.read_units import read_positions
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations import bounds
from rfgraph.relations.axis_rules import Listed, Rows, Shift, Whole, Window
from rfgraph.relations.graph import Edge
from rfgraph.relations.operator import Operator
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Gathered, Permute, Pointwise, Reduce, Regroup, Select, Taps

SHAPE = (2, 3, 4, 5)
RANDOM = np.random.default_rng(1)


def rows(axes, axis, kept, band=None):
    lengths = tuple(SHAPE[a] for a in axes)
    return Rows(axes, lengths, np.packbits(kept).tobytes(), SHAPE[axis], band)


def some(axes, axis, share=0.4):
    return RANDOM.random((int(np.prod([SHAPE[a] for a in axes])), SHAPE[axis])) < share


def read_by(rule, axis, unit):
    """The elements of the tensor that a unit of the reduced one reads."""
    kept = np.unpackbits(np.frombuffer(rule.kept, np.uint8))
    row = 0
    for a, length in zip(rule.axes, rule.lengths, strict=True):
        row = row * length + unit[a]
    for at in range(rule.in_len):
        if kept[row * rule.in_len + at]:
            yield (*unit[:axis], at, *unit[axis + 1 :])


def graph_of(relation):
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=relation.in_shape, producer=None)
    operator = Operator(0, "op", "Any")
    graph.add_node("y", shape=relation.out_shape, producer=operator)
    graph.add_edge("x", "y", relation=relation, operator=operator, slot=0, output=0, part=0)
    return graph


CASES = [
    (axes, axis, share)
    for axis in range(4)
    for count in (1, 2, 3)
    for axes in itertools.permutations([a for a in range(4) if a != axis], count)
    for share in (0.2, 0.7)
]


@pytest.mark.parametrize(("axes", "axis", "share"), CASES)
def test_each_row_reads_what_is_left_to_it(axes, axis, share):
    rule = rows(axes, axis, some(axes, axis, share))
    relation = Relation(SHAPE, (Reduce(((axis, rule),)),))
    graph = graph_of(relation)
    found = exact.clipped_tables(graph, "x")["y"]
    for unit in np.ndindex(*relation.out_shape):
        read = np.array(list(read_by(rule, axis, unit)))
        box = exact.region(found, unit)
        marks = read_positions(graph, "x", "y", unit)
        if not len(read):
            assert box is None
            assert marks is None
            continue
        assert box == tuple(zip(read.min(0).tolist(), read.max(0).tolist(), strict=True))
        for place, mark in enumerate(marks):
            assert set(np.flatnonzero(mark)) == set(read[:, place].tolist())


@pytest.mark.parametrize(("axes", "axis", "share"), CASES[::3])
@pytest.mark.parametrize("source", range(4))
@pytest.mark.parametrize("before", ["own", "wide", "cropped"])
def test_pieces_are_carried_as_tables_are(axes, axis, share, source, before):
    """One input axis at a time, as it is, through a window, or cut to a part of each axis."""
    rule = rows(axes, axis, some(axes, axis, share))
    first = {
        "own": Pointwise(SHAPE),
        "wide": Taps(((source, Window(2, 1, 1, 0, SHAPE[source] + 1, SHAPE[source])),)),
        "cropped": Select(
            tuple((a, Shift(0, 1, SHAPE[a] - 1, SHAPE[a], "absent")) for a in range(4))
        ),
    }[before]
    shape = {
        "own": SHAPE,
        "wide": tuple(n + (a == source) for a, n in enumerate(SHAPE)),
        "cropped": tuple(n - 1 for n in SHAPE),
    }[before]
    relation = Relation(shape, (first, Reduce(((axis, rule),))))
    piece = carry.carry(own_position(source), relation)
    want = table.ramp(shape, source)
    for step in relation.steps:
        for place, along in getattr(step, "rules", ()):
            if isinstance(along, Rows):
                want = table.rows(want, place, along)
            else:
                want = table.along(want, place, along, clipped=False)
    if want.is_empty:
        assert piece is Scope.NONE
        return
    assert not isinstance(piece, Scope)
    got = pieces.to_table(piece, relation.out_shape) if isinstance(piece, Mapped) else piece
    lo, hi = (np.broadcast_to(side, relation.out_shape) for side in got.table)
    low, high = (np.broadcast_to(side, relation.out_shape) for side in want)
    there = low <= high
    assert np.array_equal(lo <= hi, there)
    assert np.array_equal(lo[there], low[there])
    assert np.array_equal(hi[there], high[there])


def diagonals(length, before, after):
    apart = np.arange(length)[None] - np.arange(length)[:, None]
    low = apart >= (-length if before is None else -before)
    return low & (apart <= (length if after is None else after))


SQUARE = (2, 6, 6)


@pytest.mark.parametrize(
    ("before", "after", "opens"),
    [(None, 0, (True, False)), (1, None, (False, True)), (2, 1, (False, False))],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_band_stays_one_and_moves_to_the_axis_of_the_rows(before, after, opens, stride):
    kept = np.packbits(diagonals(6, before, after)).tobytes()
    rule = Rows((1,), (6,), kept, 6, (before, after))
    tapped = Taps(((2, Window(1, stride, 1, 0, 12, 6)),))
    relation = Relation((2, 6, 12), (tapped, Reduce(((2, rule),))))
    piece = carry.carry(own_position(2), relation)
    assert isinstance(piece, Mapped)
    assert (piece.carrier, piece.open_lo, piece.open_hi) == (1, *opens)
    assert piece.map.q == stride
    if before is not None and after is not None:
        assert piece.map.at(3) == (stride * (3 - before), stride * (3 + after))
    # The rows' own axis goes by.
    own = carry.carry(own_position(1), relation)
    assert own == own_position(1)
    # Where only part of an axis is read, it is tabulated, and still is open.
    cut = Select(((2, Shift(0, 1, 5, 6, "absent")),))
    found = carry.carry(own_position(2), Relation((2, 6, 5), (cut, Reduce(((2, rule),)))))
    assert (found.open_lo, found.open_hi) == opens
    assert found.axes == {1}


def test_a_band_open_on_both_sides_of_an_axis_is_the_whole_of_it():
    kept = np.packbits(np.ones((6, 6), bool)).tobytes()
    rule = Rows((1,), (6,), kept, 6, (None, None))
    relation = Relation(SQUARE, (Reduce(((2, rule),)),))
    assert carry.carry(own_position(2), relation) is Scope.GLOBAL


def test_a_band_without_a_period_is_tabulated_along_the_axis_of_the_rows():
    listed = Taps(((2, Listed(((3,), (0, 1), (5,), (2,), (), (4, 5)), 6)),))
    kept = np.packbits(diagonals(6, 1, 1)).tobytes()
    rule = Rows((1,), (6,), kept, 6, (1, 1))
    piece = carry.carry(own_position(2), Relation(SQUARE, (listed, Reduce(((2, rule),)))))
    assert piece.axes == {1}
    spans = [(int(a), int(b)) for a, b in zip(*(side.ravel() for side in piece.table), strict=True)]
    assert spans == [(0, 3), (0, 5), (0, 5), (2, 5), (2, 5), (4, 5)]


@pytest.mark.parametrize(
    ("depends", "band", "want"),
    [
        ({0, 2}, None, Blur(frozenset({0, 1}))),
        # Of an axis that is one of two, no band reaches all that came before.
        ({0, 2}, (None, 0), Blur(frozenset({0, 1}))),
        ({2}, (None, 0), Blur(frozenset({1}), open_lo=True)),
        ({2}, (None, None), Scope.GLOBAL),
    ],
)
def test_what_is_too_large_to_tabulate_depends_on_the_axes_of_the_rows(depends, band, want):
    rule = Rows((1,), (6,), np.packbits(diagonals(6, None, 0)).tobytes(), 6, band)
    step = Reduce(((2, rule),))
    assert carry.carry_step(Blur(frozenset(depends)), step, SQUARE) == want
    assert carry.carry_step(Blur(frozenset({0})), step, SQUARE) == Blur(frozenset({0}))


def test_tables_of_rows_are_bounded(monkeypatch):
    rule = rows((1, 2), 3, np.ones((12, 5), bool))
    relation = Relation(SHAPE, (Reduce(((3, rule),)),))
    flat = Relation(SHAPE, (Permute((3, 1, 2, 0)), Regroup((5, 3, 8)), Permute((1, 2, 0))))
    assert flat.out_shape == (3, 8, 5)
    monkeypatch.setattr(bounds, "MAX_TABLE", 30)
    with pytest.raises(BoundError, match="MAX_TABLE"):
        exact.clipped_tables(graph_of(relation), "x")
    cut = Select(((3, Shift(0, 1, 4, 5, "absent")),))
    cropped = Relation((2, 3, 4, 4), (cut, *relation.steps))
    assert carry.carry(own_position(1), cropped) is not None
    monkeypatch.setattr(bounds, "MAX_TABLE", 2)
    assert carry.carry(own_position(1), cropped) == Blur(frozenset({1}))


def test_support_is_needed_on_the_axis_and_on_those_of_the_rows():
    rule = rows((1,), 3, some((1,), 3))
    relation = Relation(SHAPE, (Reduce(((3, rule), (0, Whole(2, 1)))),))
    edge = Edge("x", "y", relation, Operator(0, "op", "Any"))
    assert needed_axes({"x": [], "y": [edge]})["x"] == {1, 3}


def test_any_axis_may_matter_behind_a_rearrangement_of_which_some_does():
    """Where the last axis of what is gathered is then read in part, each axis before matters."""
    places = tuple(np.indices((3, 4))[::-1] % 3)
    gathered = Relation((4, 3), (Gathered((3, 4), (places[0], places[1])),))
    part = Relation((3, 4), (Select(((1, Shift(0, 1, 4, 2)),)),))
    operator = Operator(0, "op", "Any")
    edges = {"x": [], "y": [Edge("x", "y", gathered, operator)]}
    assert needed_axes(edges)["x"] == {0}
    edges["z"] = [Edge("y", "z", part, operator)]
    assert needed_axes(edges)["x"] == {0, 1}
