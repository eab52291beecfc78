"""Histograms over paths as pictures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rfgraph.report.formats.picture import DPI, METADATA, fitting, require, settings
from rfgraph.report.paths.panels import SEPARATE, Bars, Panel, heights, panels, spans_decades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.report.paths.panels import Heights


ACROSS = 3
# In inches: the room of one panel, and around its axes.
WIDE, NARROW, TALL = 5.6, 4.2, 3.3
LEFT, RIGHT, BELOW, ABOVE, TITLE = 0.75, 0.2, 0.5, 0.65, 0.35
# Bars that cover the input, that do not, and where its length is open.
COVERING, SHORT_OF, OPEN, INK = "0.35", "0.88", "0.6", "0.1"


def draw(
    entries: Sequence[Distribution], form: str, *, log: bool | None = None, title: str | None = None
) -> bytes:
    """Return distributions as a picture, "png", "svg" or "pdf", the same bytes each time.

    Every panel has a bar for each size, as high as its number of paths. `log` is whether the counts
    are drawn by their logarithms; None where they span many decades. Source of the picture: Li et
    al. 2017. RfgraphError without matplotlib, UsageError for too many or no panels.
    """
    require()
    shown = panels(entries)
    if log is None:
        log = any(panel.bars is not None and spans_decades(panel.bars) for panel in shown)
    with settings():
        figure = _figure(shown, log=log, title=title)
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=DPI, metadata=METADATA[form])
    return out.getvalue()


def _figure(shown: Sequence[Panel], *, log: bool, title: str | None) -> Figure:
    """Lay panels out in rows, each with the same room."""
    from matplotlib.figure import Figure

    across = min(len(shown), ACROSS)
    down = -(-len(shown) // across)
    wide = WIDE if across == 1 else NARROW
    top = TITLE if title else 0.0
    width, height = wide * across, TALL * down + top
    figure = Figure(figsize=(width, height))
    if title:
        text = fitting(title, width - 0.4, 11)
        figure.text(0.5, 1 - 0.22 / height, text, size=11, ha="center", va="center")
    for number, panel in enumerate(shown):
        row, column = divmod(number, across)
        left = column * wide + LEFT
        below = (down - 1 - row) * TALL + BELOW
        room = (wide - LEFT - RIGHT, TALL - BELOW - ABOVE)
        place = (left / width, below / height, room[0] / width, room[1] / height)
        _panel(figure.add_axes(place), panel, room[0], log=log)
    return figure


def _panel(axes: Axes, panel: Panel, room: float, *, log: bool) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    name = fitting(panel.tensor, room, 9.5, bold=True)
    for text, points, size, weight in (
        (name, 31, 9.5, "bold"),
        (fitting(panel.facts[0], room, 8), 18, 8, "normal"),
        (fitting(panel.facts[1], room, 8), 6, 8, "normal"),
    ):
        axes.annotate(text, (0, 1), (0, points), xycoords="axes fraction", size=size,
                      textcoords="offset points", weight=weight)  # fmt: skip
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
