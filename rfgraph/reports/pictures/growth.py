"""How fields grow with depth; after Luo et al. 2016, figure 1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rfgraph.analysis.breadth import breadths
from rfgraph.analysis.erf import endless_fields
from rfgraph.domains.fields.axis import numbers
from rfgraph.errors import UsageError
from rfgraph.relations.graph import ancestors, edges_into
from rfgraph.reports.formats.picture import COLOURS, GREY, Part, fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from rfgraph.analysis.view import View
    from rfgraph.domains.effective.adjoint import Kind
    from rfgraph.reports.formats.picture import Frame

# In inches, and the height for a width.
WIDE, LEFT, RIGHT, BELOW, ABOVE, RATIO = 5.6, 0.6, 0.15, 0.45, 0.15, 0.62
TITLE, SAID, SHARE = 0.3, 9.5, 0.95
# An input up to so many times as long as the largest field is drawn as a line.
NEAR = 2.5
STYLES = ("o", "s", "^", "D")


@dataclass(frozen=True, slots=True)
class Level:
    """The largest field behind so many windows: sizes of it, of single paths, of what counts."""

    depth: int
    size: int
    shortest: int | None
    longest: int | None
    effective: int | None


@dataclass(frozen=True, slots=True)
class Growth:
    """The levels of one model, and the length of its input along the axis, if that is known."""

    name: str
    levels: tuple[Level, ...]
    length: int | None


def growth(view: View, name: str, kind: Kind = "random") -> Growth:
    """Return how the fields of the first input that is asked for grow along its first spatial axis.

    Only tensors that lead to those asked for count. UsageError where no layer has a size.
    """
    source = next((n for n in view.inputs if view.result.forms[n].spatial_axes), None)
    levels: dict[int, Level] = {}
    if source is not None:
        axis = view.result.forms[source].spatial_axes[0]
        depths = _depths(view, source)
        effective = _effective(view, source, list(depths), kind)
        for tensor, depth in depths.items():
            local = numbers(view.result.receptive_field(tensor, source).axes[axis])
            if local is None or local.size is None:
                continue
            own = Level(
                *(depth, local.size, local.shortest, local.longest),
                effective.get(tensor, {}).get(axis),
            )
            if depth not in levels or levels[depth].size < own.size:
                levels[depth] = own
    if len(levels) < 2 or source is None:
        raise UsageError("no layer with a window has a size to draw")
    item = view.result.input(source)
    length = None if axis in item.probed else item.shape[axis]
    return Growth(name, tuple(levels[depth] for depth in sorted(levels)), length)


def _depths(view: View, source: str) -> dict[str, int]:
    """Return by tensor the largest number of operators with windows on the way from an input."""
    graph = view.result.graph
    within = set(graph) if view.tensors is None else ancestors(graph, view.tensors)
    depths = {source: 0}
    for name in graph:
        steps = [
            depths[edge.source] + bool(edge.relation.spatial)
            for edge in edges_into(graph, name)
            if edge.source in depths
        ]
        if steps and name in within:
            depths[name] = max(steps)
    return depths


def _effective(
    view: View, source: str, tensors: Sequence[str], kind: Kind
) -> Mapping[str, Mapping[int, int]]:
    if kind == "random":
        return breadths(view.result, source)
    fields = endless_fields(view.result, source, tensors, kind, SHARE)
    return {name: {axis: one.size for axis, one in by.items()} for name, by in fields.items()}


def part(grown: Sequence[Growth], title: str | None = None) -> Part:
    """Return the sizes of fields by depth, one model or several in the same axes."""
    return Part(WIDE, lambda wide: RATIO * wide, partial(_draw, grown, title))


def _draw(grown: Sequence[Growth], title: str | None, frame: Frame) -> None:
    from matplotlib.ticker import MaxNLocator

    above = ABOVE + (TITLE if title else 0)
    room = frame.width - LEFT - RIGHT
    axes = frame.axes(LEFT, BELOW, room, frame.height - BELOW - above)
    if title:
        shown = fit(title, room, SAID, bold=True)
        frame.text(LEFT, frame.height - 0.22, shown, SAID, weight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    for number, one in enumerate(grown):
        _curves(axes, one, number, alone=len(grown) == 1)
    _lengths(axes, grown)
    axes.set_xlabel("layers with a window on the way")
    axes.set_ylabel("size in input positions")
    axes.set_xlim(0, max(one.levels[-1].depth for one in grown))
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # Without an edge, and over the line of the input's length.
    axes.legend(edgecolor="none", framealpha=1, fontsize=8, loc="upper left")


def _curves(axes: Axes, one: Growth, number: int, *, alone: bool) -> None:
    colour, mark = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
    start = "" if alone else f"{fit(one.name, 1.2, 8)}: "
    depth = [level.depth for level in one.levels]
    draw = partial(
        axes.plot, color=colour, marker=mark, markersize=3.5, markevery=max(len(depth) // 8, 1)
    )
    sizes = [level.size for level in one.levels]
    draw(depth, sizes, linestyle="--", label=f"{start}theoretical", linewidth=1.2)
    if alone:
        low = [level.shortest if level.shortest is not None else level.size for level in one.levels]
        high = [level.longest if level.longest is not None else level.size for level in one.levels]
        axes.fill_between(depth, low, high, color="0.88", linewidth=0, label="single paths")
    known = [(level.depth, level.effective) for level in one.levels if level.effective is not None]
    if known:
        draw(*zip(*known, strict=True), label=f"{start}effective 95 %", linewidth=1.6)


def _lengths(axes: Axes, grown: Sequence[Growth]) -> None:
    """Draw the length of an input as a line, where it is near what is drawn."""
    largest = max(level.size for one in grown for level in one.levels)
    for length in sorted({one.length for one in grown if one.length is not None}):
        if length <= NEAR * largest:
            axes.axhline(
                length, color=GREY, linewidth=1, linestyle=(0, (1, 2)), label=f"input {length}"
            )
