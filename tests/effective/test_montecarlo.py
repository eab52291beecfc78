"""Expected squares against gradients over random weights: as near as two halves of the runs."""

from __future__ import annotations

import numpy as np
import pytest

import rfgraph
from effective.montecarlo import backward, forward, mean_squares, middle
from effective.nets import Net

CHANNELS = 16


def convolutions(*rules, relu):
    layers = []
    for number, (d, s) in enumerate(rules):
        layers.append(("conv", 3, d, s))
        if relu and number < len(rules) - 1:
            layers.append(("relu",))
    return layers


def residual(count):
    block = [("push",), ("conv", 3, 1, 1), ("add",)]
    return [("conv", 3, 1, 1), *block * count]


NETS = {
    "linear": (convolutions(*[(1, 1)] * 5, relu=False), 13),
    "relu": (convolutions(*[(1, 1)] * 5, relu=True), 13),
    "dilated": (convolutions((1, 1), (2, 1), (4, 1), (1, 1), relu=True), 19),
    "strided": (convolutions((1, 2), (1, 1), (1, 2), (1, 1), relu=True), 33),
    "residual": (residual(4), 13),
}


def doubling(n):
    """Linear interpolation to twice the length, by definition."""
    found = np.zeros((2 * n, n))
    for o in range(2 * n):
        at = o / 2 - 0.25
        low = int(np.floor(at))
        for i, share in ((low, low + 1 - at), (low + 1, at - low)):
            found[o, min(max(i, 0), n - 1)] += share
    return found


def averaging(n):
    """The mean of three neighbours, which overlap; two at the ends."""
    return np.array([[abs(o - i) <= 1 for i in range(n)] for o in range(n)]) / 3


def test_a_second_operator_that_smooths_passes_more_than_the_sum_of_squares():
    """Gradients of neighbours are correlated behind the first one."""
    conv = ("conv", 3, 1, 1)
    doubled = [("mix", each, (each**2).sum(axis=1).mean()) for each in (doubling(8), doubling(16))]
    averaged = ("mix", averaging(11), 1 / 3)
    smoothing = {
        "Resize": (8, [conv, doubled[0], conv, doubled[1], conv]),
        "AveragePool": (11, [conv, *[averaged, conv] * 3]),
    }
    for kind, (side, layers) in smoothing.items():
        halves = mean_squares(layers, side, CHANNELS, 160)
        measured = (halves[0] + halves[1]) / 2
        net = Net((1, 3, side, side))
        x = net.conv("x", CHANNELS)
        for _ in range(2 if kind == "Resize" else 3):
            if kind == "Resize":
                scales = net.const(np.array([1, 1, 2, 2], np.float32))
                x = net.node("Resize", x, "", scales, mode="linear")
            else:
                ones = {"strides": [1, 1], "pads": [1] * 4, "count_include_pad": 1}
                x = net.node("AveragePool", x, kernel_shape=[3, 3], **ones)
            x = net.conv(x, CHANNELS)
        static = rfgraph.erf(net.model(x)).map ** 2
        assert distance(static, measured) < 0.12
        assert static.sum() == pytest.approx(measured.sum(), rel=0.1), kind


def as_model(layers, side):
    net = Net((1, 3, side, side))
    x, aside = "x", []
    for name, *values in layers:
        if name == "conv":
            k, d, s = values
            x = net.conv(x, CHANNELS, k, d, s)
        elif name == "relu":
            x = net.node("Relu", x)
        elif name == "push":
            aside.append(x)
        else:
            x = net.node("Add", x, aside.pop())
    return net.model(x)


def distance(first, second):
    """The total variation distance of two maps."""
    return 0.5 * np.abs(first / first.sum() - second / second.sum()).sum()


@pytest.mark.parametrize("name", NETS)
def test_expected_squares_are_what_random_weights_give(name):
    layers, side = NETS[name]
    halves = mean_squares(layers, side, CHANNELS, 120)
    measured = (halves[0] + halves[1]) / 2
    static = rfgraph.erf(as_model(layers, side)).map ** 2
    noise = distance(*halves) / 2
    assert distance(static, measured) < 1.5 * noise
    # A map that is spread evenly over what is read lies far off, so that the test can fail.
    assert distance((static > 0).astype(float), measured) > 4 * noise
    assert static.sum() == pytest.approx(measured.sum(), rel=0.08)


def test_the_gradient_times_the_input_is_the_output_of_what_is_linear_piece_by_piece():
    random = np.random.default_rng(3)
    layers = [("conv", 3, 1, 2), ("relu",), ("push",), ("conv", 3, 2, 1), ("add",)]
    x = random.normal(size=(3, 9, 9))
    y, tape = forward(layers, x, 2, random)
    unit = middle(y.shape)
    assert (backward(tape, unit) * x).sum() == pytest.approx((unit * y).sum())
