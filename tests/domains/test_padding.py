"""Which units padding touches, against runs on inputs that go on past their ends."""

import random

import networkx as nx
import numpy as np
import pytest

import rfgraph
from analysis import nets
from analysis.stitched import image_of, network
from oracle.examples import builder
from oracle.local_models import local_model, whole_numbers
from rfgraph.domains.continued import edges_to
from rfgraph.domains.padding import Padding, touched_counts
from rfgraph.relations.axis_rules import Band, Pick, Rows, Shift, Transposed, Window
from rfgraph.relations.graph import shape_of
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


def touched(graph, source, axis, tensor):
    """The flags of all units; each unit, followed backward, has its own."""
    units = Padding(graph, source, axis, tensor, edges_to(graph, tensor))
    found = units.flags()
    if found is not None:
        shape = shape_of(graph, tensor)
        sides = [np.broadcast_to(side, shape) for side in found]
        for index in np.ndindex(*shape):
            assert units.at(index) == tuple(bool(side[index]) for side in sides), index
    return found


def flags(model, axis=2):
    loaded = rfgraph.load(model)
    found = touched(loaded.graph, loaded.inputs[0].name, axis, loaded.outputs[0])
    return [np.ravel(side) for side in found]


def changed(model, length, more, seeds=4):
    """Return which units differ where the input goes on before it, and behind it."""
    before, behind = False, False
    period = rfgraph.analyze(model).receptive_field().axes[2].period
    for seed in range(seeds):
        net, x = network(whole_numbers(model, seed)), image_of((1, 1, length + 2 * more), seed)
        part = net(x[:, :, more:-more])
        count = part.shape[2]
        skipped = more * period[0] // period[1]
        left = net(x[:, :, :-more])[:, :, skipped : skipped + count]
        right = net(x[:, :, more:])[:, :, :count]
        before = before | np.ravel(left != part)
        behind = behind | np.ravel(right != part)
    return before, behind


@pytest.mark.parametrize(
    "model",
    [
        nets.twice_down_and_up(),
        nets.two_centered(),
        nets.crop_before_padding(),
        nets.slice_before_padding(),
        nets.unet(2, "transposed", ["n"]),
    ],
)
def test_touched_units_are_those_that_more_input_changes(model):
    # Units at the end that more input adds to are of the longer run only.
    left, right = flags(model)
    before, behind = changed(model, 256, 64)
    np.testing.assert_array_equal(np.broadcast_to(left, before.shape), before)
    np.testing.assert_array_equal(np.broadcast_to(right, behind.shape), behind)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("mode", ["wrap", "reflect", "edge"])
def test_what_an_axis_is_padded_with_of_its_own_is_padding(mode, *, fused):
    """A window of 4 over 3, 256 and 2 positions: 3 units read the first, 2 the last, of 258."""
    model = nets.padded_by_its_own(mode, fused=fused)
    left, right = flags(model)
    assert np.flatnonzero(left).tolist() == [0, 1, 2]
    assert np.flatnonzero(right).tolist() == [256, 257]
    # What goes round stands at one end and is of the other.
    before, behind = changed(model, 256, 64)
    np.testing.assert_array_equal(left | right, before | behind)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_not_touched_does_not_change(seed):
    draw = random.Random(seed).randint
    model = local_model(1, seed, draw)
    found = rfgraph.tiles(model).axes[2]
    if 256 % found.period[1] or 240 % found.period[1]:
        return
    left, right = flags(model)
    before, behind = changed(model, 256, 240, seeds=1)
    assert not (before & ~np.broadcast_to(left, before.shape)).any()
    assert not (behind & ~np.broadcast_to(right, behind.shape)).any()


@pytest.mark.parametrize("between", ["", "Relu", "InstanceNormalization"])
def test_padding_of_rows_touches_no_column_after_a_reshape_and_back(between):
    """A row and a column of padding each: beside a shape that merges them, or none, the same."""
    build, x = builder(1, 2, 5, 6)
    y = build.reshape(x, (1, 2, 30))
    if between == "Relu":
        y = build.same(between, y)
    elif between:
        scale, bias = build.floats((2,)), build.floats((2,))
        y = build.one(between, [y, scale, bias], (1, 2, 30))
    y = build.same_conv(build.reshape(y, (1, 2, 5, 6)), 2, 3)
    model = build.model(build.same("Add", y, build.same_conv(x, 2, 1)))
    for axis in (2, 3):
        found = touched(rfgraph.load(model).graph, x, axis, model.graph.output[0].name)
        count = (5, 6)[axis - 2]
        for side, at in zip(found, (0, count - 1), strict=True):
            assert np.flatnonzero(side.any(axis=tuple({0, 1, 2, 3} - {axis}))).tolist() == [at]


def test_padding_of_rows_touches_columns_after_a_window_over_both():
    """A window over merged rows and columns runs on from row to row, which then carry both."""
    build, x = builder(1, 2, 5, 6)
    flat = build.reshape(x, (1, 2, 30))
    both = build.same("Add", flat, build.same_conv(flat, 2, 3))
    model = build.model(build.same_conv(build.reshape(both, (1, 2, 5, 6)), 2, 3))
    left, right = touched(rfgraph.load(model).graph, x, 3, model.graph.output[0].name)
    assert left[0, 0, 0].all()
    assert right[0, 0, -1].all()
    assert not left[0, 0, 2, 1:].any()


