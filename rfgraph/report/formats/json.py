"""Reports as JSON: one entry of a list to a line, so that they can be read and compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rfgraph.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def results(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the entry of the only pair of tensor and input as a report, or those of several."""
    head = {"schema": 1, "version": __version__}
    if len(entries) == 1:
        return dumps({**head, **entries[0]})
    return dumps({**head, "results": list(entries)})


def dumps(document: Mapping[str, Any]) -> str:
    """Return JSON text in ASCII, for no name in it can then act on a terminal."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in document.items()]
    return "{" + ",\n ".join(lines) + "}\n"


def _value(value: object) -> str:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "[\n  " + ",\n  ".join(map(json.dumps, value)) + "]"
    return json.dumps(value)
