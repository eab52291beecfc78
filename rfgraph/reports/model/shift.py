"""By how much the outputs are off the centre of what they read, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.checks.rf006 import amount, off_centre
from rfgraph.domains.fields.axis import numbers
from rfgraph.errors import BoundError
from rfgraph.wording.numbers import axes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.model.rows import Row


def shift_rows(view: View, field: ReceptiveField, item: ModelInput) -> Iterator[Row]:
    """Yield a row where what is read is off-centre, as RF006 finds it, once for like axes."""
    said: dict[str, list[int]] = {}
    for axis in view.spatial_axes(field):
        inner = numbers(field.axes[axis])
        if inner is None or inner.size is None:
            continue
        try:
            off = off_centre(view.result, field.input, field.tensor, axis, item.shape[axis])
        except BoundError:
            continue
        if off:
            said.setdefault(amount(off, inner), []).append(axis)
    for text, axes in said.items():
        yield (
            "off-centre",
            text,
            "" if len(axes) == len(view.spatial_axes(field)) else axes_text(axes),
        )
