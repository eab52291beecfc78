"""Maps by the weights of a file: against squared derivatives, written out, and random signs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rfgraph
from effective.montecarlo import forward, gradient
from effective.nets import Net
from effective.squared import Squared


def stacked(net):
    return net.conv(net.conv(net.conv("x", 4), 2, d=2), 3)


def strided(net):
    return net.conv(net.conv(net.conv("x", 4, s=2), 3, k=1, s=2), 2, s=2)


def grouped(net):
    return net.conv(net.conv(net.conv("x", 6), 4, g=2), 2)


def depthwise(net):
    return net.conv(net.conv(net.conv("x", 4, k=1), 8, g=4, s=2), 2, k=1)


def residual(net):
    x = net.norm(net.conv("x", 4))
    return net.sum(x, net.conv(net.conv(x, 3), 4))


def scaled(net):
    return net.times(net.norm(net.conv(net.times(net.conv("x", 4)), 3)), divided=True)


def routed(net):
    x = net.conv("x", 6)
    parts = net.slice(x, 0, 2), net.slice(x, 1, 6, 2), net.slice(x, 5, -8, -3)
    return net.conv(net.concat(net.conv(parts[0], 3), parts[2], parts[1]), 2)


def shuffled(net):
    return net.conv(net.shuffle(net.conv(net.shuffle(net.conv("x", 6), 3), 6, g=3), 2), 4, g=2)


def widened(net):
    return net.conv(net.widen(net.conv(net.widen("x", 4), 6, s=2), 4, g=2, k=4), 3)


NETS = [stacked, strided, grouped, depthwise, residual, scaled, routed, shuffled, widened]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("build", NETS)
def test_a_map_is_what_squared_derivatives_add_up_to(build, seed):
    net = Squared((1, 2, 8, 7), seed)
    tensor = build(net)
    rest = net.shapes[tensor]
    net.check(tensor)
    net.check(tensor, (0, rest[1] - 1, 0, rest[3] - 1))


def drawn_conv(net, x, random):
    """A convolution that fits, or nothing."""
    _, channels, rows, columns = net.shapes[x]
    g = int(random.choice([n for n in (1, 2, channels) if channels % n == 0]))
    k, d, s = (int(random.integers(1, n)) for n in (4, 3, 3))
    p = int(random.integers(0, k))
    if min(rows, columns) + 2 * p <= d * (k - 1):
        return x
    return net.conv(x, g * int(random.integers(1, 3)), k, s, d, p, g)


def drawn(net, random, count):
    """Layers of any kind, one behind the other, with sums and parts on the way."""
    x = net.conv("x", 4)
    for _ in range(count):
        channels, (rows, columns) = net.shapes[x][1], net.shapes[x][2:]
        kind = random.choice(("conv", "widen", "norm", "times", "sum", "part", "shuffle"))
        if kind == "conv":
            x = drawn_conv(net, x, random)
        elif kind == "widen" and rows * columns < 30:
            x = net.widen(x, int(random.integers(1, 4)), s=int(random.integers(1, 4)), p=0)
        elif kind == "sum":
            x = net.sum(x, net.conv(x, channels, int(random.choice([1, 3]))))
        elif kind == "part" and channels > 1:
            cut = int(random.integers(1, channels))
            x = net.concat(net.slice(x, cut, channels), net.conv(net.slice(x, 0, cut), 2))
        elif kind == "shuffle" and channels % 2 == 0:
            x = net.shuffle(x, 2)
        elif kind in ("norm", "times"):
            x = getattr(net, kind)(x)
    return x


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=[pytest.mark.slow] * (n >= 6)) for n in range(100)]
)
def test_drawn_networks_have_the_maps_of_their_derivatives(seed):
    random, net = np.random.default_rng(seed), Squared((1, 2, 7, 6), seed)
    tensor = drawn(net, random, 5)
    lengths = net.shapes[tensor]
    net.check(tensor)
    net.check(tensor, tuple(int(random.integers(0, n)) for n in lengths))


@pytest.mark.parametrize(("kind", "turned"), [("Gemm", 0), ("Gemm", 1), ("MatMul", 0)])
def test_a_head_reads_features_in_their_places(kind, turned):
    net = Squared((1, 2, 6, 5))
    tensor = net.head(net.norm(net.conv("x", 3, s=2)), 4, kind, bool(turned))
    net.check(tensor, (0, None))
    net.check(tensor, (0, 2))


def test_a_mean_over_all_signs_of_the_weights_is_the_map():
    """Twelve weights, each of two signs: every case, with no noise."""
    random = np.random.default_rng(5)
    w1, w2 = (random.normal(size=shape).astype(np.float32) for shape in ((2, 1, 3), (2, 2, 1)))
    w3 = random.normal(size=(1, 2, 1)).astype(np.float32)
    net = Net((1, 1, 7))
    x = net.node("Conv", "x", net.const(w1), channels=2, pads=[1, 1])
    y = net.node("Add", x, net.node("Conv", x, net.const(w2), channels=2))
    model = net.model(net.node("Conv", y, net.const(w3), channels=1))
    total = np.zeros(3)
    for signs in itertools.product((1, -1), repeat=12):
        s = np.array(signs)
        first, mix, last = (
            w1 * s[:6].reshape(2, 1, 3),
            w2 * s[6:10].reshape(2, 2, 1),
            w3 * s[10:].reshape(1, 2, 1),
        )
        total += (last[0, :, 0] @ (np.eye(2) + mix[:, :, 0]) @ first[:, 0]) ** 2
    found = rfgraph.erf(model, map="stored").map
    np.testing.assert_allclose(found[2:5] ** 2, total / 2**12, rtol=1e-6)


# -- random signs ----------------------------------------------------------------------------------


class Signs:
    """Draws the same weights each time, but for their signs, and other data."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def normal(self, size):
        drawn = self.random.normal(size=size)
        if len(size) == 3:
            return drawn
        return np.random.default_rng(size).gamma(0.5, size=size) * np.sign(drawn)


