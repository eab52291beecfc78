"""How many units at the ends of an output padding touches, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.fields.layout import carriers
from rfgraph.domains.padding import touched_counts
from rfgraph.errors import BoundError
from rfgraph.wording.numbers import axes_text, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.reports.model.rows import Row


def padding_rows(view: View, field: ReceptiveField) -> Iterator[Row]:
    """Yield a row where padding touches units at any depth, once for like axes."""
    said: dict[tuple[int, int, int], list[int]] = {}
    for axis in view.spatial_axes(field):
        found = None if numbers(field.axes[axis]) is None else _counts(view, field, axis)
        if found is not None and any(found[:2]):
            said.setdefault(found, []).append(axis)
    for (left, right, length), axes in said.items():
        where = "" if len(axes) == len(view.spatial_axes(field)) else f" ({axes_text(axes)})"
        text = f"{count_of(left, 'unit')} at the start, {right} at the end of {length}{where}"
        yield "padding touches", text, ""


def _counts(view: View, field: ReceptiveField, axis: int) -> tuple[int, int, int] | None:
    """Return the units that padding touches from each side, of how many; None if not known."""
    state = view.result.forms[field.input].states[field.tensor]
    along = carriers(state, axis)
    if len(along) != 1 or field.shape is None:
        return None
    (carrier,) = along
    try:
        found = view.result.tabulated(field.tensor).touched(field.input, axis)
    except BoundError:
        return None
    return None if found is None else (*touched_counts(found, carrier), field.shape[carrier])
