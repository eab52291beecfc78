"""Routes through webs of pointwise operators, reductions and convolutions, and choices of them."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.algorithms.bipartite import maximum_matching

import rfgraph
from domains.brute import described
from domains.test_paths import MANY_WALKS, counted, plain
from oracle import sets, walks
from oracle.examples import builder, output
from rfgraph.domains.paths import routes
from rfgraph.ops.node import Link, Outcome
from rfgraph.relations.axis_rules import Blocks, Shift, Whole
from rfgraph.relations.steps import Reduce, Select
from sweeps import at_length

KINDS = (
    *("Relu", "Sigmoid", "Add", "Add", "Mul", "Sum", "Softmax", "conv"),
    *("channel mean", "mean", "concat", "gate"),
)


class Web:
    """A growing graph of tensors of one shape, with a source of choices."""

    def __init__(self, draw):
        self.draw = draw
        self.build, x = builder(1, draw(st.integers(2, 3)), draw(st.integers(5, 9)))
        self.shape = self.build.shapes[x]
        self.tensors = [x]

    def pick(self):
        return self.tensors[-1 - self.draw(st.integers(0, min(4, len(self.tensors) - 1)))]

    def mean(self, axis):
        shape = tuple(1 if a == axis else n for a, n in enumerate(self.shape))
        axes = self.build.ints([axis])
        return self.build.one("ReduceMean", [self.pick(), axes], shape, keepdims=1)

    def grow(self, kind):
        build, channels = self.build, self.shape[1]
        if kind == "conv":
            made = build.same_conv(self.pick(), channels, self.draw(st.sampled_from([1, 3, 5])))
        elif kind == "concat":
            made = build.same_conv(build.concat([self.pick(), self.pick()]), channels, 1)
        elif kind in ("channel mean", "mean"):
            made = build.same("Sub", self.pick(), self.mean(1 if kind == "channel mean" else 2))
        elif kind == "gate":
            made = build.same("Mul", self.pick(), build.same_conv(self.mean(2), channels, 1))
        elif kind == "Softmax":
            made = build.same(kind, self.pick(), axis=1)
        else:
            operands = {"Add": 2, "Mul": 2, "Sum": 3}.get(kind, 1)
            made = build.same(kind, *(self.pick() for _ in range(operands)))
        self.tensors.append(made)


@st.composite
def webs(draw, nodes=9):
    web = Web(draw)
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=nodes)):
        web.grow(kind)
    return web.build.model(web.tensors[-1])


def totals(result, name, **options):
    """Paths and routes that are left."""
    found = (
        rfgraph.path_histogram(result, input=name, count=count, **options)
        for count in ("paths", "routes")
    )
    return tuple(histogram.total for histogram in found)


def as_many(graph, chosen, *named):
    """Paths and routes; parts of a rearrangement are told apart where one of them is named."""
    apart = frozenset(named)
    return len(chosen), len({walks.trace(graph, walk, apart) for walk in chosen})


def check_choices(model, graph, result, every):
    """Through each operator, and beside it, and through two of them."""
    labels = [node.name for node in model.graph.node]
    passed = [{edge.node for edge in walk.edges} for walk in every]
    for place, label in enumerate(labels):
        through = [walk for walk, nodes in zip(every, passed, strict=True) if place in nodes]
        beside = [walk for walk, nodes in zip(every, passed, strict=True) if place not in nodes]
        last = [w for w, nodes in zip(every, passed, strict=True) if {0, place} <= nodes]
        assert totals(result, "x0", through=[label]) == as_many(graph, through, place), label
        assert totals(result, "x0", avoiding=[label]) == as_many(graph, beside), label
        both = as_many(graph, last, 0, place)
        assert totals(result, "x0", through=[labels[0], label]) == both, label


def check_web(model, *, choices=True):
    graph, result = sets.Graph(model), rfgraph.analyze(model)
    tensor = output(model)
    every = walks.walks(graph, tensor, "x0")
    axes = result.forms["x0"].spatial_axes
    if len(every) > MANY_WALKS or axes != tuple(sorted(graph.spatial["x0"])):
        return
    for count in ("paths", "routes"):
        have = plain(rfgraph.path_histogram(result, count=count, joint=True))
        assert have == counted(graph, tensor, "x0", axes, count), described(model)
    if choices:
        check_choices(model, graph, result, every)


@given(webs())
@settings(max_examples=60)
def test_routes_and_choices_are_those_of_the_walks(model):
    check_web(model)


@pytest.mark.slow
@given(webs(nodes=12))
@at_length(2000)
def test_routes_and_choices_are_those_of_the_walks_at_length(model):
    check_web(model)


def standardized(*axes):
    """(x - mean) / variance over axes, of a convolution and before one."""
    build, x = builder(1, 2, 6, 8)
    x = build.same_conv(x, 2, 3)
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(build.shapes[x]))
    mean = build.one("ReduceMean", [x, build.ints(axes)], shape)
    centred = build.same("Sub", x, mean)
    squared = build.same("Mul", centred, centred)
    variance = build.one("ReduceMean", [squared, build.ints(axes)], shape)
    return build.model(build.same_conv(build.same("Div", centred, variance), 2, 3))


@pytest.mark.parametrize("axes", [(2, 3), (1, 2, 3), (2,)])
def test_the_statistics_of_a_norm_that_is_taken_apart_are_one_route(axes):
    # From the convolution by itself and by the mean; both again by the variance.
    model = standardized(*axes)
    assert totals(rfgraph.analyze(model), "x0") == (1 + 1 + 2 * 2, 2)
    check_web(model)


def test_of_too_many_origins_each_reduction_is_told(monkeypatch):
    monkeypatch.setattr(routes, "MAX_ORIGINS", 0)
    assert totals(rfgraph.analyze(standardized(2, 3)), "x0") == (6, 4)


def gelu_and_gate():
    """A convolution, GELU by hand, and a shortcut around another one."""
    build, x = builder(1, 2, 12)
    x = build.same_conv(x, 2, 3)
    inner = build.same("Erf", x)
    x = build.same("Mul", x, inner)
    return build.model(build.same("Add", x, build.same_conv(x, 2, 5)))


@pytest.mark.parametrize(
    ("options", "paths", "routes"),
    [
        ({}, 4, 2),
        # A route is there on either side of what adds no choice.
        ({"through": ["n1"]}, 2, 2),
        ({"avoiding": ["n1"]}, 2, 2),
        ({"through": ["n3"]}, 2, 1),
        ({"avoiding": ["n3"]}, 2, 1),
        ({"through": ["n3", "n1"]}, 1, 1),
        ({"through": ["n3"], "avoiding": ["n1"]}, 1, 1),
        ({"through": ["n4"]}, 4, 2),
        ({"through": ["t2_0"]}, 4, 2),
        ({"avoiding": ["n0"]}, 0, 0),
        ({"avoiding": ["x0"]}, 0, 0),
        ({"through": ["x0"]}, 4, 2),
    ],
)
def test_paths_through_and_beside_what_is_named(options, paths, routes):
    result = rfgraph.analyze(gelu_and_gate())
    assert totals(result, "x0", **options) == (paths, routes)


def test_listed_paths_keep_to_what_is_named():
    result = rfgraph.analyze(gelu_and_gate())
    for path in rfgraph.paths(result, avoiding=["n1"]):
        assert "n1" not in path.nodes
    found = [path.nodes for path in rfgraph.paths(result, through=["n1"], count="paths")]
    assert found == [("n0", "n1", "n2", "n3", "n4"), ("n0", "n1", "n2", "n4")]


def test_what_is_avoided_makes_no_rearrangement_of_what_is_left():
    # Beside the sigmoid, both parts of the Concat are only moved: two routes, as in the whole.
    build, x = builder(1, 2, 9)
    x = build.same_conv(x, 2, 3)
    inner = build.same("Sigmoid", x)
    both = build.concat([build.same("Mul", x, inner), build.same("Relu", x)])
    result = rfgraph.analyze(build.model(build.same_conv(both, 2, 1)))
    assert totals(result, "x0") == (3, 2)
    assert totals(result, "x0", avoiding=["n1"]) == (2, 2)


def test_avoiding_most_of_a_graph_keeps_its_order():
    # Fewer tensors are left than are taken away.
    build, x = builder(1, 1, 30)
    start = x
    for _ in range(6):
        x = build.same("Relu", build.same_conv(x, 1, 3))
    model = build.model(build.concat([x, *(build.same_conv(start, 1, 5) for _ in range(2))]))
    labels = [node.name for node in model.graph.node[:12]]
    found = rfgraph.path_histogram(rfgraph.load(model), avoiding=labels)
    assert dict(found.axes[2].counts) == {5: 2}


# -- routes listed ---------------------------------------------------------------------------------


def check_listing(model, **options):
    """Each route that is local is listed once, by one of its walks, with the size of them all."""
    graph, result = sets.Graph(model), rfgraph.analyze(model)
    labels = [node.name for node in model.graph.node]
    axes = result.forms["x0"].spatial_axes
    apart = frozenset(map(labels.index, options.get("through", ())))
    groups = {}
    for walk in walks.walks(graph, output(model), "x0"):
        nodes = tuple(labels[edge.node] for edge in walk.edges)
        if all(name in nodes for name in options.get("through", ())):
            groups.setdefault(walks.trace(graph, walk, apart), []).append((nodes, walk))
    routes = []
    for group in groups.values():
        found = walks.sizes(graph, [walk for _, walk in group])
        sizes = tuple(found[axis] for axis in axes)
        if None not in sizes:
            routes.append(({nodes for nodes, _ in group}, sizes))
    listed = list(rfgraph.paths(result, **options))
    fits = nx.Graph()
    fits.add_nodes_from((0, k) for k in range(len(listed)))
    for j, (ways, sizes) in enumerate(routes):
        for k, path in enumerate(listed):
            if path.sizes == sizes and path.nodes in ways:
                fits.add_edge((0, k), (1, j))
    matched = maximum_matching(fits, [(0, k) for k in range(len(listed))])
    assert len(matched) == len(listed) + len(routes) == 2 * len(routes), described(model)


class Sums(Web):
    """Sums of a few convolutions, so that what the operands of later ones bring overlaps."""

    def __init__(self, draw):
        super().__init__(draw)
        build, (x,) = self.build, self.tensors
        channels = self.shape[1]
        other = build.floats((1, 1, *self.shape[2:]))
        part = build.same_conv(x, channels - 1, 3)
        concat = {"axis": 1}
        self.tensors = [
            *(build.same_conv(x, channels, kernel) for kernel in (1, 3, 5)),
            build.one("Concat", [part, other], self.shape, **concat),
            build.one("Concat", [other, part], self.shape, **concat),
        ]


SUMS = ("Add", "Add", "Add", "Sum", "Relu", "Softmax", "channel mean", "mean")


@st.composite
def overlapping(draw, nodes=7):
    web = Sums(draw)
    for kind in draw(st.lists(st.sampled_from(SUMS), min_size=3, max_size=nodes)):
        web.grow(kind)
    y = web.build.same("Add", web.tensors[-1], web.pick())
    if draw(st.booleans()):
        y = first_channel(web.build, y)
    return web.build.model(y)


def first_channel(build, x):
    batch, _, length = build.shapes[x]
    bounds = [build.ints([k]) for k in (0, 1, 1)]
    return build.one("Slice", [x, *bounds], (batch, 1, length))


@given(overlapping())
@settings(max_examples=20)
def test_routes_are_listed_where_what_merges_overlaps(model):
    check_listing(model)
    check_web(model, choices=False)


@pytest.mark.slow
@given(overlapping(nodes=10))
@at_length(400)
def test_routes_are_listed_where_what_merges_overlaps_at_length(model):
    check_listing(model)
    check_listing(model, through=[model.graph.node[len(model.graph.node) // 2].name])
    check_web(model, choices=False)


def picked_by_resize_along_channels(build, both):
    """Nearest, by rounding down: the first of two channels."""
    sizes = build.ints([1, 1, 9])
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return build.one("Resize", [both, "", "", sizes], (1, 1, 9), mode="nearest", **how)


def picked_by_dilation(build, both):
    """One output along two channels, with taps in the padding before them and on the second."""
    planes = build.reshape(both, (1, 1, 2, 9))
    read = build.conv(planes, 1, [2, 1], dilations=[2, 1], pads=[1, 0, 0, 0])
    return build.reshape(read, (1, 1, 9))


@pytest.mark.parametrize(
    ("pick", "size"), [(picked_by_resize_along_channels, 3), (picked_by_dilation, 5)]
)
def test_what_reads_one_of_two_channels_ends_the_routes_through_the_other(pick, size):
    build, x = builder(1, 1, 9)
    both = build.concat([build.same_conv(x, 1, 3), build.same_conv(x, 1, 5)])
    y = pick(build, both)
    model = build.model(y)
    assert len(walks.routes(sets.Graph(model), y, x)) == 1
    found = rfgraph.path_histogram(model)
    assert (found.total, dict(found.axes[2].counts)) == (1, {size: 1})


def three_in_two(axis):
    """(p + q) + relu(q + r) and, beside them, a mean of r along one axis."""
    build, x = builder(1, 2, 9)
    p, q, r = (build.same_conv(x, 2, kernel) for kernel in (1, 3, 5))
    first = build.same("Add", p, q)
    second = build.same("Relu", build.same("Add", q, r))
    shape = tuple(1 if a == axis else n for a, n in enumerate(build.shapes[r]))
    mean = build.one("ReduceMean", [r, build.ints([axis])], shape, keepdims=1)
    return build.model(build.same("Sum", first, second, mean))


@pytest.mark.parametrize("axis", [1, 2])
def test_a_local_route_is_not_listed_by_way_of_a_global_mean(axis):
    model = three_in_two(axis)
    check_listing(model)
    largest = next(rfgraph.paths(rfgraph.load(model)))
    # The mean over channels adds no choice; the one along the axis is shorter, but no such path.
    way = ("n2", "n6", "n7") if axis == 1 else ("n2", "n4", "n5", "n7")
    assert (largest.nodes, largest.sizes) == (way, (5,))


@pytest.mark.parametrize("through", ["n2", "n4"])
def test_routes_through_what_is_named_are_listed_where_what_merges_overlaps(through):
    check_listing(three_in_two(1), through=[through])


@pytest.mark.parametrize("mixed", [False, True])
def test_a_reduction_shows_a_route_to_channels_that_it_does_not_enter(mixed):
    # q and r fill two channels of four each; a Softmax of what merges reads them in all four.
    build, x = builder(1, 2, 9)
    other = build.floats((1, 2, 9))
    p = build.same_conv(x, 4, 1)
    q = build.one("Concat", [other, build.same_conv(x, 2, 3)], (1, 4, 9), axis=1)
    r = build.one("Concat", [other, build.same_conv(x, 2, 5)], (1, 4, 9), axis=1)
    if mixed:
        # Each of the sums brings one of the two through a reduction, and the other without.
        sums = [build.same("Add", build.same("Softmax", a, axis=1), b) for a, b in ((q, r), (r, q))]
    else:
        sums = [build.same("Softmax", build.same("Add", p, a), axis=1) for a in (q, r)]
    model = build.model(first_channel(build, build.same("Add", *sums)))
    found = rfgraph.path_histogram(rfgraph.load(model)).axes[2].counts
    assert dict(found) == ({3: 1, 5: 1} if mixed else {1: 1, 3: 1, 5: 1})
    check_listing(model)


def test_a_mean_of_what_reads_nothing_of_the_input_is_no_route():
    build, x = builder(1, 2, 9)
    wide = build.same_conv(x, 1, 5)
    other = build.one("Concat", [build.floats((1, 1, 9)), wide], (1, 2, 9), axis=1)
    stored = first_channel(build, other)
    mean = build.one("ReduceMean", [stored, build.ints([1])], (1, 1, 9), keepdims=1)
    model = build.model(build.same("Add", build.same_conv(x, 1, 3), mean))
    assert totals(rfgraph.analyze(model), "x0") == (1, 1)
    assert [path.sizes for path in rfgraph.paths(model)] == [(3,)]


def mean_of_first_channel(node):
    """Every position reads all positions of the first channel.

    Exact. Versions: 1.
    """
    batch, channels, length = node.shape(0)
    whole = Reduce(((2, Whole(length, length)),))
    first = Select(((1, Shift(0, 1, channels, 1, "absent")),))
    return Outcome(((batch, 1, length),), (Link(0, (whole, first)),))


def mean_of_halves(node):
    """Every position reads all positions of its half.

    Exact. Versions: 1.
    """
    shape = node.shape(0)
    halves = Reduce(((2, Blocks(2, shape[2], shape[2])),))
    return Outcome((shape,), (Link(0, (halves,)),))


def test_reductions_of_blocks_are_told_apart():
    # Beside it, by each of the two, and by both, one after the other.
    build, x = builder(1, 2, 8)
    x = build.same_conv(x, 2, 3)
    for _ in range(2):
        x = build.same("Add", x, build.one("Halves", [x], (1, 2, 8), domain="my.ops"))
    model = build.model(build.same_conv(x, 2, 3))
    model.opset_import.add(domain="my.ops", version=1)
    result = rfgraph.analyze(model, rules={("my.ops", "Halves"): mean_of_halves})
    assert totals(result, "x0") == (4, 4)


def test_a_reshape_after_a_reduction_of_a_part_is_kept():
    # Of windows of four, each less its mean: then back, and the mean of all of it or not.
    build, x = builder(1, 2, 8)
    x = build.same_conv(x, 2, 3)
    parts = build.reshape(x, (1, 2, 2, 4))
    mean = build.one("ReduceMean", [parts, build.ints([3])], (1, 2, 2, 1))
    back = build.reshape(build.same("Sub", parts, mean), (1, 2, 8))
    whole = build.one("ReduceMean", [back, build.ints([2])], (1, 2, 1))
    result = rfgraph.analyze(build.model(build.same("Sub", back, whole)))
    assert totals(result, "x0") == (4, 4)


@pytest.mark.parametrize("first", [False, True])
def test_a_path_that_reads_nothing_on_one_axis_is_not_global_on_another(first):
    build, x = builder(1, 2, 9)
    parts = [build.same_conv(x, 1, 3), build.floats((1, 1, 9))]
    parts = parts if first else parts[::-1]
    joined = build.one("Concat", parts, (1, 2, 9), axis=1)
    mean = build.one("FirstMean", [joined], (1, 1, 9), domain="my.ops")
    model = build.model(build.same("Add", build.same_conv(x, 1, 5), mean))
    model.opset_import.add(domain="my.ops", version=1)
    result = rfgraph.analyze(model, rules={("my.ops", "FirstMean"): mean_of_first_channel})
    found = rfgraph.path_histogram(result)
    axis = found.axes[2]
    assert (found.total, dict(axis.counts), axis.global_) == (1 + first, {5: 1}, int(first))
