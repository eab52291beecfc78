"""About how wide effective fields are, from four moments: against maps, and against integrals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rfgraph
from effective.nets import Net
from effective.test_adjoint import gathered
from rfgraph.analysis.breadth import breadth, breadths
from rfgraph.analysis.erf import endless_fields
from rfgraph.domains.effective.adjoint import Weighing
from rfgraph.domains.effective.drift import Drifts, Line, drifts
from rfgraph.domains.effective.weighing import weigh
from rfgraph.relations.axis_rules import Rows
from rfgraph.relations.graph import edges_into
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Reduce

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def moments(density):
    at = np.arange(len(density))
    part = density / density.sum()
    mean = part @ at
    return Line(0, 1.0, mean, *(part @ (at - mean) ** power for power in (2, 3, 4)))


def width(density):
    """The shortest interval that holds 95 % of the root of a density, by trying all."""
    sums = np.concatenate([[0], np.cumsum(np.sqrt(density))])
    wanted = 0.95 * sums[-1] * (1 - 1e-12)
    ends = np.searchsorted(sums, sums[:-1] + wanted)
    return int((ends - np.arange(len(density)))[ends < len(sums)].min())


def windows(*kernels):
    density = np.ones(1)
    for kernel in kernels:
        density = np.convolve(density, np.ones(kernel))
    return density


def gaussian(sigma, size=4001):
    at = np.arange(size) - size // 2
    return np.exp(-(at**2) / 2 / sigma**2) / sigma


@pytest.mark.parametrize(
    ("density", "within"),
    [
        (windows(1), 0),
        (windows(3), 0),
        (windows(3, 3), 0),
        (windows(101), 0.02),
        (windows(101, 101), 0.02),
        (windows(101, 101, 101), 0.03),
        (windows(*[9] * 40), 0.02),
        (gaussian(100), 0.01),
        (0.5 * gaussian(100) + 0.5 * gaussian(200), 0.02),
        (0.5 * gaussian(50) + 0.5 * gaussian(150), 0.06),
    ],
)
def test_widths_of_densities_are_those_of_integrals(density, within):
    assert breadth(moments(density)) == pytest.approx(width(density), rel=within)


@pytest.mark.parametrize(
    "file",
    [
        "resnet18",
        "unet_transposed",
        "tcn",
        "wavenet_block",
        "highres3dnet",
        "inception_v2_slim",
        "mobilenet_v1",
    ],
)
def test_fields_are_about_as_wide_as_their_maps(file):
    result = rfgraph.analyze(FIXTURES / f"{file}.onnx")
    (source,) = result.forms
    found = breadths(result, source)
    some = [name for name in found if found[name]][:: max(len(found) // 8, 1)]
    compared = 0
    for name, axes in endless_fields(result, source, some, "random", 0.95).items():
        for axis, endless in axes.items():
            least = max(1, 0.12 * endless.size)
            assert abs(found[name][axis] - endless.size) <= least, (name, axis)
            compared += 1
    assert compared >= 4


def test_what_comes_after_a_resize_is_as_wide_as_the_map():
    # Inside a large image no border is reached, so the map inside it is the one without borders.
    net = Net((1, 1, 256, 256))
    x = net.conv(net.conv("x", 1, s=2), 1, s=2)
    for mode in ("nearest", "linear"):
        scales = net.const(np.array([1, 1, 2, 2], np.float32))
        x = net.conv(net.node("Resize", x, "", scales, mode=mode), 1)
    result = rfgraph.analyze(net.model(x))
    # Units of different phases of the resizing differ.
    fields = [rfgraph.erf(result, x, (0, 0, at, at)).axes[2] for at in range(128, 132)]
    assert {field.unclipped for field in fields} == {None}
    sizes = [field.size for field in fields]
    assert min(sizes) < max(sizes)
    assert min(sizes) <= breadths(result, "x")[x][2] <= max(sizes)


def test_a_long_resize_is_sampled():
    net = Net((1, 1, 1 << 16))
    scales = net.const(np.array([1, 1, 2], np.float32))
    long = rfgraph.analyze(net.model(net.conv(net.node("Resize", "x", "", scales), 1, rank=1)))
    (tensor,) = long.model.outputs
    assert breadths(long, "x")[tensor] == {2: 2}


def one(build, axis=2, shape=(1, 4, 8, 8), **kind):
    net = Net(shape)
    tensor = build(net)
    model = rfgraph.load(net.model(tensor))
    weighing = weigh(model.graph, [tensor], "random")
    found = drifts(model.graph, weighing, "x")[tensor]
    return found.get(axis)


def number(net, *values):
    return net.const(np.array(values, np.int64))


REARRANGED = {
    "flattened": lambda net: net.node("Reshape", "x", number(net, 1, 4, 64)),
    "picked": lambda net: net.node("Gather", "x", number(net, 0, 2, 3, 1), axis=2),
    "whole": lambda net: net.node("ReduceMax", "x", axes=[2], keepdims=1),
    "space to depth": lambda net: net.node("SpaceToDepth", "x", blocksize=2),
    "widened": lambda net: net.node(
        "Expand", net.node("ReduceMax", "x", axes=[2]), number(net, 1, 4, 8, 8)
    ),
}


@pytest.mark.parametrize("build", REARRANGED.values(), ids=list(REARRANGED))
def test_what_moves_in_pieces_has_no_line(build):
    assert one(build) is None


@pytest.mark.parametrize("step", [gathered((2, 3), (2, 3)), Everything((2, 3))])
def test_what_is_rearranged_or_read_whole_has_no_line(step):
    start = {1: Line(1, 1.0, weight=2.0)}
    found = Drifts(Weighing("uniform", {}, {}, {})).carry(start, Relation((2, 3), (step,)))
    assert found == {}


def test_rows_keep_the_line_of_their_own_axis():
    every = Rows((0,), (4,), np.packbits(np.ones((4, 5), bool)).tobytes(), 5)
    start = {axis: Line(axis, 1.0) for axis in range(2)}
    found = Relation((4, 5), (Reduce(((1, every),)),))
    assert Drifts(Weighing("uniform", {})).carry(start, found) == {0: Line(0, 1.0)}


def test_axes_that_stay_keep_their_lines():
    assert one(REARRANGED["flattened"], axis=1).axis == 1
    turned = one(lambda net: net.node("Transpose", "x", perm=[0, 2, 3, 1]))
    assert (turned.axis, turned.jump) == (1, 1)
    back = one(lambda net: net.node("Reshape", "x", number(net, 1, 1, 4, 8, 8)))
    assert back.axis == 3


def test_a_cut_moves_the_line_and_a_concatenation_weighs_it():
    def build(net):
        bounds = (2, 8, 2, 3)  # from, to, axis, step
        return net.node("Slice", "x", *(number(net, bound) for bound in bounds))

    moved = one(build)
    assert moved == Line(2, 3, 2)
    net = Net((1, 4, 8, 8))
    both = net.node("Concat", "x", net.conv("x", 12), axis=1)
    model = rfgraph.load(net.model(both))
    found = drifts(model.graph, weigh(model.graph, [both], "uniform"), "x")[both]
    # A quarter of the channels reads its own position, three quarters three of each axis.
    assert found[2].weight == pytest.approx(1)
    assert found[2].variance == pytest.approx(0.75 * 2 / 3)


def test_strides_that_differ_have_no_line():
    def build(net):
        ends = (number(net, 0, 0), number(net, 4, 4), number(net, 2, 3))
        return net.node("Add", net.conv("x", 4, k=1, s=2), net.node("Slice", "x", *ends))

    assert one(build) is None


def test_a_tensor_that_nothing_reaches_leaves_the_other_as_it_is():
    # A norm over one element passes nothing on.
    net = Net((1, 4, 8, 8))
    model = rfgraph.load(net.model(net.node("Add", "x", net.conv("x", 4))))
    graph = model.graph
    (out,) = model.outputs
    none = {edge.key: 0.0 for name in graph for edge in edges_into(graph, name)}
    edges = {name: tuple(edges_into(graph, name)) for name in graph}
    found = drifts(graph, Weighing("uniform", edges, none, {}), "x")[out]
    assert found[2].weight == 0
