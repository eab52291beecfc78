"""Reports as JSON: one entry of a list to a line, so that they can be read and compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rfgraph import __version__
from rfgraph.report.paths import counted_beside, pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis import Result
    from rfgraph.fields import ReceptiveField
    from rfgraph.graph import ModelInput
    from rfgraph.report.view import View


def contents(view: View, fields: Sequence[ReceptiveField] | None = None) -> dict[str, Any]:
    """Return the JSON of `rfgraph MODEL`; `fields` are those asked for, where not all are."""
    result, model = view.result, view.result.model
    return {
        "schema": 1,
        "version": __version__,
        "model": {
            "file": model.file,
            "ir_version": model.ir_version,
            "opsets": dict(model.opsets),
            "producer": model.producer,
            "nodes": model.nodes,
        },
        "inputs": [_input(result, item) for item in model.inputs],
        "outputs": [output.to_dict() for output in result.outputs],
        **({} if model.masks is None else {"masks": model.masks.to_dict()}),
        "receptive_fields": [
            field.to_dict() for field in (view.fields() if fields is None else fields)
        ],
        "paths": [counted_beside(view, *pair).to_dict() for pair in pairs(view)],
        "findings": [finding.to_dict() for finding in result.findings],
    }


def _input(result: Result, item: ModelInput) -> dict[str, Any]:
    return {
        "name": item.name,
        "shape": list(item.shape),
        "symbolic": {str(axis): name for axis, name in item.symbolic.items()},
        "probed": {str(axis): length for axis, length in item.probed.items()},
        "determined": {str(axis): length for axis, length in item.determined.items()},
        "reasons": {str(axis): why for axis, why in item.reasons.items()},
        "spatial_axes": list(result.forms[item.name].spatial_axes),
    }


def report(view: View, fields: Sequence[ReceptiveField] | None = None) -> str:
    """Return `contents` as text."""
    return dumps(contents(view, fields))


def dumps(document: Mapping[str, Any]) -> str:
    """Return JSON text in ASCII, for no name in it can then act on a terminal."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in document.items()]
    return "{" + ",\n ".join(lines) + "}\n"


def _value(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "[\n  " + ",\n  ".join(map(json.dumps, value)) + "]"
    return json.dumps(value)
