"""Moments of random walks, which need no map, against published arithmetic and against maps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import rfgraph
from effective.nets import stack
from rfgraph.domains.effective.drift import drifts
from rfgraph.domains.effective.weighing import weigh

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def drift(graph, tensor, kind):
    return drifts(graph, weigh(graph, [tensor], kind), "input")[tensor]


@pytest.mark.parametrize(
    ("file", "tensor", "kind", "weight", "sigma"),
    [
        ("resnet18", "layer4.1.relu_out", "uniform", 256, 38.522721),
        ("resnet50", "layer4.2.relu_out", "uniform", 65536, 36.166283),
        ("resnet50", "layer4.2.relu_out", "random", None, 42.875274),
    ],
)
def test_walks_are_as_computed_elsewhere(file, tensor, kind, weight, sigma):
    found = drift(rfgraph.load(FIXTURES / f"{file}.onnx").graph, tensor, kind)
    assert math.sqrt(found[2].variance) == pytest.approx(sigma, rel=1e-6)
    if weight is not None:
        assert found[2].weight == pytest.approx(weight, rel=1e-12)


@pytest.mark.parametrize("skip", [False, True])
def test_walks_have_the_moments_of_the_map(skip):
    model = rfgraph.load(stack(31, [(1, 1), (2, 1), (1, 1), (3, 1)], skip=skip))
    (tensor,) = model.outputs
    found = drifts(model.graph, weigh(model.graph, [tensor], "random"), "x")[tensor]
    squares = rfgraph.erf(model).map ** 2
    part = squares.sum(axis=0) / squares.sum()
    at = np.arange(31)
    assert found[3].variance == pytest.approx(part @ (at - part @ at) ** 2, rel=1e-12)


@pytest.mark.parametrize(("file", "tensor"), [("resnet18", "layer4.1.relu_out")])
def test_a_map_is_as_wide_as_a_gaussian_of_its_squares(file, tensor):
    # The root of a Gaussian is a Gaussian whose deviation is larger by the root of two.
    model = rfgraph.load(FIXTURES / f"{file}.onnx")
    squares = math.sqrt(drift(model.graph, tensor, "random")[2].variance)
    endless = rfgraph.erf(model, tensor).axes[2].unclipped
    assert endless.sigma == pytest.approx(math.sqrt(2) * squares, rel=0.02)
