"""Paths through windows, shifted windows and slices, against products of measured matrices.

At length (about ten minutes), from any number on:
PATHS_FROM=0 pytest -n 0 -m slow tests/domains/test_part_paths.py
"""

from __future__ import annotations

import os
import time
from collections import Counter
from itertools import islice

import pytest

import rfgraph
from oracle import part_models
from oracle.dependence import largest_hulls, walk_matrices
from oracle.part_models import SIDE, Net

FROM = int(os.environ.get("PATHS_FROM", time.time()))
SAMPLE, MANY = 12, 300
SHAPE = (1, 1, SIDE, SIDE)


def brute(model, shape=SHAPE):
    """The largest hull of every walk along every axis of the input."""
    matrices = walk_matrices(model, "x", model.graph.output[0].name)
    return [largest_hulls(matrix, shape) for matrix in matrices]


def check_paths(model, label):
    found = brute(model)
    output = model.graph.output[0].name
    histogram = rfgraph.path_histogram(model, tensor=output, count="paths")
    assert histogram.total == len(found), label
    for axis in histogram.axes:
        item = histogram.axes[axis]
        rest = Counter(sizes[axis] for sizes in found)
        rest.subtract(item.counts)
        assert min(rest.values()) >= 0, (label, axis, rest, item)
        # What is whole reads all of the axis, whatever its length.
        assert rest.total() == rest[SHAPE[axis]] == item.global_, (label, axis, rest, item)


def rolled(side, size):
    """A map rolled by half a window on both axes, and the means of its windows."""
    net = Net(0)
    x = "x"
    for axis in (2, 3):
        parts = net.slice(x, size // 2, side, axis), net.slice(x, 0, size // 2, axis)
        x = net.op("Concat", *parts, axis=axis)
    count = side // size
    x = net.op("Transpose", net.reshape(x, 1, count, size, count, size), perm=[0, 1, 3, 2, 4])
    x = net.reshape(x, count * count, size * size)
    return net.model(net.op("ReduceMean", x, axes=[1], keepdims=0), (1, 1, side, side), 1)


def test_a_strip_that_a_roll_moved_is_whole_within_its_window_alone():
    # A strip of 2 lies in the last window, one of 6 fills the first and half of the last.
    histogram = rfgraph.path_histogram(rolled(8, 4), count="paths")
    for axis in (2, 3):
        item = histogram.axes[axis]
        assert (item.local, item.global_, dict(item.counts)) == (4, 0, {2: 2, 4: 2})
    found = [sizes[2:] for sizes in brute(rolled(8, 4))]
    assert sorted(found) == [(2, 2), (2, 4), (4, 2), (4, 4)]


def test_what_the_histogram_counts_axis_by_axis_is_listed_too(monkeypatch):
    model = part_models.random_windows(3)
    listed = Counter(path.sizes for path in rfgraph.paths(model, count="paths"))
    monkeypatch.setattr("rfgraph.analysis.histogram.joint_bound", lambda plan: 2)
    histogram = rfgraph.path_histogram(model, count="paths", joint=True)
    assert histogram.joint is None
    assert [path.sizes for path in islice(rfgraph.paths(model, count="paths"), 3)] == sorted(
        listed.elements(), reverse=True
    )[:3]
    for place, axis in enumerate(histogram.axes):
        counts = Counter(sizes[place] for sizes in listed.elements())
        assert all(histogram.axes[axis].counts[size] >= n for size, n in counts.items())


@pytest.mark.parametrize("seed", range(FROM, FROM + SAMPLE), ids=lambda s: f"net{s - FROM}")
def test_paths_are_as_many_and_as_large_as_their_matrices(seed):
    check_paths(part_models.random_windows(seed), f"random_windows({seed})")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FROM, FROM + MANY), ids=lambda s: f"net{s - FROM}")
def test_paths_are_as_many_and_as_large_as_their_matrices_at_length(seed):
    check_paths(part_models.random_windows(seed), f"random_windows({seed})")
