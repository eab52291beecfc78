"""Whether tiles are exact, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rfgraph.analysis.tiling import Tiles


def exact_text(item: Tiles) -> str:
    """Say that tiles are exact, and at which lengths where others are accepted too."""
    some = item.plan is None and any(
        axis.lengths.loses_some and not axis.lengths.loses(axis.size) for axis in item.axes
    )
    where = " at lengths that lose nothing to strides (--image says of any other)" if some else ""
    return f"Tiles are exact{where}: put together, they are the whole, bit for bit."
