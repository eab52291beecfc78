"""The graph with scalar attributes only, which the writers of networkx accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

from rfgraph.analysis.analysis import Analysis
from rfgraph.analysis.loading import load
from rfgraph.relations.graph import Model, edges_of, producer_of, shape_of
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator


def simple_graph(model: Model | Analysis | Source) -> Graph:
    """Return a copy of a model's graph whose attributes are text and numbers only.

    It can be written as GraphML, GEXF, GML or node-link JSON by networkx, and changed. Nodes are
    tensors: `shape` ("1,64,56,56"; absent if it is not known), `role` ("input", "output" or
    "inner") and, of the operator that makes it, `node`, `op_type` and `domain` (absent for an
    input). Parallel edges are kept; edges have `node`, `op_type`, `slot` (operator input), `output`
    (operator output), `part`, `relation` (the steps from input to output) and `pointwise`. Names
    are those of the file with control characters escaped. A source is loaded as by `load`.
    """
    if isinstance(model, Analysis):
        model = model.model
    loaded = model if isinstance(model, Model) else load(model)
    simple: Graph = nx.MultiDiGraph()
    inputs = {item.name for item in loaded.inputs}
    for tensor in loaded.graph:
        role = "output" if tensor in loaded.outputs else "inner"
        role = "input" if tensor in inputs else role
        shape = _shape(shape_of(loaded.graph, tensor))
        simple.add_node(
            _text(tensor), role=role, **shape, **_maker(producer_of(loaded.graph, tensor))
        )
    for edge in edges_of(loaded.graph):
        simple.add_edge(
            _text(edge.source),
            _text(edge.target),
            node=_text(edge.operator.label),
            op_type=_text(edge.operator.op_type),
            slot=edge.slot,
            output=edge.output,
            part=edge.part,
            relation=", ".join(type(step).__name__ for step in edge.relation.steps),
            pointwise=edge.relation.is_pointwise,
        )
    return simple


def _shape(shape: tuple[int, ...] | None) -> dict[str, str]:
    return {} if shape is None else {"shape": ",".join(map(str, shape))}


def _maker(operator: Operator | None) -> dict[str, str]:
    if operator is None:
        return {}
    return {
        "node": _text(operator.label),
        "op_type": _text(operator.op_type),
        "domain": _text(operator.domain),
    }


def _text(name: str) -> str:
    """Return a whole name without what XML cannot hold; different names stay different."""
    return printable(name, len(name))
