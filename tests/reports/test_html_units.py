"""The runs from which the page tells what a unit reads, unpacked here, against `rfgraph.unit`."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

import rfgraph
from reports.models import model, weights
from rfgraph.reports.html.data import bits, page_data
from rfgraph.reports.html.tables import as_runs

FIXTURES = Path(__file__).parents[2] / "fixtures"
SAMPLE = ["unet_bilinear", "espcn", "tcn", "exports/shuffle_ts", "siamese"]
LARGE = [pytest.param("exports/swin_ts", marks=pytest.mark.slow)]


def unpacked(runs):
    p, first, steps = runs
    found = [tuple(pair) for pair in first]
    for count, low, high in steps:
        for _ in range(count):
            lo, hi = found[-p]
            found.append((lo + low, hi + high))
    return found


def interval(written_, shape, index):
    axes, runs = written_
    at = 0
    for axis in axes:
        at = at * shape[axis] + index[axis]
    return list(unpacked(runs)[at])


def page_of(result):
    return json.loads(json.dumps(page_data(result, (), {}, ())["page"]))


def told(page, source, tensor, index):
    """What the page has of a unit: inside the input and unclipped, by axis of the input."""
    one = page["inputs"][source]
    shape = page["shapes"][page["shape_of"][tensor]]
    table = one["tables"][one["units"][tensor]]
    clipped = [interval(inside, shape, index) for inside, _ in table[1]]
    wide = [entry and interval(entry, shape, index) for _, entry in table[1]]
    unclipped = [None if span is None or span[0] > span[1] else span for span in wide]
    return None if any(lo > hi for lo, hi in clipped) else clipped, unclipped


def compare(result, picks):
    page = page_of(result)
    names = list(result.graph)
    seen = 0
    for source, item in enumerate(result.model.inputs):
        one = page["inputs"][source]
        reached = [k for k, number in enumerate(one["units"]) if number is not None]
        for tensor in picks.sample(reached, min(6, len(reached))):
            shape = page["shapes"][page["shape_of"][tensor]]
            moving = one["tables"][one["units"][tensor]][0]
            for at in range(4):
                index = [None] * len(shape)
                for axis in moving:
                    ends = (0, shape[axis] - 1)
                    index[axis] = ends[at] if at < 2 else picks.randrange(shape[axis])
                asked = rfgraph.unit(result, names[tensor], index, input=item.name)
                region = asked.to_dict()["regions"][0]
                assert told(page, source, tensor, index) == (region["clipped"], region["unclipped"])
                seen += 1
    return seen


@pytest.mark.parametrize("name", [*SAMPLE, *LARGE])
def test_units_are_those_of_rfgraph_unit(name):
    picks = random.Random(zlib.crc32(name.encode()))
    assert compare(rfgraph.analyze(FIXTURES / f"{name}.onnx"), picks) >= 20


def test_units_that_read_nothing():
    net = model(
        [
            helper.make_node("ConvTranspose", ["x", "w"], ["a"], strides=[3]),
            helper.make_node("Conv", ["a", "v"], ["y"], strides=[2], pads=[1, 1]),
        ],
        {"x": [1, 1, 8]},
        {"y": None},
        {"w": weights(1, 1, 1), "v": weights(1, 1, 3)},
    )
    result = rfgraph.analyze(net)
    page = page_of(result)
    tensor = list(result.graph).index("a")
    empty = [told(page, 0, tensor, [None, None, unit])[0] is None for unit in range(22)]
    assert empty == [unit % 3 != 0 for unit in range(22)]
    assert compare(result, random.Random(1))


def test_runs_unpack_to_what_was_written():
    picks = np.random.default_rng(3)
    for _ in range(50):
        length = int(picks.integers(1, 40))
        lo = picks.integers(-5, 30, length)
        hi = lo + picks.integers(0, 4, length)
        runs = as_runs(lo, hi, [1, 2, int(picks.integers(1, 9))])
        assert unpacked(runs) == list(zip(lo.tolist(), hi.tolist(), strict=True))


def test_what_is_regular_takes_a_run_or_two():
    unit = np.arange(1000)
    assert len(as_runs(2 * unit, 2 * unit + 6, [1])[2]) == 1
    phases = unit // 2 * 3 + unit % 2
    assert len(as_runs(phases, phases, [1, 2])[2]) == 1
    inside = np.clip(unit - 3, 0, None), np.clip(unit + 3, None, 999)
    assert len(as_runs(*inside, [1])[2]) == 3


def test_a_set_as_text():
    assert bits([]) == ""
    assert bits([0]) == "B"
    assert bits([0, 1, 5]) == "j"
    assert bits([6]) == "AB"
