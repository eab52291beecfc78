"""The distribution over paths against every walk of small graphs, one by one, and its laws."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfgraph
from domains.brute import comparable, described, has_holes, longest_period
from oracle import random_models, sets, walks
from oracle.examples import builder, highres3dnet, output
from sweeps import at_length

MANY_WALKS = 200
# Units of the open axes to look at beside those that exist: at least, and at most.
UNITS, MANY_UNITS = 24, 200


def histogram(model, count="routes", **options):
    return rfgraph.path_histogram(rfgraph.load(model), count=count, **options)


def plain(found):
    """All that a histogram says, for comparison."""
    axes = {
        axis: (dict(item.counts), item.local, item.global_, item.one_sided, item.unknown)
        for axis, item in found.axes.items()
    }
    joint = None if found.joint is None else dict(found.joint)
    return found.total, dict(found.depth), axes, joint


# -- brute force -----------------------------------------------------------------------------------


def counted(graph, tensor, name, axes, count, units=UNITS):
    """The same from walks, or from the routes that they fold into."""
    if count == "routes":
        found = walks.routes(graph, tensor, name, units)
        sizes, depths = [item.sizes for item in found], [item.depth for item in found]
    else:
        found = walks.walks(graph, tensor, name)
        sizes = [walks.sizes(graph, [walk], units) for walk in found]
        depths = [walks.depth(walk) for walk in found]
    by_axis = {}
    for axis in axes:
        local = Counter(size[axis] for size in sizes)
        lost = local.pop(None, 0)
        by_axis[axis] = (dict(local), sum(local.values()), lost, 0, 0)
    whole = [tuple(size[axis] for axis in axes) for size in sizes]
    joint = Counter(vector for vector in whole if None not in vector)
    return len(found), dict(Counter(depths)), by_axis, dict(joint)


def listing(result, tensor, name, order, count):
    return list(rfgraph.paths(result, tensor, name, order=order, count=count))


def check_histograms(model, result, graph, name, units):
    tensor = output(model)
    axes = result.forms[name].spatial_axes
    for count in ("paths", "routes"):
        have = rfgraph.path_histogram(result, tensor=tensor, input=name, count=count, joint=True)
        want = counted(graph, tensor, name, axes, count, units)
        assert plain(have) == want, f"{count} from {name}\n{described(model)}"
        for order in ("largest", "smallest"):
            sizes = [path.sizes for path in listing(result, tensor, name, order, count)]
            assert sizes == sorted(sizes, reverse=order == "largest"), described(model)
            assert Counter(sizes) == want[3], f"{count} {order}\n{described(model)}"


def check_order(model, result, graph, name, units):
    """Every path with its nodes: by size, then by the nodes' places in the file."""
    tensor, axes = output(model), result.forms[name].spatial_axes
    labels = [node.name for node in model.graph.node]
    for sign, order in ((-1, "largest"), (1, "smallest")):
        keys = []
        for walk in walks.walks(graph, tensor, name):
            size = walks.sizes(graph, [walk], units)
            if all(size[axis] is not None for axis in axes):
                places = [edge.node for edge in walk.edges]
                keys.append(([sign * size[axis] for axis in axes], places))
        want = [tuple(labels[place] for place in places) for _, places in sorted(keys)]
        have = [path.nodes for path in listing(result, tensor, name, order, "paths")]
        assert have == want, f"{order} from {name}\n{described(model)}"


def check_plain(model):
    graph = sets.Graph(model)
    result = rfgraph.analyze(model)
    units = max(UNITS, longest_period(model, graph))
    if units > MANY_UNITS:
        return
    for name in graph.inputs:
        # An axis that a Resize keeps, or that no path carries to a window, is not spatial here.
        same = tuple(sorted(graph.spatial[name])) == result.forms[name].spatial_axes
        if same and len(walks.walks(graph, output(model), name)) <= MANY_WALKS:
            check_histograms(model, result, graph, name, units)
            check_order(model, result, graph, name, units)


@given(random_models.models().filter(comparable))
@settings(max_examples=100)
def test_paths_and_routes_are_those_of_brute_force(model):
    check_plain(model)


