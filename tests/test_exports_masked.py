"""Shifted windows with their stored masks: where the roll wraps, the mask cuts it.

The fixtures have lost the values of their masks; here they are put back, written from what the
masks are for: two tokens of a rolled window see each other if they were neighbours before the roll.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import pytest

import rfgraph
from exported import FILES, cases, proto
from oracle.perturb import Prober
from rfgraph.domains import regions as exact

WINDOW, SHIFT, PLACES = 7, 3, 49
STAGES = [f"/stages/stages.{number}/Add_1_output_0" for number in (1, 4, 7)]


def rolled(place, side, window):
    """Where the token at a place of a rolled window lay before, and whether it wrapped."""
    row, column = divmod(window, side // WINDOW)
    down, right = divmod(place, WINDOW)
    apart = (row * WINDOW + down, column * WINDOW + right)
    return tuple((at + SHIFT) % side for at in apart), tuple(at + SHIFT >= side for at in apart)


def stored_mask(side, value=-100.0):
    """By window, query and key: `value` where one of both wrapped around and the other did not."""
    count = (side // WINDOW) ** 2
    mask = np.zeros((count, PLACES, PLACES), np.float32)
    for window in range(count):
        wrapped = [rolled(place, side, window)[1] for place in range(PLACES)]
        for query in range(PLACES):
            for key in range(PLACES):
                if wrapped[query] != wrapped[key]:
                    mask[window, query, key] = value
    return mask


def is_mask(tensor):
    long = [length for length in tensor.dims if length != 1]
    lost = tensor.data_type == onnx.TensorProto.FLOAT and not tensor.raw_data
    # A table of biases has one axis less, for its heads are no windows.
    return lost and long[1:] == [PLACES, PLACES] and len(tensor.dims) in (3, 5)


def masks_of(stored):
    constants = [a.t for n in stored.graph.node for a in n.attribute if a.HasField("t")]
    return [t for t in [*stored.graph.initializer, *constants] if is_mask(t)]


@cache
def masked(name, value=-100.0):
    """The fixture with the values of its masks; computed ones start from regions of zeros."""
    stored = proto(name)
    for node in stored.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and not attribute.t.raw_data and "computed" in name:
                zeros = np.zeros(tuple(attribute.t.dims), np.float32)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(zeros, attribute.t.name))
    for tensor in masks_of(stored):
        dims = tuple(tensor.dims)
        side = WINDOW * round(int(np.prod(dims) // PLACES**2) ** 0.5)
        array = stored_mask(side, value).reshape(dims)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return stored


def attended(tokens, side, shift):
    """All tokens of the rolled windows of 7 that hold these, as far as they were neighbours."""
    found = set()
    for token in tokens:
        window = (token - shift) % side // WINDOW
        inside = [(WINDOW * window + place + shift) % side for place in range(WINDOW)]
        near = [other for other in inside if abs(other - token) < WINDOW or not shift]
        found.update(near)
    return found


def swin_rows(token, stages):
    """Rows of a 112-row image that a token reads after so many stages of two blocks each."""
    tokens = {token}
    for stage in reversed(range(stages)):
        side = 56 >> stage
        tokens = attended(attended(tokens, side, SHIFT), side, 0)
        if stage:
            tokens = {2 * t + half for t in tokens for half in (0, 1)}
    return 2 * min(tokens), 2 * max(tokens) + 1


@cache
def loaded(name):
    return rfgraph.load(masked(name), input_shapes={"x": FILES[name]}, masks=True)


@pytest.mark.parametrize("name", cases("swin", ways=("ts", "ts_dynamic")))
def test_the_mask_cuts_the_wrap_and_nothing_else(name):
    model = loaded(name)
    assert [(cut.operator.op_type, cut.highest) for cut in model.masks.cut] == [
        ("Softmax", -100.0)
    ] * 3
    tables = exact.clipped_tables(model.graph, "x")
    result = rfgraph.analyze(model)
    for stages, tensor in enumerate(STAGES, 1):
        side = 56 >> (stages - 1)
        for row in range(side):
            column = (3 * row + 1) % side
            box = exact.region(tables[tensor], (0, side * row + column, 0))
            assert box is not None
            assert box[2:] == (swin_rows(row, stages), swin_rows(column, stages))
        sizes = {hi - lo + 1 for lo, hi in (swin_rows(t, stages) for t in range(side))}
        for axis in (2, 3):
            found = result.receptive_field(tensor).axes[axis]
            assert (found.scope, found.size_min, found.size) == ("local", min(sizes), max(sizes))
    # A true box everywhere: 14 tokens, or 7 beyond the last of the shifted windows.
    assert {swin_rows(t, 1) for t in range(56)} == {
        *((14 * k, 14 * k + 27) for k in range(7)), (0, 13), (98, 111),
    }  # fmt: skip


@pytest.mark.parametrize("name", [*cases("swin"), *cases("swin_computed")])
def test_each_way_to_export_it_gives_the_same(name):
    # The result of the last block but the mean: each unit by its own rows and columns.
    model = loaded(name)
    (output,) = rfgraph.analyze(model).outputs
    (tensor,) = output.before_global
    tables = exact.clipped_tables(model.graph, "x", [tensor])[tensor]
    side = round(model.graph.nodes[tensor]["shape"][1] ** 0.5)
    rows = [exact.region(tables, (0, side * row, 0))[2] for row in range(side)]
    if name.startswith("swin_computed"):
        # Patches of 4 make 28 and 14 tokens; the second pair of blocks is of the 14.
        tokens = [attended(attended({t}, 14, 0), 14, 0) for t in range(14)]
        tokens = [{2 * t + half for t in found for half in (0, 1)} for found in tokens]
        tokens = [attended(attended(found, 28, SHIFT), 28, 0) for found in tokens]
        assert rows == [(4 * min(found), 4 * max(found) + 3) for found in tokens]
    else:
        assert rows == [swin_rows(token, 3) for token in range(14)]


class Finite(Prober):
    """Finite steps; layer normalization keeps what they do to scores far from the 100 of a mask."""

    def _probes(self, dtype):
        return ((0.5, 0), (0.5, 1), (1e4, 0), (1e12, 0), (-1e6, 1), (3.0, 1), (-7.0, 0))


# Rows of the image around the ends of windows, rolled ones and those that wrap.
EDGES = (0, 1, 13, 14, 27, 28, 55, 56, 83, 84, 97, 98, 105, 106, 110, 111)


@pytest.mark.slow
@pytest.mark.parametrize("value", [-100.0, -np.inf])
@pytest.mark.parametrize("name", ["swin_ts", "swin_dynamo"])
def test_rows_and_columns_change_the_units_that_read_them(name, value):
    stored = masked(name, value)
    model = rfgraph.load(stored, input_shapes={"x": FILES[name]}, masks=True)
    shapes = {
        node.output[0]: model.graph.nodes[node.output[0]]["shape"]
        for node in stored.graph.node
        if node.op_type == "Add" and node.output[0] in model.graph
    }
    target = [tensor for tensor, shape in shapes.items() if shape == (1, 3136, 4)][-1]
    prober = Finite(stored, [target], keep=mask_names(proto(name)))
    tables = exact.clipped_tables(model.graph, "x", [target])[target]
    for axis in (2, 3):
        lo, hi = (np.broadcast_to(side, (1, 3136, 4)) for side in tables[axis])
        for row in EDGES:
            slab = tuple(slice(row, row + 1) if a == axis else slice(None) for a in range(4))
            found = prober.changed("x", slab)[target]
            assert np.array_equal(found, (lo <= row) & (row <= hi)), (axis, row)


def mask_names(stored):
    """A Constant node's tensor goes by the name of what the node makes."""
    made = [
        node.output[0]
        for node in stored.graph.node
        for attribute in node.attribute
        if attribute.HasField("t") and is_mask(attribute.t)
    ]
    return [*made, *(tensor.name for tensor in stored.graph.initializer if is_mask(tensor))]