def test_where_one_part_ends_another_begins():
    """No padding touches what stands side by side, which is no rearrangement: one is convolved."""
    build, x = builder(1, 1, 4)
    both = build.concat([build.same_conv(x, 1, 1), x], 2)
    left, right = flags(build.model(both))
    assert not left.any()
    assert not right.any()


def test_counts():
    loaded = rfgraph.load(nets.twice_down_and_up())
    found = touched(loaded.graph, "x", 2, loaded.outputs[0])
    assert touched_counts(found, 2) == (7, 7)


def of_steps(shape, *steps, axis=0):
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=shape, producer=None)
    relation = Relation(shape, steps)
    graph.add_node("y", shape=relation.out_shape, producer=Operator(0, "n", "Op"))
    shared = Operator(0, "n", "Op")
    for part in range(2):
        graph.add_edge(
            "x",
            "y",
            relation=relation,
            operator=shared,
            slot=0,
            output=0,
            part=part,
        )
    graph.add_node("z", shape=shape, producer=None)
    found = touched(graph, "x", axis, "y")
    assert touched(graph, "x", axis, "z") is None
    return [np.broadcast_to(side, relation.out_shape) for side in found]


def test_padding_of_another_axis_does_not_count():
    left, right = of_steps((4, 5), Taps(((1, Window(3, 1, 1, 1, 5, 5)),)))
    assert not left.any()
    assert not right.any()


def test_padding_moves_with_transposes_reshapes_and_broadcasts():
    steps = (
        Taps(((0, Window(3, 1, 1, 1, 4, 4)),)),
        Permute((1, 0)),
        Regroup((20,)),
        Pointwise((2, 20)),
    )
    left, right = of_steps((4, 5), *steps)
    assert [np.flatnonzero(row).tolist() for row in left] == [[0, 4, 8, 12, 16]] * 2
    assert [np.flatnonzero(row).tolist() for row in right] == [[3, 7, 11, 15, 19]] * 2


def test_a_reshape_of_other_axes():
    left, _ = of_steps((2, 3, 4), Taps(((2, Window(3, 1, 1, 1, 4, 4)),)), Regroup((6, 4)), axis=2)
    assert left.tolist() == [[True, False, False, False]] * 6


def test_rows_keep_the_axes_that_padding_touches():
    """Every row reads all of itself: the first and the last of 4, which a window of 3 pads."""
    every = Rows((0,), (4,), np.packbits(np.ones((4, 5), bool)).tobytes(), 5)
    window = Taps(((0, Window(3, 1, 1, 1, 4, 4)),))
    left, right = of_steps((4, 5), window, Reduce(((1, every),)))
    assert left.ravel().tolist() == [True, False, False, False]
    assert right.ravel().tolist() == [False, False, False, True]


def test_all_that_reads_everything_is_touched():
    left, right = of_steps((4,), Select(((0, Shift(-1, 1, 4, 5)),)), Everything((3,)))
    assert left.all()
    assert not right.any()


def test_a_band_is_cut_at_the_ends():
    left, right = of_steps((6,), Prefix(((0, Band(2, 1, 6, 6)),)))
    assert np.flatnonzero(left).tolist() == [0, 1]
    assert np.flatnonzero(right).tolist() == [5]


@pytest.mark.parametrize(
    "step",
    [
        Prefix(((0, Band(None, 0, 6, 6)),)),
        Prefix(((0, Band(0, None, 6, 6)),)),
        Select(((0, Pick((0, -1, 3), 6)),)),
        Taps(((0, Transposed(1, 2, 1, 0, 6, 11)),)),
    ],
)
def test_what_has_no_padding(step):
    left, right = of_steps((6,), step)
    assert not left.any()
    assert not right.any()


def test_padding_goes_where_a_rearrangement_takes_it():
    """Of 4 units of a window of 3 the first and the last are touched; then they are turned."""
    window = Taps(((1, Window(3, 1, 1, 1, 4, 4)),))
    first = np.array([[0], [0], [-1], [0], [0]])
    turned = Gathered((5, 2), (first, np.array([[3], [2], [-1], [1], [0]])))
    padded = Taps(((0, Window(3, 1, 1, 1, 5, 5)),))
    graph = nx.MultiDiGraph()
    graph.add_node("x", shape=(2, 4), producer=None)
    for number, (name, steps) in enumerate((("y", (window, turned)), ("z", (padded,)))):
        source = "x" if name == "y" else "y"
        relation = Relation(graph.nodes[source]["shape"], steps)
        graph.add_node(name, shape=relation.out_shape, producer=Operator(number, "n", "Op"))
        graph.add_edge(
            source,
            name,
            relation=relation,
            operator=Operator(number, "n", "Op"),
            slot=0,
            output=0,
            part=0,
        )
    left, right = touched(graph, "x", 1, "y")
    assert left.ravel().tolist() == [False, False, False, False, True]
    assert right.ravel().tolist() == [True, False, False, False, False]
    # The axis that carries it is padded once more.
    left, right = touched(graph, "x", 1, "z")
    assert left.ravel().tolist() == [True, False, False, True, True]
    assert right.ravel().tolist() == [True, True, False, False, True]
