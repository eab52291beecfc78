"""Which lengths of an open axis are even, where those that were taken are not, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.geometry import lossless
from rfgraph.analysis.lengths import accepted_lengths, loses_positions
from rfgraph.domains.movement import movement
from rfgraph.wording.numbers import axes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import ModelInput


def lengths_rows(
    view: View, field: ReceptiveField, item: ModelInput
) -> Iterator[tuple[str, str, str]]:
    """Yield a row where strides lose positions at an open length, once for like axes."""
    said: dict[tuple[str, str], list[int]] = {}
    graph = view.result.graph
    for axis in view.spatial_axes(field):
        if axis not in item.symbolic:
            continue
        moving = movement(graph, item.name, axis, field.tensor)
        if loses_positions(graph, moving):
            lengths, _ = accepted_lengths(view.result.model, item, axis, moving)
            even = f"none at {lossless(lengths)}" if lengths.lossless else ""
            text = f"strides lose positions at {item.shape[axis]}"
            said.setdefault((text, even), []).append(axis)
    for (text, even), axes in said.items():
        where = "" if len(axes) == len(view.spatial_axes(field)) else f" ({axes_text(axes)})"
        yield "lengths", f"{text}{where}", even
