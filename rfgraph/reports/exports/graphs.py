"""The graph of tensors for programs that draw or measure graphs: DOT and GraphML."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import networkx as nx

from rfgraph.analysis.condensed import condense
from rfgraph.analysis.scalar_graph import simple_graph
from rfgraph.reports.exports.values import values_of
from rfgraph.wording.names import safe, without_middle

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
    simple = simple_graph(result)
    every = values_of(result)
    names = dict(zip(result.graph, simple, strict=True))
    for name, values in every.items():
        if values:
            simple.nodes[names[name]].update(values[0].attributes())
    return simple


def condensed_graph(result: Analysis) -> Graph:
    """Return the condensed graph: a node per box, by the name of the last tensor in it.

    `label` is what the file calls the box, `tensors` how many there are in it, `op_types` the
    operators that make them; the rest is of the last tensor, as in `valued_graph`.
    """
    whole = valued_graph(result)
    names = dict(zip(result.graph, whole, strict=True))
    drawn = condense(result)
    graph: Graph = nx.MultiDiGraph()
    for box in drawn.boxes:
        inside = [whole.nodes[names[tensor]] for tensor in box.tensors]
        made = dict.fromkeys(str(data["op_type"]) for data in inside if "op_type" in data)
        about = {"label": safe(box.label), "tensors": len(inside), "op_types": ", ".join(made)}
        graph.add_node(names[box.tensors[-1]], **{**inside[-1], **about})
    last = [names[box.tensors[-1]] for box in drawn.boxes]
    graph.add_edges_from((last[before], last[after]) for before, after in drawn.edges)
    return graph


def graphml(graph: Graph) -> bytes:
    """Return a graph of scalar attributes as GraphML."""
    data = io.BytesIO()
    nx.write_graphml_xml(graph, data)
    return data.getvalue()


def dot(simple: Graph) -> str:
    """Return a graph of scalar attributes as DOT; each tensor is a box that says what makes it."""
    number = {name: f"n{place}" for place, name in enumerate(simple)}
    lines = ["digraph {", '  node [shape=box fontname="sans-serif"];']
    for name, data in simple.nodes(data=True):
        attributes = {**data, "label": _label(name, data), "tensor": name}
        # What a drawing calls a shape is the outline.
        lengths = attributes.pop("shape", None)
        attributes |= {} if lengths is None else {"lengths": lengths}
        lines.append(f"  {number[name]} [{_pairs(attributes)}];")
    for before, after, data in simple.edges(data=True):
        lines.append(f"  {number[before]} -> {number[after]} [{_pairs(data)}];")
    return "\n".join([*lines, "}"]) + "\n"


def _label(name: str, data: Mapping[str, Any]) -> str:
    """Return what a box says: what it is, the tensor, the size of its field."""
    known = {"size", "stride"} <= data.keys()
    size = f"field {data['size']}, stride {data['stride']:g}" if known else ""
    told = data.get("label", name), data.get("op_types", data.get("op_type", "")), size
    lines = filter(None, (without_middle(str(text), _WIDE) for text in told))
    # A label has escapes of its own.
    return r"\n".join(line.replace("\\", "\\\\") for line in lines)


def _pairs(attributes: Mapping[str, Any]) -> str:
    return " ".join(f'"{key}"={_quote(value)}' for key, value in attributes.items())


def _quote(value: object) -> str:
    """Return a value as DOT writes it: numbers bare, text in quotes, of which alone are escaped.

    Backslashes in names are doubled already, so none stands alone before a quote.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace('"', r"\"")
    return f'"{text}"'
