"""What depends on the length of an axis: its sampling, and what strides lose, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.lengths import (
    accepted_lengths,
    loses_positions,
    lossless,
    sampled_otherwise,
)
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.movement import STRETCHED, Movement, movement
from rfgraph.wording.names import some_names
from rfgraph.wording.numbers import axes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.model.rows import Row


def lengths_rows(view: View, field: ReceptiveField, item: ModelInput) -> Iterator[Row]:
    """Yield a row where sampling depends on the length, or strides lose positions at an open one.

    Once for like axes.
    """
    said: dict[tuple[str, str], list[int]] = {}
    for axis in view.spatial_axes(field):
        shown = numbers(field.axes[axis])
        # What samples between positions has a period of several units, or none.
        sampled = shown is not None and (shown.period is None or shown.period[0] > 1)
        if not sampled and axis not in item.symbolic:
            continue
        moving = movement(view.result.graph, item.name, axis, field.tensor)
        for row in (*_stretched(view, item, axis, moving), *_lost(view, item, axis, moving)):
            said.setdefault(row, []).append(axis)
    for (text, even), axes in said.items():
        where = "" if len(axes) == len(view.spatial_axes(field)) else f" ({axes_text(axes)})"
        yield "lengths", f"{text}{where}", even


def _stretched(
    view: View, item: ModelInput, axis: int, moving: Movement
) -> Iterator[tuple[str, str]]:
    """Say which operators sample otherwise at each length: a part is then never as the whole."""
    found = [one.operator for one in moving.breaks if one.why == STRETCHED]
    found.extend(sampled_otherwise(view.result.model, item, axis, moving))
    if found:
        names = some_names([*dict.fromkeys(operator.label for operator in found)])
        yield f"sampling at {names} depends on the length", ""


def _lost(view: View, item: ModelInput, axis: int, moving: Movement) -> Iterator[tuple[str, str]]:
    if axis in item.symbolic and loses_positions(view.result.graph, moving):
        lengths, _ = accepted_lengths(view.result.model, item, axis, moving)
        even = f"none at {lossless(lengths)}" if lengths.lossless else ""
        yield f"strides lose positions at {item.shape[axis]}", even