def test_channels_that_run_opposite_ways_are_one_route_of_one_position():
    # One rearrangement, of which a channel has either part, never both, however far they lie apart.
    build, x = builder(1, 1, 3)
    model = build.model(
        build.concat([build.slice(x, [2], [0], [-4], [-1]), build.slice(x, [2], [2], [3])])
    )
    check_plain(model)
    found = rfgraph.path_histogram(model)
    assert (found.total, dict(found.axes[2].counts)) == (1, {1: 1})


@pytest.mark.slow
@given(random_models.models(nodes=10).filter(comparable))
@at_length(3000)
def test_paths_and_routes_are_those_of_brute_force_at_length(model):
    check_plain(model)


# -- moved elements --------------------------------------------------------------------------------


def keeps_whole_axes(model):
    """Whether elements only change places along axes that keep all of them.

    What lies beyond the end of a part of an axis, the walks take for there and rfgraph does not.
    """
    for node in model.graph.node:
        axis = {a.name: a.i for a in node.attribute}.get("axis", 0)
        if node.op_type == "MatMul" or (node.op_type in ("Concat", "Gather") and axis > 1):
            return False
    return not has_holes(model)


def numbers_alone(found):
    """Total, depth and scopes: past a move the walks know no sizes beyond the border."""
    total, depth, axes, _ = found
    return total, depth, {axis: item[1:] for axis, item in axes.items()}


def check_moved(model):
    graph, tensor = sets.Graph(model), output(model)
    result = rfgraph.analyze(model)
    for name in graph.inputs:
        axes = result.forms[name].spatial_axes
        if len(walks.walks(graph, tensor, name)) <= MANY_WALKS:
            for count in ("paths", "routes"):
                found = rfgraph.path_histogram(result, tensor=tensor, input=name, count=count)
                want = counted(graph, tensor, name, axes, count)
                assert numbers_alone(plain(found)) == numbers_alone(want), described(model)


@given(random_models.wide_models().filter(keeps_whole_axes))
@settings(max_examples=60)
def test_paths_through_moved_elements_are_as_many_as_the_walks(model):
    check_moved(model)


@pytest.mark.slow
@given(random_models.wide_models().filter(keeps_whole_axes))
@at_length(1500)
def test_paths_through_moved_elements_are_as_many_as_the_walks_at_length(model):
    check_moved(model)


# -- laws ------------------------------------------------------------------------------------------


