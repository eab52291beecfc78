"""The joint distribution of sizes over two axes, for networks whose windows are not square."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.reports.formats.picture import COLOURS, GREY, Part, fit, wrap
from rfgraph.wording.numbers import log10, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.reports.formats.picture import Frame

# In inches; the largest mark, in points of area.
WIDE, LEFT, RIGHT, BELOW, ABOVE, THIN, LINE = 4.6, 0.68, 0.1, 0.45, 0.2, 0.55, 0.175
LARGEST, SAID, APART = 60.0, 8.0, 0.06


def part(item: Distribution, name: str | None = None) -> Part:
    """Return the paths by their sizes on the first and the last spatial axis, and each alone.

    A mark is the darker and the larger the more paths there are, by their logarithm. UsageError
    where there are fewer than two axes, or sizes are too many to list.
    """
    histogram = item.histogram
    if histogram is None or not histogram.joint or len(histogram.axes) < 2:
        why = (
            "it has fewer than two spatial axes"
            if histogram and len(histogram.axes) < 2
            else ("its paths are too many to list, or none is local")
        )
        raise UsageError(f"tensor {item.tensor!r} has no joint distribution to draw: {why}")
    counts: dict[tuple[int, int], int] = {}
    for sizes, count in histogram.joint.items():
        key = (sizes[-1], sizes[0])
        counts[key] = counts.get(key, 0) + count
    first, *_, last = histogram.axes
    said = f"{short(sum(counts.values()))} local {histogram.count}, {len(counts)} pairs of sizes"
    drawn = partial(_draw, counts, (first, last), name or item.tensor, said)
    return Part(WIDE, partial(_tall, said), drawn)


def _side(wide: float) -> float:
    return wide - LEFT - RIGHT - THIN - APART


def _tall(said: str, wide: float) -> float:
    lines = len(wrap(said, wide - LEFT - RIGHT, SAID))
    return BELOW + _side(wide) + APART + THIN + ABOVE + LINE * (lines + 0.5)


def _draw(
    counts: Mapping[tuple[int, int], int],
    axes: tuple[int, int],
    name: str,
    said: str,
    frame: Frame,
) -> None:
    side = _side(frame.width)
    main = frame.axes(LEFT, BELOW, side, side)
    strength = {sizes: log10(count) for sizes, count in counts.items()}
    least, most = min(strength.values()), max(strength.values())
    spread = (most - least) or 1.0
    part = [0.25 + 0.75 * (value - least) / spread for value in strength.values()]
    main.scatter(
        [x for x, _ in strength],
        [y for _, y in strength],
        s=[LARGEST * value * (side / 3) ** 2 / 2 for value in part],
        c=part,
        cmap="Blues",
        vmin=0,
        vmax=1,
        edgecolors=GREY,
        linewidths=0.3,
    )
    top = max(max(x, y) for x, y in counts) * 1.06
    main.plot([0, top], [0, top], color=GREY, linewidth=0.6, linestyle=(0, (1, 2)), zorder=0)
    main.set_xlim(0, top)
    main.set_ylim(0, top)
    main.set_xlabel(f"size along axis {axes[1]}")
    main.set_ylabel(f"size along axis {axes[0]}")
    _alone(frame, counts, side, top)
    room = frame.width - LEFT - RIGHT
    shown = fit(name, room, 9.5, bold=True)
    frame.text(LEFT, frame.height - 0.2, shown, 9.5, weight="bold")
    frame.lines(LEFT, frame.height - 0.2 - LINE, wrap(said, room, SAID), SAID, LINE)


def _alone(frame: Frame, counts: Mapping[tuple[int, int], int], side: float, top: float) -> None:
    """Draw the distribution of each axis alone, as shares of the largest."""
    upper = frame.axes(LEFT, BELOW + side + APART, side, THIN)
    right = frame.axes(LEFT + side + APART, BELOW, THIN, side)
    for place, axes in ((0, upper), (1, right)):
        sums: dict[int, int] = {}
        for sizes, count in counts.items():
            sums[sizes[place]] = sums.get(sizes[place], 0) + count
        most = max(sums.values())
        shares = [count / most for count in sums.values()]
        if place:
            axes.hlines(list(sums), 0, shares, color=COLOURS[0], linewidth=1)
            axes.set_ylim(0, top)
            axes.set_xlim(0, 1.05)
        else:
            axes.vlines(list(sums), 0, shares, color=COLOURS[0], linewidth=1)
            axes.set_xlim(0, top)
            axes.set_ylim(0, 1.05)
        axes.set_axis_off()
