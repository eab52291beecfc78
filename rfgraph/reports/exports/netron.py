"""An attachment for Netron 9: open the model, then drop the file onto it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.exports.values import by_node, file_graph, named_texts, values_of
from rfgraph.reports.formats.json import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.reports.exports.values import Values

SIGNATURE = "netron:attachment"


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
