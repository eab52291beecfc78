"""The graph as networkx writes it, and reads it back."""

import inspect
import io
import json
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest
from onnx import helper

import rfgraph
from reports import models

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture(scope="module", params=["resnet18.onnx", "unet_bilinear.onnx", "se_gate.onnx"])
def model(request):
    return rfgraph.load(FIXTURES / request.param)


def through(write, read, graph):
    data = io.BytesIO()
    write(graph, data)
    data.seek(0)
    return read(data)


# How networkx 3.4 and those before call the list of edges.
EDGES = "edges" in inspect.signature(nx.node_link_data).parameters
LINKS = {"edges" if EDGES else "link": "links"}
WRITTEN = {
    "graphml": lambda g: through(
        nx.write_graphml, lambda f: nx.read_graphml(f, force_multigraph=True), g
    ),
    "gexf": lambda g: through(nx.write_gexf, nx.read_gexf, g),
    "gml": lambda g: through(nx.write_gml, nx.read_gml, g),
    "node-link": lambda g: nx.node_link_graph(
        json.loads(json.dumps(nx.node_link_data(g, **LINKS))), **LINKS
    ),
}
OWN = {
    "node": {"shape", "role", "node", "op_type", "domain"},
    "edge": {"node", "op_type", "slot", "output", "part", "relation", "pointwise"},
}


def content(graph):
    """Nodes and parallel edges with rfgraph's attributes; writers add a label and keys."""
    nodes = {
        name: {key: value for key, value in data.items() if key in OWN["node"]}
        for name, data in graph.nodes(data=True)
    }
    edges = Counter(
        (before, after, *sorted((k, str(v)) for k, v in data.items() if k in OWN["edge"]))
        for before, after, data in graph.edges(data=True)
    )
    return nodes, edges


@pytest.mark.parametrize("form", ["graphml", "gexf", "node-link"])
def test_it_comes_back_as_it_was_written(model, form):
    graph = rfgraph.simple_graph(model)
    assert content(WRITTEN[form](graph)) == content(graph)


def test_gml_is_written(model):
    graph = rfgraph.simple_graph(model)
    assert set(WRITTEN["gml"](graph)) == set(graph)


def test_nothing_is_lost(model):
    simple = rfgraph.simple_graph(model)
    assert list(simple) == list(model.graph)
    assert simple.number_of_edges() == model.graph.number_of_edges()
    assert list(nx.topological_sort(simple))
    values = [
        *(value for _, data in simple.nodes(data=True) for value in data.values()),
        *(value for *_, data in simple.edges(data=True) for value in data.values()),
    ]
    assert {type(value) for value in values} <= {str, int, bool}


def test_the_attributes_say_what_the_model_does():
    simple = rfgraph.simple_graph(FIXTURES / "resnet18.onnx")
    assert simple.nodes["input"] == {"role": "input", "shape": "1,3,224,224"}
    assert simple.nodes["fc_out"]["role"] == "output"
    assert simple.nodes["layer4.1.relu_out"] == {
        "role": "inner",
        "shape": "1,8,7,7",
        "node": "layer4.1.relu",
        "op_type": "Relu",
        "domain": "",
    }
    ((_, _, edge),) = simple.in_edges("conv1_out", data=True)
    assert (edge["op_type"], edge["slot"], edge["relation"]) == ("Conv", 0, "Taps, Reduce")
    assert edge["pointwise"] is False


def test_names_from_a_file_do_no_harm():
    result = rfgraph.analyze(models.hostile())
    simple = rfgraph.simple_graph(result)
    assert len(simple) == len(result.graph)
    for form in WRITTEN:
        assert len(WRITTEN[form](simple)) == len(simple)


def test_long_names_that_differ_at_the_end_stay_apart():
    long = "n" * 500
    nodes = [
        helper.make_node("Relu", ["x"], [long]),
        helper.make_node("Relu", [long], [long + "2"]),
    ]
    net = models.model(nodes, {"x": [1, 4]}, {long + "2": None})
    assert list(rfgraph.simple_graph(net)) == ["x", long, long + "2"]


def test_it_is_a_copy_and_the_model_cannot_be_changed():
    model = rfgraph.load(FIXTURES / "toy_aligned.onnx")
    simple = rfgraph.simple_graph(model)
    before = list(model.graph)
    simple.remove_node(before[0])
    assert list(model.graph) == before
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        model.graph.remove_node(before[0])
    copy = nx.MultiDiGraph(model.graph)
    copy.remove_node(before[0])
    assert list(model.graph) == before
