"""Nothing outlives a question: a model whose graph is edited is answered as it is, and is freed."""

from __future__ import annotations

import gc
import weakref

import pytest

import rfgraph
from analysis import nets


def windowed(kernel, length=32):
    """One window over one axis, of which every number follows: (kernel - 1) / 2 on either side."""
    net = nets.Net([length])
    return rfgraph.load(net.model(net.conv("x", kernel)))


def widened():
    """A model that was asked about a window of 3, whose owner makes it 5 wide afterwards."""
    model = windowed(3)
    for ask in ASKED.values():
        ask(model)
    (edge,), (wider,) = (list(m.graph.edges(keys=True)) for m in (model, windowed(5)))
    model.graph.edges[edge]["relation"] = windowed(5).graph.edges[wider]["relation"]
    return model


ASKED = {
    "field": lambda model: rfgraph.analyze(model).receptive_field().axes[2].size,
    "halo": lambda model: rfgraph.tiles(model).axes[2].halo,
    "lookahead": lambda model: rfgraph.stream(model).lookahead,
    "unit": lambda model: rfgraph.unit(model, model.outputs[0], (0, 0, 9)).regions[0].clipped[2],
    "histogram": lambda model: dict(rfgraph.path_histogram(model).axes[2].counts),
    "path": lambda model: next(rfgraph.paths(model)).sizes,
    "erf": lambda model: rfgraph.erf(model).axes[2].theoretical,
}
WIDER = {
    "field": 5,
    "halo": (2, 2),
    "lookahead": 2,
    "unit": (7, 11),
    "histogram": {5: 1},
    "path": (5,),
    "erf": 5,
}


@pytest.mark.parametrize("what", ASKED)
def test_a_graph_that_is_edited_is_answered_as_it_is(what):
    assert ASKED[what](widened()) == WIDER[what]


@pytest.mark.parametrize("length", [32, "n"])
def test_what_was_asked_about_keeps_nothing_of_a_model(length):
    net = nets.Net([length])
    model = rfgraph.load(net.model(net.op("Add", net.up(net.halved("x"), 2, 2), net.conv("x", 3))))
    plan = rfgraph.tiles(model)
    rfgraph.stream(model)
    rfgraph.path_histogram(model)
    graphs = [weakref.ref(graph) for graph in (model.graph, plan.geometry.model.graph)]
    del model, plan
    gc.collect()
    assert [graph() for graph in graphs] == [None, None]


def test_a_tensor_that_is_made_global_is_left_for_the_one_before_it():
    """Paths are asked of the last local tensor; what a Softmax sums makes the output global."""
    net = nets.Net([32])
    first = net.conv("x", 3)
    model = rfgraph.load(net.model(net.op("Relu", first)))
    assert rfgraph.path_histogram(model).tensor == model.outputs[0]
    (edge,) = model.graph.in_edges(model.outputs[0], keys=True)
    net = nets.Net([32])
    soft = rfgraph.load(net.model(net.op("Softmax", "x", axis=2)))
    relations = [relation for *_, relation in soft.graph.edges(data="relation")]
    (summed,) = [relation for relation in relations if not relation.is_pointwise]
    model.graph.edges[edge]["relation"] = summed
    assert rfgraph.path_histogram(model).tensor == first
    assert next(rfgraph.paths(model)).nodes == (first,)
