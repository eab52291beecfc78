"""The graph of tensors for programs that draw or measure graphs: DOT and GraphML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import networkx as nx

from rfgraph.analysis.scalar_graph import simple_graph
from rfgraph.report.exports.values import values_of
from rfgraph.wording.names import without_middle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.relations.graph import Graph

# So much of a tensor's name stands in its box.
_WIDE = 40


def valued_graph(result: Analysis) -> Graph:
    """Return `rfgraph.simple_graph` with the numbers of each tensor's field.

    `input`, `axis`, `size`, `stride`, `start`, `scope` and `effective` are of the first input that
    reaches the tensor and of its spatial axis with the largest size; absent where not known.
    """
    graph = simple_graph(result)
    every = values_of(result)
    names = dict(zip(result.graph, graph, strict=True))
    for name, values in every.items():
        if values:
            graph.nodes[names[name]].update(values[0].attributes())
    return graph


def graphml(graph: Graph) -> bytes:
    """Return a graph of scalar attributes as GraphML."""
    data = io.BytesIO()
    nx.write_graphml_xml(graph, data)
    return data.getvalue()


def dot(graph: Graph) -> str:
    """Return a graph of scalar attributes as DOT; each tensor is a box that says what makes it."""
    number = {name: f"n{place}" for place, name in enumerate(graph)}
    lines = ["digraph {", '  node [shape=box fontname="sans-serif"];']
    for name, data in graph.nodes(data=True):
        attributes = {"label": _label(name, data), "tensor": name, **data}
        # What a drawing calls a shape is the outline.
        lengths = attributes.pop("shape", None)
        attributes |= {} if lengths is None else {"lengths": lengths}
        lines.append(f"  {number[name]} [{_pairs(attributes)}];")
    for before, after, data in graph.edges(data=True):
        lines.append(f"  {number[before]} -> {number[after]} [{_pairs(data)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(name: str, data: Mapping[str, Any]) -> str:
    """Return what a box says: the operator, the tensor, the size of its field."""
    known = {"size", "stride"} <= data.keys()
    size = f"field {data['size']}, stride {data['stride']:g}" if known else ""
    lines = filter(None, (str(data.get("op_type", "")), without_middle(name, _WIDE), size))
    # A label has escapes of its own.
    return r"\n".join(line.replace("\\", "\\\\") for line in lines)


def _pairs(attributes: Mapping[str, Any]) -> str:
    return " ".join(f'"{key}"={_quoted(value)}' for key, value in attributes.items())


def _quoted(value: object) -> str:
    """Return a value as DOT writes it: numbers bare, text in quotes, of which alone are escaped.

    Backslashes in names are doubled already, so none stands alone before a quote.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace('"', r"\"")
    return f'"{text}"'
