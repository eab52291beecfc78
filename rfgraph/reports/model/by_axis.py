"""What else there is to say of the axes of a field, once for like ones: borders and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.lengths import (
    accepted_lengths,
    loses_positions,
    lossless,
    sampled_otherwise,
)
from rfgraph.checks.rf006 import amount, off_centre
from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import carriers
from rfgraph.domains.movement import STRETCHED
from rfgraph.domains.padding import touched_counts
from rfgraph.errors import BoundError
from rfgraph.wording.grouping import group
from rfgraph.wording.names import some_names
from rfgraph.wording.numbers import axes_text, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.domains.movement import Movement
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.model.rows import Row


def padding_rows(view: View, field: ReceptiveField) -> Iterator[Row]:
    """Yield a row where padding touches units at any depth, once for like axes."""
    said = group((_counts(view, field, axis), axis) for axis in view.spatial_axes(field))
    for counts, axes in said.items():
        if counts is not None and any(counts[:2]):
            left, right, length = counts
            text = f"{count_of(left, 'unit')} at the start, {right} at the end of {length}"
            yield "padding touches", text + _where(view, field, axes, " ({})"), ""


def _where(view: View, field: ReceptiveField, axes: Sequence[int], form: str) -> str:
    """Return which axes are meant, nothing where that is all spatial ones."""
    return "" if len(axes) == len(view.spatial_axes(field)) else form.format(axes_text(axes))


def _counts(view: View, field: ReceptiveField, axis: int) -> tuple[int, int, int] | None:
    """Return the units that padding touches from each side, of how many; None if not known."""
    state = view.result.forms[field.input][field.tensor]
    along = carriers(state.classes, axis)
    if numbers(field.axes[axis]) is None or len(along) != 1 or field.shape is None:
        return None
    (carrier,) = along
    try:
        touched = view.result.examine(field.tensor).touched(field.input, axis)
    except BoundError:
        return None
    return None if touched is None else (*touched_counts(touched, carrier), field.shape[carrier])


def shift_rows(view: View, field: ReceptiveField, item: ModelInput) -> Iterator[Row]:
    """Yield a row where what is read is off-centre, as RF006 finds it, once for like axes."""
    said = group((_shift(view, field, item, axis), axis) for axis in view.spatial_axes(field))
    for text, axes in said.items():
        if text is not None:
            yield "off-centre", text, _where(view, field, axes, "{}")


def _shift(view: View, field: ReceptiveField, item: ModelInput, axis: int) -> str | None:
    inner = numbers(field.axes[axis])
    if inner is None or inner.size is None:
        return None
    try:
        off = off_centre(view.result, field.input, field.tensor, axis, item.shape[axis])
    except BoundError:
        return None
    return amount(off, inner) if off else None


def lengths_rows(view: View, field: ReceptiveField, item: ModelInput) -> Iterator[Row]:
    """Yield a row where sampling depends on the length, or strides lose positions at an open one.

    Once for like axes.
    """
    axes = view.spatial_axes(field)
    said = group((row, axis) for axis in axes for row in _lengths(view, field, item, axis))
    for (text, even), alike in said.items():
        yield "lengths", text + _where(view, field, alike, " ({})"), even


def _lengths(
    view: View, field: ReceptiveField, item: ModelInput, axis: int
) -> Iterator[tuple[str, str]]:
    shown = numbers(field.axes[axis])
    # What samples between positions has a period of several units, or none.
    sampled = shown is not None and (shown.period is None or shown.period[0] > 1)
    if sampled or axis in item.symbolic:
        moving = view.result.examine(field.tensor).movement(item.name, axis)
        yield from _stretch_lines(view, item, axis, moving)
        yield from _losses(view, item, axis, moving)


def _stretch_lines(
    view: View, item: ModelInput, axis: int, moving: Movement
) -> Iterator[tuple[str, str]]:
    """Say which operators sample otherwise at each length: a part is then never as the whole."""
    operators = [one.operator for one in moving.breaks if one.why == STRETCHED]
    operators.extend(sampled_otherwise(view.result.lengths, item, axis, moving))
    if operators:
        names = some_names([*dict.fromkeys(operator.label for operator in operators)])
        yield f"sampling at {names} depends on the length", ""


def _losses(view: View, item: ModelInput, axis: int, moving: Movement) -> Iterator[tuple[str, str]]:
    if axis in item.symbolic and loses_positions(view.result.graph, moving):
        lengths, _ = accepted_lengths(view.result.lengths, item, axis, moving)
        even = f"none at {lossless(lengths)}" if lengths.lossless else ""
        yield f"strides lose positions at {item.shape[axis]}", even
