"""Reports as JSON: one entry of a list to a line, so that they can be read and compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rfgraph.report.paths import counted_beside, pairs

if TYPE_CHECKING:
    from rfgraph.fields import ReceptiveField
    from rfgraph.report.view import View


def report(view: View, fields: Sequence[ReceptiveField] | None = None) -> str:
    """Return the JSON of `rfgraph MODEL`; `fields` are those asked for, where not all are."""
    document = view.result.to_dict([])
    findings = document.pop("findings")
    chosen = view.fields() if fields is None else fields
    document["receptive_fields"] = [field.to_dict() for field in chosen]
    document["paths"] = [counted_beside(view, *pair).to_dict() for pair in pairs(view)]
    document["findings"] = findings
    return dumps(document)


def dumps(document: Mapping[str, Any]) -> str:
    """Return JSON text in ASCII, for no name in it can then act on a terminal."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in document.items()]
    return "{" + ",\n ".join(lines) + "}\n"


def _value(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "[\n  " + ",\n  ".join(map(json.dumps, value)) + "]"
    return json.dumps(value)
