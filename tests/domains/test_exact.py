"""Clipped regions against what changes under onnxruntime, and the closed form inside."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from onnx import parser

import rfgraph
from domains.brute import described
from fixtures.make import MODELS, build
from oracle import perturb, random_models, sets
from oracle.builder import Builder
from oracle.examples import builder, output
from rfgraph.domains import regions as exact
from rfgraph.domains.fields.numbers import unclipped_span
from rfgraph.domains.read_units import read_positions
from sweeps import at_length

# -- tables ----------------------------------------------------------------------------------------


def dense(tables, shape):
    """lo and hi with the input's axis last, as the oracles have them; empty has lo > hi."""
    lo = np.stack([np.broadcast_to(table.lo, shape) for table in tables], axis=-1)
    hi = np.stack([np.broadcast_to(table.hi, shape) for table in tables], axis=-1)
    empty = (lo > hi).any(axis=-1, keepdims=True)
    return np.where(empty, 0, lo), np.where(empty, -1, hi)


def normal(tables):
    lo, hi = tables
    empty = (lo > hi).any(axis=-1, keepdims=True)
    return np.where(empty, 0, lo), np.where(empty, -1, hi)


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def contains(outer, inner):
    """Whether every region of `inner` lies in that of `outer`."""
    read = (inner[0] <= inner[1]).all(axis=-1)
    return bool(((outer[0] <= inner[0]) & (inner[1] <= outer[1]))[read].all())


def check_tables(model):
    loaded = rfgraph.load(model)
    inputs = [item.name for item in loaded.inputs]
    tensors = [name for name in loaded.graph if name not in inputs]
    prober = perturb.Prober(model, tensors)
    for name in inputs:
        found = exact.clipped_tables(loaded.graph, name)
        probed = prober.tables(name)
        for tensor in tensors:
            want = normal(probed[tensor])
            if tensor not in found:
                assert (want[0] > want[1]).all(), f"{tensor} reads {name}\n{described(model)}"
                continue
            have = dense(found[tensor], prober.shape(tensor))
            if not same(have, want):
                # A sigmoid that saturates hides what it reads from every probe.
                defined = normal(sets.clipped_tables(sets.Graph(model, clip=True), tensor, name))
                assert contains(have, want), f"{tensor} on {name}\n{described(model)}"
                assert same(have, defined), f"{tensor} on {name}\n{described(model)}"


@given(random_models.models())
@settings(max_examples=80)
def test_tables_are_what_perturbation_shows(model):
    check_tables(model)


@given(random_models.wide_models())
@settings(max_examples=80)
def test_tables_of_moved_elements_are_what_perturbation_shows(model):
    check_tables(model)


@pytest.mark.slow
@given(random_models.models(nodes=10))
@at_length(3000)
def test_tables_are_what_perturbation_shows_at_length(model):
    check_tables(model)


@pytest.mark.slow
@given(random_models.wide_models(nodes=12))
@at_length(3000)
def test_tables_of_moved_elements_are_what_perturbation_shows_at_length(model):
    check_tables(model)


# -- single units ----------------------------------------------------------------------------------


def check_unit(model, index):
    """rfgraph.unit at an index with whole axes, against the union of what perturbation finds."""
    tensor = output(model)
    prober = perturb.Prober(model, [tensor])
    found = {region.input: region for region in rfgraph.unit(model, tensor, index).regions}
    chosen = tuple(slice(None) if at is None else at for at in index)
    for name in prober.inputs:
        read = prober.elements(tensor, name)[chosen]
        rank = len(prober.shapes[name])
        read = read.reshape(-1, *prober.shapes[name]).any(axis=0)
        if not read.any():
            assert name not in found or found[name].empty
            continue
        others = [tuple(a for a in range(rank) if a != axis) for axis in range(rank)]
        places = [np.nonzero(read.any(axis=other))[0] for other in others]
        want = tuple((int(place[0]), int(place[-1])) for place in places)
        assert found[name].clipped == want, f"{index}\n{described(model)}"


def strided_pair():
    """Two inputs, of which one is rolled and the other leaves rows unread."""
    build = Builder(18, 0)
    x, y = build.input((1, 1, 8, 8)), build.input((1, 1, 17, 8))
    tail, head = build.slice(x, [2], [3], [8]), build.slice(x, [2], [0], [3])
    rolled = build.concat([tail, head], 2)
    strided = build.conv(y, 1, [1, 3], strides=[2, 1], pads=[0, 1, 0, 1])
    return build.model(
        build.same("Add", build.same_conv(rolled, 1, 3), build.crop(strided, [8, 8]))
    )


@pytest.mark.parametrize("index", [(0, 0, 3, 4), (0, 0, 0, 0), (0, None, 5, None), (0, 0, -1, -2)])
def test_units_with_whole_axes_and_negative_places(index):
    check_unit(strided_pair(), index)


# -- positions -------------------------------------------------------------------------------------


def positions(prober, tensor, name, index):
    """Which positions of each input axis change any of the units at `index`."""
    chosen = tuple(slice(None) if at is None else at for at in index)
    shape = prober.shapes[name]
    return [
        np.array(
            [
                prober.changed(name, slab(len(shape), axis, place))[tensor][chosen].any()
                for place in range(length)
            ]
        )
        for axis, length in enumerate(shape)
    ]