@given(random_models.models(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_operands_does_not_matter(model, random):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        if node.op_type in ("Add", "Sum", "Mul", "Max"):
            operands = list(node.input)
            random.shuffle(operands)
            node.input[:] = operands
    for name in {value.name for value in model.graph.input}:
        for count in ("paths", "routes"):
            options = {"input": name, "joint": True}
            assert plain(histogram(model, count, **options)) == plain(
                histogram(changed, count, **options)
            )


@given(random_models.models())
@settings(max_examples=40)
def test_moments_are_those_of_the_histogram(model):
    result = rfgraph.analyze(model)
    for name in result.forms:
        found = rfgraph.path_histogram(result, input=name)
        for item in found.axes.values():
            assert item.local == sum(item.counts.values())
            assert found.total == item.local + item.global_ + item.one_sided + item.unknown
            if item.local:
                mean = Fraction(sum(k * n for k, n in item.counts.items()), item.local)
                square = Fraction(sum(k * k * n for k, n in item.counts.items()), item.local)
                assert (item.mean, item.variance) == (mean, square - mean * mean)
                assert (item.min, item.max) == (min(item.counts), max(item.counts))


BLOCKS = st.lists(st.sampled_from([0, 1, 3, 5, 7]), min_size=1, max_size=4, unique=True)


def branch(build, x, kernels):
    """One path for each kernel, of that size; 0 is the shortcut."""
    parts = [x if k == 0 else build.same_conv(x, 1, k) for k in kernels]
    return parts[0] if len(parts) == 1 else build.same("Sum", *parts)


def sizes_of(kernels):
    return Counter(max(k, 1) for k in kernels)


@given(st.lists(BLOCKS, min_size=1, max_size=4))
def test_one_block_after_another_convolves(blocks):
    build, x = builder(1, 1, 40)
    for kernels in blocks:
        x = branch(build, x, kernels)
    want = Counter({1: 1})
    for kernels in blocks:
        together = Counter()
        for a, n in want.items():
            for b, m in sizes_of(kernels).items():
                together[a + b - 1] += n * m
        want = together
    assert dict(histogram(build.model(x)).axes[2].counts) == want


@given(BLOCKS, BLOCKS)
def test_blocks_side_by_side_add(first, second):
    build, x = builder(1, 1, 40)
    x = build.same_conv(x, 1, 3)
    a, b = (branch(build, build.same_conv(x, 1, 3), kernels) for kernels in (first, second))
    model = build.model(build.concat([a, b]))
    want = Counter()
    for kernels in (first, second):
        want.update({size + 4: n for size, n in sizes_of(kernels).items()})
    assert dict(histogram(model).axes[2].counts) == want


# -- fused and decomposed --------------------------------------------------------------------------


def scalar(build, value):
    name = build.scales([value])
    build.shapes[name] = (1,)
    return name


def relu(build, x):
    return build.same("Relu", x)


def silu(build, x):
    return build.same("Mul", x, build.same("Sigmoid", x))


def gelu(build, x):
    return build.same("Gelu", x)


def decomposed_gelu(build, x):
    inner = build.same("Erf", build.same("Div", x, scalar(build, 2**0.5)))
    inner = build.same("Add", inner, scalar(build, 1.0))
    return build.same("Mul", build.same("Mul", x, inner), scalar(build, 0.5))


def layer_norm(build, x):
    """LayerNormalization takes the last axis: channels go there and back."""
    y = build.transpose(x, [0, 2, 1])
    scale = build.floats((4,))
    y = build.one("LayerNormalization", [y, scale], build.shapes[y], axis=-1)
    return build.transpose(y, [0, 2, 1])


def decomposed_norm(build, x):
    centred = build.same("Sub", x, channel_mean(build, x))
    square = channel_mean(build, build.same("Mul", centred, centred))
    spread = build.same("Sqrt", build.same("Add", square, scalar(build, 1.0)))
    return build.same("Div", centred, spread)


def channel_mean(build, x):
    batch, _, length = build.shapes[x]
    return build.one("ReduceMean", [x, build.ints([1])], (batch, 1, length), keepdims=1)


def channel_softmax(build, x):
    return build.same("Softmax", x, axis=1)


def decomposed_softmax(build, x):
    powers = build.same("Exp", x)
    batch, _, length = build.shapes[x]
    total = build.one("ReduceSum", [powers, build.ints([1])], (batch, 1, length), keepdims=1)
    return build.same("Div", powers, total)


def network(inner):
    """A convolution, then two residual blocks with `inner` before their convolution."""
    build, x = builder(1, 4, 32, opset=20)
    x = build.same_conv(x, 4, 3)
    for kernel in (3, 5):
        x = build.same("Add", x, build.same_conv(inner(build, x), 4, kernel))
    return build.model(x)


INNER = {
    "SiLU": silu,
    "GELU": gelu,
    "decomposed GELU": decomposed_gelu,
    "LayerNormalization": layer_norm,
    "decomposed LayerNormalization": decomposed_norm,
    "Softmax": channel_softmax,
    "decomposed Softmax": decomposed_softmax,
}


@pytest.mark.parametrize("name", INNER)
def test_what_adds_no_choice_leaves_the_routes_alone(name):
    model = network(INNER[name])
    assert plain(histogram(model)) == plain(histogram(network(relu)))
    assert dict(histogram(model).axes[2].counts) == {3: 1, 5: 1, 7: 1, 9: 1}
    if name != "GELU":
        assert histogram(model, count="paths").total > 4


# -- published -------------------------------------------------------------------------------------


def test_highres3dnet_is_a_threefold_convolution():
    # reference: Li et al. 2017; x^3 ((1 + x^4)(1 + x^8)(1 + x^16))^3.
    power = np.ones(1, dtype=np.int64)
    for step in (4, 8, 16):
        factor = np.zeros(step + 1, dtype=np.int64)
        factor[[0, step]] = 1
        for _ in range(3):
            power = np.convolve(power, factor)
    want = {3 + k: int(n) for k, n in enumerate(power) if n}
    found = histogram(highres3dnet(64))
    assert dict(found.axes[2].counts) == want
    assert (found.total, len(want)) == (512, 22)
    assert dict(found.depth) == {1 + 2 * k: n for k, n in enumerate(binomials(9))}


def binomials(n):
    row = [1]
    for _ in range(n):
        row = [a + b for a, b in zip([0, *row], [*row, 0], strict=True)]
    return row
