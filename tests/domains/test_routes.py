"""Routes through webs of pointwise operators, reductions and convolutions, and choices of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfgraph
from domains.brute import described
from domains.test_paths import MANY_WALKS, counted, plain
from oracle import sets, walks
from oracle.examples import builder, output

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


def as_many(graph, chosen):
    return len(chosen), len({walks.trace(graph, walk) for walk in chosen})


def check_choices(model, graph, result, every):
    """Through each operator, and beside it, and through two of them."""
    labels = [node.name for node in model.graph.node]
    passed = [{edge.node for edge in walk.edges} for walk in every]
    for place, label in enumerate(labels):
        through = [walk for walk, nodes in zip(every, passed, strict=True) if place in nodes]
        beside = [walk for walk, nodes in zip(every, passed, strict=True) if place not in nodes]
        last = [w for w, nodes in zip(every, passed, strict=True) if {0, place} <= nodes]
        assert totals(result, "x0", through=[label]) == as_many(graph, through), label
        assert totals(result, "x0", avoiding=[label]) == as_many(graph, beside), label
        assert totals(result, "x0", through=[labels[0], label]) == as_many(graph, last), label


def check_web(model):
    graph, result = sets.Graph(model), rfgraph.analyze(model)
    tensor = output(model)
    every = walks.walks(graph, tensor, "x0")
    axes = result.forms["x0"].spatial_axes
    if len(every) > MANY_WALKS or axes != tuple(sorted(graph.spatial["x0"])):
        return
    for count in ("paths", "routes"):
        have = plain(rfgraph.path_histogram(result, count=count, joint=True))
        assert have == counted(graph, tensor, "x0", axes, count), described(model)
    check_choices(model, graph, result, every)


@given(webs())
@settings(max_examples=60)
def test_routes_and_choices_are_those_of_the_walks(model):
    check_web(model)


@pytest.mark.slow
@given(webs(nodes=12))
@settings(max_examples=2000)
def test_routes_and_choices_are_those_of_the_walks_at_length(model):
    check_web(model)


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
