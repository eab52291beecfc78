"""The bytes of the activations that are alive at once, and the tile for which they fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.analysis.other_lengths import other_lengths
from rfgraph.errors import UsageError
from rfgraph.relations.graph import shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.geometry import Geometry
    from rfgraph.relations.graph import Model

# An element of a tensor to which the file gives no type.
ITEM = 4
# So many steps of the grid are tried at most along each axis.
MOST_STEPS = 1 << 12


def activation_bytes(model: Model) -> int:
    """Return the most bytes of activations that are alive at once, run in the graph's order.

    From shapes and types, of 4 bytes where the file gives none; no weights and no workspace.
    """
    sizes = {} if model.item_sizes is None else model.item_sizes()
    graph = model.graph
    own = {name: math.prod(shape_of(graph, name) or ()) * sizes.get(name, ITEM) for name in graph}
    readers = {name: len(graph.succ[name]) for name in graph}
    alive = most = 0
    for name in graph:
        alive += own[name]
        most = max(most, alive)
        for before in graph.pred[name]:
            readers[before] -= 1
            if not readers[before]:
                alive -= own[before]
    return most


def fitting_core(found: Geometry, own: Sequence[int], budget: int) -> tuple[tuple[int, ...], int]:
    """Return the largest core, of as many grid steps on each axis, that fits, and its bytes.

    An axis whose length the file fixes keeps its `own` core, since its tiles have one length only.
    UsageError where the least tile does not fit, with what it takes.
    """
    low, high = 1, MOST_STEPS
    least = _bytes(found, own, low)
    if least is None or least > budget:
        needs = "cannot be built" if least is None else f"takes {least} bytes"
        raise UsageError(f"memory of {budget} bytes is too little: the least tile {needs}")
    best = least
    while low < high:
        middle = (low + high + 1) // 2
        taken = _bytes(found, own, middle)
        if taken is None or taken > budget:
            high = middle - 1
        else:
            low, best = middle, taken
    return _core(found, own, low), best


def _core(found: Geometry, own: Sequence[int], steps: int) -> tuple[int, ...]:
    cores = []
    for axis, length in zip(found.axes, own, strict=True):
        if axis.lengths.is_fixed:
            cores.append(length)
            continue
        step = axis.period[1]
        least = -(-(axis.least - sum(axis.grid_halo)) // step)
        cores.append((max(least, 1) + steps - 1) * step)
    return tuple(cores)


def _bytes(found: Geometry, own: Sequence[int], steps: int) -> int | None:
    lengths = {
        axis.axis: axis.lengths.least if axis.lengths.is_fixed else core + sum(axis.grid_halo)
        for axis, core in zip(found.axes, _core(found, own, steps), strict=True)
    }
    made = other_lengths(found.model).at(found.item, lengths)
    return None if made is None else activation_bytes(made)
