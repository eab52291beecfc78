"""The writer of the graph: tensors and edges of one model, and how to take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfgraph.onnxfile.building.scope import Entry


def parts_of(entry: Entry | None) -> list[Entry]:
    """Return what data there is in a value: itself, the elements of a sequence, or nothing."""
    if entry is None:
        return []
    if entry.items is not None:
        return [part for item in entry.items for part in parts_of(item)]
    return [entry] if entry.tensor is not None else []
