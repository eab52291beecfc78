"""Files written by real exporters: what units read is what changing their inputs shows."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import rfgraph
from exported import FILES, LONG, RATE, analysed, model, proto
from oracle.perturb import Prober
from rfgraph.domains import regions as exact


def unrounded(stored: onnx.ModelProto) -> onnx.ModelProto:
    """Without the rounding of activations, which hides what a unit reads little of."""
    weights = {tensor.name for tensor in stored.graph.initializer}
    for node in stored.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in weights:
            del node.input[1:], node.attribute[:]
            node.op_type = "Identity"
    return stored


def remembering(stored: onnx.ModelProto) -> list[str]:
    """Give LSTMs weights with which they neither forget nor saturate; return their names."""
    weights = {tensor.name: tensor for tensor in stored.graph.initializer}
    random = np.random.default_rng(0)
    names = []
    for node in stored.graph.node:
        for slot in (1, 2, 3) if node.op_type == "LSTM" else ():
            tensor = weights[node.input[slot]]
            value = random.uniform(0.001, 0.01, tuple(tensor.dims)).astype(np.float32)
            if slot == 3:  # input, output, forget, cell
                hidden = tensor.dims[1] // 8
                value[:, 2 * hidden : 3 * hidden] = 20
            tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
            names.append(tensor.name)
    return names


def prober(name, tensors):
    stored = proto(name)
    source = stored.graph.input[0].name
    shapes = {source: FILES[name]}
    kept = remembering(stored)
    return Prober(unrounded(stored), tensors, shapes=shapes, fixed=RATE.get(name), keep=kept)


def written(stored):
    return {output for node in stored.graph.node for output in node.output}


def differing(regions, lo, hi):
    """Units whose box, or whose emptiness, is not what perturbation found; lo, hi: unit + axis."""
    empty = np.zeros(lo.shape[:-1], np.bool_)
    for table in regions:
        empty |= table.lo > table.hi
    found = (lo > hi).any(-1)
    wrong = empty != found
    for axis, table in enumerate(regions):
        wrong |= ~found & ((table.lo != lo[..., axis]) | (table.hi != hi[..., axis]))
    return wrong


def compare_all(name, every=1):
    """Compare all units of all tensors (or of every so many and the last); return how many."""
    graph = model(name).graph
    stored = proto(name)
    source = stored.graph.input[0].name
    tables = exact.clipped_tables(graph, source)
    known = written(stored)
    names = [tensor for tensor in tables if tensor in known]
    names = [*names[:-1:every], names[-1]]
    found = prober(name, names).tables(source)
    count = 0
    for tensor in names:
        lo, hi = found[tensor]
        assert graph.nodes[tensor]["shape"] == lo.shape[:-1]
        wrong = np.argwhere(differing(tables[tensor], lo, hi))
        assert wrong.size == 0, f"{tensor}{wrong[0].tolist()} and {len(wrong) - 1} other units"
        count += lo[..., 0].size
    return count


@pytest.mark.parametrize("name", [name for name in FILES if name not in LONG])
def test_all_units_of_all_tensors_read_what_perturbation_finds(name):
    assert compare_all(name) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_all_units_of_transformers_read_what_perturbation_finds(name):
    assert compare_all(name) > 100_000


@pytest.mark.parametrize(
    "name",
    ["unet_ts", "unet_corners_ts", "mobilenet_dynamo", "convnext_ts", "vit_fused_ts",
     "espcn_dynamo", "pads_ts", "detector_dynamo_dynamic", "causal_ts", "nhwc_tensorflow"],
)  # fmt: skip
def test_unit_gives_corners_centre_phases_and_channels_as_perturbation_does(name):
    result = analysed(name)
    (output,) = result.outputs
    target = output.before_global[0] if output.before_global else output.name
    source = next(iter(result.forms))
    shape = result.graph.nodes[target]["shape"]
    middle = tuple(length // 2 for length in shape)
    units = {(0,) * len(shape), tuple(length - 1 for length in shape), middle}
    for axis, length in enumerate(shape):
        for step in (1, 2, 3):
            units.add((*middle[:axis], min(middle[axis] + step, length - 1), *middle[axis + 1 :]))
    lo, hi = prober(name, [target]).tables(source)[target]
    for index in sorted(units):
        box = rfgraph.unit(result, target, index).regions[0].clipped
        found = tuple((int(a), int(b)) for a, b in zip(lo[index], hi[index], strict=True))
        assert box == (found if all(a <= b for a, b in found) else None), index


# -- closed form against tables -------------------------------------------------------------------


def closed_equals_table(result, tensor, source, index):
    """1 if the unit lies away from the border and both agree, 0 if it lies at the border."""
    (region,) = rfgraph.unit(result, tensor, index, input=source).regions
    shape = result.graph.nodes[source]["shape"]
    compared = 0
    for axis, span in enumerate(region.unclipped):
        if span is None or region.clipped is None:
            continue
        if span[0] >= 0 and span[1] < shape[axis]:
            assert span == region.clipped[axis], (tensor, index, axis)
            compared += 1
    return compared


ROOMY = {
    "unet_dynamo_dynamic": (1, 3, 192, 176),
    "convnext_ts_dynamic": (1, 3, 256, 200),
    "espcn_ts_dynamic": (1, 1, 40, 31),
    "shuffle_dynamo_dynamic": (1, 8, 20, 20),
    "pads_dynamo_dynamic": (1, 2, 40, 30),
    "spectral_ts_dynamic": (1, 400),
    "detector_ts_dynamic": (1, 3, 160, 192),
    "reader_ts": (1, 1, 16, 48),
}


@pytest.mark.parametrize("name", ROOMY)
def test_closed_form_equals_tables_away_from_the_border(name):
    result = analysed(name, ROOMY[name])
    compared = 0
    for tensor in result.graph:
        if tensor not in result.forms["x"] or tensor == "x":
            continue
        shape = result.graph.nodes[tensor]["shape"]
        for step in (0, 1):
            index = tuple(min(length // 2 + step, length - 1) for length in shape)
            compared += closed_equals_table(result, tensor, "x", index)
    assert compared > len(result.graph)
