"""Reports as JSON: one entry of a list to a line, so that they can be read and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rfgraph.version import HEAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def results(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the entry of the only pair of tensor and input as a report, or those of several."""
    return dumps({**HEAD, **(entries[0] if len(entries) == 1 else {"results": list(entries)})})


def dumps(document: Mapping[str, Any]) -> str:
    """Return JSON text in ASCII, for no name in it can then act on a terminal."""
    return "".join(chunks(document))


def chunks(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the same in pieces; an iterator stands for a list, its entries taken one by one."""
    before = "{"
    for key, value in document.items():
        yield f"{before}{json.dumps(key)}: "
        before = ",\n "
        if isinstance(value, Iterator):
            yield from _entries(value)
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            yield from _entries(iter(value))
        else:
            yield json.dumps(value)
    yield "}\n"


def _entries(entries: Iterator[object]) -> Iterator[str]:
    before = "["
    for entry in entries:
        yield f"{before}\n  {json.dumps(entry)}"
        before = ","
    yield "[]" if before == "[" else "]"