def slab(rank, axis, place):
    return tuple(slice(place, place + 1) if a == axis else slice(None) for a in range(rank))


def check_positions(model, index, *, exactly):
    loaded, tensor = rfgraph.load(model), output(model)
    prober = perturb.Prober(model, [tensor])
    for item in loaded.inputs:
        found = read_positions(loaded.graph, item.name, tensor, index)
        for axis, want in enumerate(positions(prober, tensor, item.name, index)):
            have = np.zeros_like(want) if found is None else found[axis]
            assert have[want].all(), f"misses some: axis {axis} of {index}\n{described(model)}"
            assert not exactly or np.array_equal(have, want), f"{axis} {index}\n{described(model)}"


def some_indices(model):
    shape = [dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim]
    picked = random.Random(str(shape))
    one = tuple(picked.randrange(length) for length in shape)
    mixed = tuple(at if picked.random() < 0.5 else None for at in one)
    return [(None,) * len(shape), mixed, one]


def has_branches(model):
    """Whether axes depend on each other: branches that read different places on several axes."""
    return any(node.op_type in ("Concat", "Split") for node in model.graph.node)


@given(random_models.models())
@settings(max_examples=60)
def test_positions_read_are_those_that_change_something(model):
    for index in some_indices(model):
        check_positions(model, index, exactly=not has_branches(model))


@given(random_models.wide_models())
@settings(max_examples=40)
def test_no_position_read_is_missed_where_elements_move(model):
    for index in some_indices(model):
        check_positions(model, index, exactly=False)


def test_positions_between_dilated_taps_and_strides_are_not_read():
    build, x = builder(1, 1, 16)
    model = build.model(build.conv(x, 1, [3], strides=[1], dilations=[4]))
    loaded = rfgraph.load(model)
    read = read_positions(loaded.graph, "x0", output(model), (0, 0, 0))
    assert np.nonzero(read[2])[0].tolist() == [0, 4, 8]
    build, x = builder(1, 1, 16)
    model = build.model(build.conv(x, 1, [2], strides=[5]))
    read = read_positions(rfgraph.load(model).graph, "x0", output(model))
    assert np.nonzero(read[2])[0].tolist() == [0, 1, 5, 6, 10, 11]


# -- the closed form inside ------------------------------------------------------------------------


def interiors(model):
    """Per regular local axis of a tensor: spans without borders and the clipped ones, by unit."""
    result = rfgraph.analyze(model)
    for name, form in result.forms.items():
        tables = exact.clipped_tables(result.graph, name)
        for tensor, state in form.items():
            field = result.receptive_field(tensor, name)
            for axis in form.spatial_axes:
                fields = [item[axis] for item in state.classes.values()]
                carriers = {piece.axes for item in fields if item for piece in item.pieces}
                if field.axes[axis].scope != "local" or not field.axes[axis].regular:
                    continue
                if len(carriers) == 1 and len(next(iter(carriers))) == 1:
                    (carrier,) = next(iter(carriers))
                    pieces = [piece for item in fields for piece in item.pieces]
                    length = result.graph.nodes[name]["shape"][axis]
                    yield tensor, field, axis, length, carrier, pieces, tables[tensor][axis]


def by_unit(table, carrier):
    """The union over all but one axis."""
    others = tuple(axis for axis in range(table.lo.ndim) if axis != carrier)
    return table.lo.min(axis=others), table.hi.max(axis=others)


@pytest.mark.parametrize("name", MODELS)
def test_inside_the_closed_form_is_what_the_tables_say(name):
    model = build(name)
    inside = 0
    for tensor, field, axis, length, carrier, pieces, table in interiors(model):
        lo, hi = by_unit(table, carrier)
        for o, (low, high) in enumerate(zip(lo.tolist(), hi.tolist(), strict=True)):
            index = [o if a == carrier else None for a in range(len(field.shape))]
            span = unclipped_span(pieces, field.shape, index)
            # A unit that lies in the padding reads nothing.
            assert low > high or span[0] <= low <= high <= span[1], (tensor, axis, o)
            if span[0] >= 0 and span[1] < length:
                inside += 1
                assert span == (low, high), (tensor, axis, o)
    assert inside > 4


def test_a_scalar_input_is_read_just_where_it_changes_something():
    proto = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        m (float[2, 3] x, float fill) => (float[4, 6] y)
        <int64[4] pads = {1, 2, 1, 1}> { y = Pad (x, pads, fill) }"""
    )
    result = rfgraph.analyze(proto)
    seen = perturb.Prober(proto, ["y"]).elements("y", "fill").reshape(4, 6)
    assert set(seen.ravel()) == {False, True}
    for index in np.ndindex(4, 6):
        (region,) = rfgraph.unit(result, "y", index, input="fill").regions
        assert region.clipped == (() if seen[index] else None)
        assert region.to_dict()["empty"] == (not seen[index])
    (region,) = rfgraph.unit(result, "y", (1, None), input="fill").regions
    assert region.clipped == ()
