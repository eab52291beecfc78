"""What the formats of `rfgraph tiles` say alike."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.lengths import accepted, lossless
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import fraction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.lengths import Lengths
    from rfgraph.analysis.tiling import Tiling


# So many inputs that are cut together are named.
MOST_INPUTS = 5
NO_PLAN = "No plan is made and no tile is chosen, because tiles are not exact."


def halo_text(axis: AxisGeometry) -> str:
    """Say what a core needs around it, and what tiles read: on the grid, and at the ends."""
    said = f"{axis.halo[0]} before, {axis.halo[1]} after"
    if axis.halo != axis.grid_halo:
        said += f"; on the grid {axis.grid_halo[0]} before, {axis.grid_halo[1]} after"
    if axis.is_longer_at_ends:
        said += f"; the first tile reads at least {axis.ends[0]}, the last {axis.ends[1]}"
    return said


def lengths_text(lengths: Lengths) -> str:
    """Say which lengths the network accepts, and which of them lose nothing."""
    if lengths.is_fixed:
        return f"{lengths.least}, fixed in the file"
    said = accepted(lengths)
    if lengths.loses_some:
        return f"{said}; {lossless(lengths)} lose nothing to strides"
    return said


def output_text(axis: AxisGeometry) -> str:
    """Say how the output lies in the input."""
    scale, offset = axis.scale, axis.offset
    if scale == 1:
        said = "as long as the input"
    elif scale > 1:
        said = f"{fraction(scale)} times as long as the input"
    else:
        said = f"1/{fraction(Fraction(1) / scale)} as long as the input"
    if not offset:
        return said
    more = f"and {fraction(offset)} more" if offset > 0 else f"less {fraction(-offset)}"
    return f"{said}, {more}"


def beside_text(axis: AxisGeometry) -> str:
    """Say which other inputs are cut at the same positions."""
    named = [f"axis {at} of input {safe(name)}" for name, at in axis.inputs[:MOST_INPUTS]]
    more = len(axis.inputs) - len(named)
    rest = f" and {more} more (--format json)" if more else ""
    return f"{', '.join(named)}{rest}: cut at the same positions"


def plan_rows(item: Tiling) -> Iterator[tuple[str, ...]]:
    """Yield a row for each tile and spatial axis: its number, the axis, and four ranges."""
    for number, tile in enumerate(item.plan or ()):
        entry = tile.to_dict()
        for place, axis in enumerate(item.axes.values()):
            ranges = [entry[key][place] for key in ("read", "keep", "write", "crop")]
            yield str(number), str(axis.axis), *(f"{first}:{end}" for first, end in ranges)
