"""Node data for Model Explorer: a number for each node, and colours from the least to the most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.reports.exports.values import by_node, file_graph, values_of
from rfgraph.reports.formats.json import dumps

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis

# What its adapter for ONNX calls a graph without a name.
NAMELESS = "<main>"
# From light to dark in equal steps of lightness, told apart without colours too (viridis).
GRADIENT = [
    {"stop": 0, "bgColor": "#fde725", "textColor": "#000000"},
    {"stop": 0.5, "bgColor": "#21918c", "textColor": "#ffffff"},
    {"stop": 1, "bgColor": "#440154", "textColor": "#ffffff"},
]


def node_data(
    result: Analysis, metric: str, nameless: str = "{op_type}_{number}"
) -> dict[str, Any]:
    """Return one metric as the data of a graph: the number of the axis with the largest size.

    A node is called by its name, one without as `nameless` says. Of several inputs the first that
    reaches a node counts.
    """
    nodes = file_graph(result).nodes
    results = {}
    for number, values in by_node(result, values_of(result)).items():
        value = values[0].numbers().get(metric)
        if value is not None:
            node = nodes[number]
            name = node.name or nameless.format(op_type=node.op_type, number=number)
            results[name] = {"value": value}
    return {"results": results, "gradient": GRADIENT}


def model_explorer_json(result: Analysis, metric: str) -> str:
    """Return node data as the file that Model Explorer loads."""
    return dumps({file_graph(result).name or NAMELESS: node_data(result, metric)})
