"""What seldom happens: pieces by the hundred, forms that differ, and bounds that are reached."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import rfgraph
from reports import models
from rfgraph.domains import regions, tables
from rfgraph.domains.fields import meter
from rfgraph.domains.fields.axis_field import MAX_APART, AxisField, carry_field, merge_pieces
from rfgraph.domains.fields.layout import State, unite
from rfgraph.domains.fields.pieces import Mapped, Tabled, to_table
from rfgraph.domains.periodic import affine, constant
from rfgraph.domains.regroup import regroup
from rfgraph.domains.scope import Scope
from rfgraph.domains.tables import Table
from rfgraph.errors import BoundError
from rfgraph.relations.graph import edges_into
from rfgraph.relations.steps import Select

# -- pieces of one field -----------------------------------------------------------------------


def hull(pieces, shape):
    """The union of what pieces say, unit by unit."""
    made = [piece if isinstance(piece, Tabled) else to_table(piece, shape) for piece in pieces]
    lo = np.minimum.reduce([np.broadcast_to(piece.table.lo, shape) for piece in made])
    hi = np.maximum.reduce([np.broadcast_to(piece.table.hi, shape) for piece in made])
    return lo, hi


def test_many_maps_of_single_units_become_one_table():
    shape = (4, 4)
    pieces = [
        Mapped(None, constant((unit, unit + 1)), support=((0, 1 << unit), (1, 1 << unit)))
        for unit in range(4)
    ] + [
        Mapped(None, constant((9, 9)), support=((0, 1 << unit), (1, 1 << (unit + 1) % 4)))
        for unit in range(4)
    ]
    assert len(pieces) > MAX_APART
    merged = merge_pieces(pieces, shape)
    assert len(merged) < len(pieces)
    for before, after in zip(hull(pieces, shape), hull(merged, shape), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_sum_along_one_axis_leaves_what_lies_along_another_local():
    """On 4 x 4 units, the row and the column of each; then all up to one's own along axis 0."""
    total = helper.make_node("CumSum", ["x", "axis"], ["y"])
    proto = models.model([total], {"x": [4, 4]}, {"y": None}, {"axis": np.array(0)})
    (edge,) = edges_into(rfgraph.load(proto).graph, "y")
    own = [Mapped(axis, affine(1, 0, 0)) for axis in (0, 1)]
    fields, lost = carry_field(AxisField(tuple(own), None), edge.relation)
    assert lost is Scope.NONE
    assert [[(p.carrier, p.open_lo, p.open_hi) for p in one.pieces] for one in fields] == [
        [(1, False, False)],
        [(0, True, False)],
    ]


# -- inputs that are followed as one ------------------------------------------------------------


def test_inputs_of_like_classes_keep_the_losses_of_each():
    """Losses are sets of bits: by hand, each input has its own and those of its group."""
    first = State(frozenset({0, 1}), (4,), {}, (0b01,), {1: (0b100,)})
    second = State(frozenset({2}), (4,), {}, (0b10,), {})
    both = unite([first, second])
    assert both.inputs == {0, 1, 2}
    assert [both.losses(number) for number in range(3)] == [(0b01,), (0b101,), (0b10,)]


def test_inputs_that_lose_the_same_need_nothing_apart():
    apart = {0: (0b100,)}
    first = State(frozenset({0}), (4,), {}, (0b01,), apart)
    both = unite([first, first._replace(inputs=frozenset({1}))])
    assert (both.inputs, both.losses(0), both.losses(1)) == ({0, 1}, (0b101,), (0b01,))


# -- tables under another shape -------------------------------------------------------------------


def unit_table(shape, values):
    lo = np.array(values, dtype=np.int64).reshape(shape)
    return Table(lo, lo + 1)


