"""Histograms over paths; after Li et al. 2017."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rfgraph.reports.formats.picture import INK, Part, fit, wrap
from rfgraph.reports.pictures.panels import SEPARATE, Bars, Panel, heights, panels, spans_decades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.reports.formats.picture import Frame
    from rfgraph.reports.pictures.panels import Heights


# In inches: the room of one panel, and around its axes; a line of what is said above it.
WIDE, TALL = 5.6, 2.65
LEFT, RIGHT, BELOW, ABOVE, LINE = 0.75, 0.2, 0.5, 0.3, 0.175
# Bars that cover the input, that do not, and where its length is open.
COVERING, SHORT_OF, OPEN = "0.35", "0.88", "0.6"
NAMED, SAID = 9.5, 8.0


def parts(
    entries: Sequence[Distribution], *, log: bool | None = None, name: str | None = None
) -> list[Part]:
    """Return a part for each histogram: a bar for each size, as high as its number of paths.

    `log` is whether counts are drawn by their logarithms; None where they span many decades. A
    `name` stands before those of tensors, and for that of the only one. UsageError for too many
    or no panels.
    """
    shown = panels(entries)
    if log is None:
        log = any(panel.bars is not None and spans_decades(panel.bars) for panel in shown)
    return [
        Part(
            WIDE, partial(_tall, panel), partial(_draw, panel, _name_panel(panel, shown, name), log)
        )
        for panel in shown
    ]


def _name_panel(panel: Panel, shown: Sequence[Panel], name: str | None) -> str:
    if name is None:
        return panel.tensor
    return name if len(shown) == 1 else f"{name}: {panel.tensor}"


def _say(panel: Panel, wide: float) -> list[str]:
    return [line for fact in panel.facts for line in wrap(fact, wide - LEFT - RIGHT, SAID)]


def _tall(panel: Panel, wide: float) -> float:
    return min(TALL, 0.68 * wide) + ABOVE + LINE * len(_say(panel, wide))


def _draw(panel: Panel, name: str, log: bool, frame: Frame) -> None:
    said = _say(panel, frame.width)
    room = frame.width - LEFT - RIGHT
    above = ABOVE + LINE * len(said)
    axes = frame.axes(LEFT, BELOW, room, frame.height - BELOW - above)
    axes.spines[["top", "right"]].set_visible(False)
    shown = fit(name, room, NAMED, bold=True)
    frame.text(LEFT, frame.height - 0.2, shown, NAMED, weight="bold")
    frame.lines(LEFT, frame.height - 0.2 - LINE, said, SAID, LINE)
    if panel.bars is None:
        axes.set_axis_off()
        return
    drawn = heights(panel.bars, panel.noun, log=log)
    _draw_bars(axes, panel.bars, drawn, panel.length)
    _number_sizes(axes, panel, panel.bars)
    peak = max(drawn.values)
    axes.set_ylim(drawn.bottom, drawn.bottom + (peak - drawn.bottom) * 1.15)
    axes.set_yticks([at for at, _ in drawn.ticks], [text for _, text in drawn.ticks])
    axes.set_ylabel(drawn.label)
    _mark_input(axes, panel)


def _draw_bars(axes: Axes, bars: Bars, drawn: Heights, length: int | None) -> None:
    """Draw the bars as long as the input dark, the others light and hatched."""
    for covers in (False, True):
        chosen = [
            (left, height)
            for left, height in zip(bars.lefts, drawn.values, strict=True)
            if covers == (length is None or left + bars.width / 2 >= length)
        ]
        if not chosen:
            continue
        dark = OPEN if length is None else COVERING
        values, edges = _outline(chosen, bars.width, drawn.bottom)
        axes.stairs(
            values,
            edges,
            baseline=drawn.bottom,
            fill=True,
            facecolor=dark if covers else SHORT_OF,
            edgecolor=INK,
            linewidth=0.5 if len(bars.counts) <= SEPARATE else 0.3,
            hatch=None if covers else "//////",
        )


def _outline(
    bars: Sequence[tuple[float, float]], width: float, bottom: float
) -> tuple[list[float], list[float]]:
    """Return the heights and edges of steps; between bars that do not touch they go down."""
    values: list[float] = []
    edges = [bars[0][0]]
    for left, height in bars:
        if left - edges[-1] > 1e-6 * width:
            values.append(bottom)
            edges.append(left)
        values.append(height)
        edges.append(left + width)
    return values, edges


def _number_sizes(axes: Axes, panel: Panel, bars: Bars) -> None:
    """Let the axis hold all sizes and the input's length, and zero where that is not far."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    least, most = panel.span
    if panel.length is not None and _is_near(panel):
        least, most = min(least, panel.length), max(most, panel.length)
    if least <= 0.4 * most or panel.span[0] == panel.span[1]:
        least = 0
    margin = 0.02 * (most - least) + bars.width
    axes.set_xlim(least - margin if least else min(0, bars.lefts[0]), most + margin)
    if panel.ticks:
        zero = [] if least or panel.ticks[0] < 0.06 * most else [0]
        axes.xaxis.set_major_locator(FixedLocator([*zero, *panel.ticks]))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlabel(panel.label)


def _is_near(panel: Panel) -> bool:
    """Whether the input's length fits beside the bars without crowding them."""
    least, most = panel.span
    if panel.length is None:
        return False
    if least == most:
        return panel.length <= 10 * most
    return max(panel.length, most) - min(panel.length, least) <= 2 * (most - least)


def _mark_input(axes: Axes, panel: Panel) -> None:
    """Mark the input's length by a line, or by an arrow at the side beyond which it lies."""
    if panel.length is None:
        return
    text = f"input {panel.length}"
    if not _is_near(panel):
        beyond = panel.length > panel.span[1]
        place, side = (1.0, "right") if beyond else (0.0, "left")
        words = f"{text} →" if beyond else f"← {text}"
        axes.text(place, 0.98, words, ha=side, va="top", size=8, transform=axes.transAxes)
        return
    axes.axvline(panel.length, color="black", linewidth=1.0, linestyle=(0, (4, 2)))
    low, high = axes.get_xlim()
    right = panel.length > low + 0.7 * (high - low)
    axes.annotate(
        text,
        (panel.length, 0.98),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-4 if right else 4, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        size=8,
    )