def test_gradients_of_random_signs_have_the_mean_square_of_the_map():
    side, channels = 13, 6
    block = [("push",), ("conv", 3, 1, 1), ("relu",), ("conv", 3, 2, 1), ("add",)]
    layers = [("conv", 3, 1, 2), *block, ("relu",), ("conv", 3, 1, 1)]
    _, tape = forward(layers, np.zeros((3, side, side)), channels, Signs(0))
    net, x, aside = Net((1, 3, side, side)), "x", []
    for name, *values in tape:
        if name == "conv":
            weight, _, k, d, s = values
            more = {"strides": [s] * 2, "dilations": [d] * 2, "pads": [d * (k // 2)] * 4}
            x = net.node("Conv", x, net.const(weight.astype(np.float32)), **more)
        elif name == "push":
            aside.append(x)
        else:
            x = net.node("Relu", x) if name == "relu" else net.node("Add", x, aside.pop())
    static = rfgraph.erf(net.model(x), unit=(0, None, 3, 3), map="stored").map ** 2
    halves = [np.zeros((side, side)) for _ in range(2)]
    for run in range(600):
        found = gradient(layers, side, channels, Signs(run))
        halves[run % 2] += (found**2).sum(axis=0) / 300
    measured = (halves[0] + halves[1]) / 2

    def distance(one, other):
        return 0.5 * np.abs(one / one.sum() - other / other.sum()).sum()

    noise = distance(*halves) / 2
    assert distance(static, measured) < 1.5 * noise
    assert static.sum() == pytest.approx(measured.sum(), rel=0.05)
    # What is expected over all weights lies farther off, so that the test can fail.
    random = rfgraph.erf(net.model(x), unit=(0, None, 3, 3)).map ** 2
    assert distance(random, measured) > 3 * noise


# -- what changes nothing --------------------------------------------------------------------------


def weights(random, *shape):
    return random.normal(size=shape)


def test_a_normalization_that_is_folded_is_one_that_is_not():
    random = np.random.default_rng(1)
    w, last = weights(random, 4, 2, 3, 3), weights(random, 3, 4, 3, 3)
    gain, spread = weights(random, 4), 0.1 + weights(random, 4) ** 2
    maps = []
    for folded in (False, True):
        net = Net((1, 2, 9, 9))
        factor = gain / np.sqrt(spread + 2**-10)
        first = net.const(w * factor[:, None, None, None] if folded else w)
        x = net.node("Conv", "x", first, pads=[1] * 4)
        if not folded:
            stored = [net.const(each) for each in (gain, gain, gain, spread)]
            x = net.node("BatchNormalization", x, *stored, epsilon=2**-10)
        x = net.node("Conv", net.node("Relu", x), net.const(last), pads=[1] * 4)
        maps.append(rfgraph.erf(net.model(net.node("Add", x, x)), map="stored").map)
    np.testing.assert_allclose(*maps, rtol=1e-12)


def test_weights_as_large_as_at_initialisation_give_the_map_of_initialisation():
    """Squares are 1 / (elements read times variance); a sum of two has twice the variance."""
    random, net = np.random.default_rng(2), Net((1, 3, 15, 15))
    variance, x = 1, "x"
    for number in range(4):
        count = 9 * (4 if number else 3)
        signs = random.choice([-1.0, 1.0], (4, 4 if number else 3, 3, 3))
        kernel = net.const(signs / np.sqrt(count * variance))
        y = net.node("Conv", x, kernel, pads=[1] * 4)
        x, variance = (net.node("Add", x, y), variance + 1) if number else (y, 1)
    model = net.model(x)
    one, other = (rfgraph.erf(model, map=kind) for kind in ("random", "stored"))
    np.testing.assert_allclose(other.map, one.map, rtol=1e-12)
    assert other.axes[2].unclipped.size == one.axes[2].unclipped.size
    assert other.axes[2].unclipped.sigma == pytest.approx(one.axes[2].unclipped.sigma)


def test_a_stack_of_equal_weights_has_the_shape_of_any_other_map():
    net, x = Net((1, 3, 21, 21)), "x"
    for number in range(5):
        kernel = net.const(np.full((4, 4 if number else 3, 3, 3), -0.3))
        x = net.node("Conv", x, kernel, pads=[1] * 4)
        x = net.node("Relu", x) if number < 4 else x
    model = net.model(x)
    stored, uniform, random = (
        rfgraph.erf(model, map=kind).map for kind in ("stored", "uniform", "random")
    )
    np.testing.assert_allclose(stored / stored.max(), random / random.max(), rtol=1e-12)
    np.testing.assert_allclose(stored**2 / (stored**2).max(), uniform / uniform.max(), rtol=1e-12)


def plain(*, last=False, names="", shuffled=False, between=()):
    """A stack with a skip, channels first or last, nodes named and ordered in several ways."""
    random = np.random.default_rng(3)
    shape = (1, 9, 8, 2) if last else (1, 2, 9, 8)
    net, x = Net(shape), "x"
    if last:
        x = net.node("Transpose", x, perm=[0, 3, 1, 2])
    x = net.node("Conv", x, net.const(weights(random, 4, 2, 3, 3)), pads=[1] * 4)
    for kind in between:
        x = net.node(kind, x)
    y = net.node("Conv", x, net.const(weights(random, 4, 1, 3, 3)), pads=[1] * 4, group=4)
    x = net.node("Add", x, net.node("Relu", y))
    if last:
        x = net.node("Transpose", x, perm=[0, 2, 3, 1])
        x = net.node("MatMul", x, net.const(weights(random, 4, 3)))
    else:
        x = net.node("Conv", x, net.const(weights(random, 4, 3).T.reshape(3, 4, 1, 1).copy()))
    model = net.model(x)
    if shuffled:
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    for node in model.graph.node:
        node.name = names and f"{names}{node.output[0]}"
    return rfgraph.erf(model, map="stored").map


@pytest.mark.parametrize(
    "other",
    [
        {"last": True},
        {"names": "node "},
        {"names": "other/", "shuffled": True},
        {"between": ("Identity", "Dropout")},
    ],
)
def test_layout_names_order_and_what_does_nothing_change_nothing(other):
    np.testing.assert_allclose(plain(**other), plain(), rtol=1e-12)


def test_past_the_border_the_map_goes_on_as_in_a_larger_input():
    def built(side):
        random, net = np.random.default_rng(4), Net((1, 2, side, side))
        x = net.node("Conv", "x", net.const(weights(random, 4, 2, 5, 5)), pads=[2] * 4)
        x = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        x = net.node("Mul", x, net.const(weights(random, 4, 1, 1)))
        x = net.node("Conv", x, net.const(weights(random, 3, 4, 3, 3)), pads=[1] * 4)
        x = net.node("ConvTranspose", x, net.const(weights(random, 3, 2, 4, 4)), strides=[2, 2])
        return rfgraph.erf(net.model(x), unit=(0, None, side // 2, side // 2), map="stored")

    small, large = built(8), built(40)
    for axis in (2, 3):
        assert small.axes[axis].unclipped.size == large.axes[axis].size
        assert small.axes[axis].unclipped.sigma == pytest.approx(large.axes[axis].sigma, rel=1e-9)
    assert small.axes[2].size < large.axes[2].size
