"""Tiles and streams of one function in two forms, by one operator and written out, are the same."""

from functools import partial

import numpy as np
import pytest

import rfgraph
from analysis import nets
from analysis.stitched import image_of, network, stitched

MODELS = {
    **{mode: partial(nets.padded_by_its_own, mode) for mode in ("wrap", "reflect", "edge")},
    "every second": nets.every_second,
    "groups": nets.groups,
    "rolled": nets.rolled,
}


def bare(entry):
    """A report's entry without names, which differ between the forms."""
    if isinstance(entry, dict):
        # A Pad refuses a length that slices cut short.
        left_out = ("tensor", "node", "op_type", "least")
        return {key: bare(value) for key, value in entry.items() if key not in left_out}
    return [bare(value) for value in entry] if isinstance(entry, list) else entry


@pytest.mark.parametrize("name", MODELS)
def test_both_forms_have_the_same_tiles_and_streams(name):
    fused, written = (rfgraph.load(MODELS[name](fused=fused)) for fused in (True, False))
    assert bare(rfgraph.tiles(written).to_dict()) == bare(rfgraph.tiles(fused).to_dict())
    streams = (bare(rfgraph.stream(model, axis=2).to_dict()) for model in (written, fused))
    assert next(streams) == next(streams)


@pytest.mark.parametrize("name", ["reflect", "edge"])
def test_what_is_padded_by_slices_has_tiles(name):
    """A window of 4 over 3 positions more before and 2 behind: unit u reads u - 3 to u."""
    model = MODELS[name](fused=False)
    plan = rfgraph.tiles(model, image=101, tile=40)
    assert plan.exact
    assert plan.axes[2].halo == (3, 0)
    net, x = network(model), image_of((1, 1, 101))
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)


def test_slices_that_pad_at_one_length_only_are_named():
    """Position 255 is the last of 256, which is what an open length is tried with, and no other."""
    net = nets.line()
    padded = net.op("Concat", "x", net.part("x", 255, 256), axis=2)
    plan = rfgraph.tiles(net.model(net.conv(padded, 3)))
    assert not plan.exact
    assert [item.op_type for item in plan.blockers] == ["Concat"]
