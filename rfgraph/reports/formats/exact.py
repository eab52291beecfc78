"""Whether tiles are exact, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.wording.names import some_names
from rfgraph.wording.numbers import figure

if TYPE_CHECKING:
    from rfgraph.analysis.tiling import Recommended, Tiling


def cost_text(tile: Recommended) -> str:
    """Say how many positions are read for each that is kept."""
    cost = figure(tile.overhead, 3)
    return f"{cost} position{' is' if cost == '1' else 's are'} read for each kept"


def exact_text(item: Tiling) -> str:
    """Say that tiles are exact, and at which lengths where others are accepted too."""
    if not item.axes:
        return "The input has no axis along which it could be cut."
    some = item.plan is None and any(
        axis.lengths.loses_some and not axis.lengths.loses(axis.size) for axis in item.axes
    )
    where = " at lengths that lose nothing to strides (--image says of any other)" if some else ""
    rounding = item.geometry.rounding
    but = "bit for bit"
    if rounding:
        but = f"but for rounding where points lie between positions, at {some_names(rounding)}"
    return f"Tiles are exact{where}: put together, they are the whole, {but}."
