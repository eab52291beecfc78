"""What is said of the nodes of the file: for Netron, for Model Explorer, and in the file itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import UsageError
from rfgraph.relations.graph import producer_of
from rfgraph.reports.exports.values import PREFIX, named_texts, values_of
from rfgraph.reports.formats.json import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.relations.beside import FileGraph, FileNode
    from rfgraph.reports.exports.values import Values

# What marks an attachment for Netron 9: open the model, then drop the file onto it.
SIGNATURE = "netron:attachment"
# What its adapter for ONNX calls a graph without a name.
NAMELESS = "<main>"
# From light to dark in equal steps of lightness, told apart without colours too (viridis).
GRADIENT = [
    {"stop": 0, "bgColor": "#fde725", "textColor": "#000000"},
    {"stop": 0.5, "bgColor": "#21918c", "textColor": "#ffffff"},
    {"stop": 1, "bgColor": "#440154", "textColor": "#ffffff"},
]


def netron_json(result: Analysis) -> str:
    """Return the fields of named nodes and of values, which Netron shows as their metrics.

    It looks names up to the first line break; where several nodes or values share that, nothing is
    said of them.
    """
    several = len(result.model.inputs) > 1
    values = values_of(result)
    file = file_graph(result)
    nodes = [(file.nodes[number].name, every) for number, every in by_node(result, values).items()]
    made = {name for node in file.nodes for name in node.outputs}
    tensors = [
        (name, every) for name, every in values.items() if name in made or name in result.forms
    ]
    entries = [
        {"kind": kind, "target": target, "name": key, "value": text}
        for kind, named in (("node", nodes), ("value", tensors))
        for target, every in _distinct(named).items()
        for key, text in named_texts(every, several=several).items()
    ]
    return dumps({"signature": SIGNATURE, "metrics": entries})


def _distinct(named: Sequence[tuple[str, Sequence[Values]]]) -> Mapping[str, Sequence[Values]]:
    """Return what is said of each name that Netron tells from the others."""
    targets = [(name.split("\n")[0], every) for name, every in named]
    count: dict[str, int] = {}
    for target, _ in targets:
        count[target] = count.get(target, 0) + 1
    return {target: every for target, every in targets if target and count[target] == 1}


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


def onnx_bytes(result: Analysis) -> Iterator[bytes]:
    """Yield the file's own bytes with `rfgraph.size` and so on at its nodes.

    Weights are copied, not parsed; data in external files stays there. Raises UsageError for a
    model that was built by hand, ModelError where the file is gone or changed.
    """
    several = len(result.model.inputs) > 1
    notes = {
        number: named_texts(values, several=several)
        for number, values in by_node(result, values_of(result)).items()
    }
    if result.model.annotated is None:
        raise UsageError("this format requires a model that was read from a file")
    return result.model.annotated(notes, PREFIX)


# -- nodes -----------------------------------------------------------------------------------------


def file_graph(result: Analysis) -> FileGraph:
    """Return the file's main graph; UsageError for a model that was built by hand."""
    if result.model.file_graph is None:
        raise UsageError("this format requires a model that was read from a file")
    return result.model.file_graph()


def tensor_of(result: Analysis, node: FileNode) -> str | None:
    """Return the first tensor that a node of the file makes of data, None if there is none."""
    for name in node.outputs:
        if name in result.graph:
            operator = producer_of(result.graph, name)
            if operator is not None and (operator.name, operator.op_type) == node[:2]:
                return name
    return None


def by_node(
    result: Analysis, values: Mapping[str, Sequence[Values]]
) -> dict[int, Sequence[Values]]:
    """Return the fields by the number of the node in the file; nodes without any are left out."""
    fields = {}
    for number, node in enumerate(file_graph(result).nodes):
        tensor = tensor_of(result, node)
        if tensor is not None and values.get(tensor):
            fields[number] = values[tensor]
    return fields