@pytest.mark.parametrize("shape", [(2, 6), (3, 4)])
def test_tables_of_one_tensor_under_different_shapes_join_unit_by_unit(shape):
    """Of 12 units: one table as 2 x 6, the other as `shape`, both of what is now 4 x 3."""
    numbers = np.arange(12)
    first = regions.Regrouped(unit_table((2, 6), numbers), (2, 6), (4, 3))
    second = regions.Regrouped(unit_table(shape, 20 - numbers), shape, (4, 3))
    joined = regions.table_of(*regions.Clipped().join((first,), (second,)))
    assert joined.lo.ravel().tolist() == [min(n, 20 - n) for n in range(12)]
    assert joined.hi.ravel().tolist() == [max(n, 20 - n) + 1 for n in range(12)]
    plain = tables.join(regroup(first.held, (2, 6), (4, 3)), regroup(second.held, shape, (4, 3)))
    np.testing.assert_array_equal(joined.lo, plain.lo)


def test_a_table_that_stands_joins_one_that_does_not():
    held = regions.Regrouped(unit_table((2, 6), range(12)), (2, 6), (4, 3))
    other = unit_table((4, 3), [5] * 12)
    for one, two in ((held, other), (other, held)):
        joined = regions.table_of(*regions.Clipped().join((one,), (two,)))
        assert joined.lo.ravel().tolist() == [min(n, 5) for n in range(12)]


# -- parts along different axes --------------------------------------------------------------------


def placed(node):
    """The first input above, the second at the right: each along another axis of 4 x 3."""
    above = rfgraph.Shift(0, 1, 2, 4, "absent")
    right = rfgraph.Shift(-2, 1, 1, 3, "absent")
    links = (
        rfgraph.Link(input=0, steps=(Select(((0, above),)),), spatial=()),
        rfgraph.Link(input=1, steps=(Select(((1, right),)),), spatial=()),
    )
    return rfgraph.Outcome(shapes=((4, 3),), links=links)


def test_what_is_put_side_by_side_along_different_axes_is_no_concat():
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Place", ["x", "y"], ["z"], domain="my.ops")],
        "placed",
        [value("x", TensorProto.FLOAT, [2, 3]), value("y", TensorProto.FLOAT, [4, 1])],
        [value("z", TensorProto.FLOAT, [4, 3])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.ops", 1)]
    proto = helper.make_model(graph, opset_imports=opsets)
    model = rfgraph.load(proto, rules={("my.ops", "Place"): placed})
    read = {region.input: region for region in rfgraph.unit(model, "z", (1, 2)).regions}
    assert read["x"].clipped == ((1, 1), (2, 2))
    assert read["y"].clipped == ((1, 1), (0, 0))
    assert rfgraph.unit(model, "z", (3, 0)).regions[0].empty


# -- bounds ----------------------------------------------------------------------------------------


def summed_part():
    """All that came before, through a convolution, of the first 5 of 40 units."""
    conv = helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1])
    total = helper.make_node("CumSum", ["c", "axis"], ["s"])
    part = helper.make_node("Slice", ["s", "zero", "five", "two"], ["y"])
    constants = {
        "w": np.ones((1, 1, 3), np.float32),
        "zero": np.array([0]),
        "five": np.array([5]),
        "two": np.array([2]),
        "axis": np.array(2),
    }
    return models.model([conv, total, part], {"x": [1, 1, 40]}, {"y": None}, constants)


def test_what_was_measured_is_forgotten_and_measured_again(monkeypatch):
    proto = summed_part()
    whole = rfgraph.analyze(proto).to_dict()
    monkeypatch.setattr(meter, "MAX_SEEN", 1)
    assert rfgraph.analyze(proto).to_dict() == whole


def test_a_part_that_cannot_be_tabulated_has_no_size(monkeypatch):
    """Units read 2 to 6 positions: 0..1, 0..2, ..., 0..5; without tables, that is not known."""
    proto = summed_part()
    axis = rfgraph.analyze(proto).receptive_field().axes[2]
    assert (axis.scope, axis.regular, axis.size, axis.size_min) == ("local", False, 6, 2)

    def refuse(*_):
        raise BoundError("too large")

    monkeypatch.setattr(regions, "clipped_tables", refuse)
    axis = rfgraph.analyze(proto).receptive_field().axes[2]
    assert (axis.scope, axis.regular, axis.size) == ("local", False, None)
