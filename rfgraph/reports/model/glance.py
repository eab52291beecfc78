"""One line on the effective field, beside the theoretical one, where it costs next to nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.reports.model.rows import Row

# Positions of the field times edges of the graph, which take a laptop some 50 ms; an edge takes as
# long as LEAST positions, however few it has.
MAX_GLANCED = 1 << 25
LEAST = 256


def glance(view: View, field: ReceptiveField) -> list[Row]:
    """Return the row (label, value, note) of the effective field, none where it would cost more.

    None, too, where a spatial axis has no theoretical size to compare with.
    """
    lengths = [field.axes[axis].size for axis in view.spatial_axes(field)]
    sizes = [size for size in lengths if size]
    shown = len(view.tensors or view.result.model.outputs) * len(view.inputs)
    edges = view.result.edges * shown
    if len(sizes) < len(lengths) or (math.prod(sizes) + LEAST) * edges > MAX_GLANCED:
        return []
    from rfgraph.analysis.erf import erf
    from rfgraph.reports.formats.effective import endless_sizes, ratio_text, sizes_text

    try:
        effective = erf(view.result, field.tensor, input=field.input)
    except RfgraphError:
        return []
    axes = list(effective.axes.values())
    if effective.empty or any(axis.ratio is None for axis in axes):
        return []
    without, inside = endless_sizes(axes), sizes_text([axis.size for axis in axes])
    note = f"{ratio_text(axes)} of it"
    return [("effective 95 %", without, note if inside == without else f"{note}; {inside} inside")]
