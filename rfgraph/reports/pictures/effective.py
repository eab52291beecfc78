"""The map of what counts, its marginals beside it, both fields drawn over it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.effective.statistics import as_floats, marginal, rows_and_columns
from rfgraph.errors import UsageError
from rfgraph.reports.formats.effective import KINDS, nothing_text
from rfgraph.reports.formats.picture import (
    COLOURS,
    INK,
    Part,
    compose,
    draw_box,
    name_axes,
    wrap,
)
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rfgraph.analysis.effective_field import ERF, EffectiveAxis
    from rfgraph.reports.formats.picture import Frame

from rfgraph.domains.effective.statistics import Floats

# In inches: the map and its margins, a marginal, a line of the title; the least side of a map.
WIDE, THIN, LEFT, RIGHT, BELOW, ABOVE, LINE = 5.0, 0.6, 0.5, 0.1, 0.45, 0.15, 0.17
LEAST, APART, SAID = 0.5, 0.05, 8.5


def part(found: ERF, name: str | None = None) -> Part:
    """Return a map with its marginals beside it.

    A solid box is the effective field, a dashed one the theoretical, as far as it lies inside the
    input. Of more than two axes the last two are shown. `name` stands for the tensor's. UsageError
    where nothing is read.
    """
    if found.empty:
        raise UsageError(
            f"{quote(found.tensor)}: {nothing_text(found)}, so there is no map to draw"
        )
    title = f"{name or f'{found.tensor} on {found.input}'}: {KINDS[found.kind]}"
    return Part(WIDE, partial(_tall, found, title), partial(_draw, found, title))


def draw(found: ERF, form: str, title: str | None = None) -> bytes:
    """Return a map as a picture, "png", "svg" or "pdf"; RfgraphError without matplotlib."""
    return compose([part(found, title)], form)


def _size(found: ERF, wide: float) -> tuple[float, float]:
    """Return the width and height of the map in inches."""
    rows, columns = rows_and_columns(as_floats(found.map)).shape
    room = wide - LEFT - RIGHT - (THIN + APART if rows > 1 else 0)
    if rows == 1:
        return room, LEAST
    scale = room / max(rows, columns)
    return max(columns * scale, LEAST), max(rows * scale, LEAST)


def _lines(title: str, wide: float) -> list[str]:
    return wrap(title, wide - RIGHT - 0.1, SAID)


def _tall(found: ERF, title: str, wide: float) -> float:
    above = ABOVE + LINE * len(_lines(title, wide))
    return BELOW + _size(found, wide)[1] + APART + THIN + above


def _draw(found: ERF, title: str, frame: Frame) -> None:
    floats = as_floats(found.map)
    picture = rows_and_columns(floats)
    axes = list(found.axes.values())[-2:]
    width, height = _size(found, frame.width)
    main = frame.axes(LEFT, BELOW, width, height)
    main.imshow(picture, cmap="Blues", aspect="auto", interpolation="nearest")
    _boxes(main, axes, picture)
    name_axes(main, [axis.axis for axis in axes])
    above = frame.axes(LEFT, BELOW + height + APART, width, THIN)
    _marginals(above, floats, floats.ndim - 1, upright=False)
    if len(axes) > 1:
        beside = frame.axes(LEFT + width + APART, BELOW, THIN, height)
        _marginals(beside, floats, floats.ndim - 2, upright=True)
    frame.lines(0.1, frame.height - 0.17, _lines(title, frame.width), SAID, LINE)


def _boxes(main: Axes, axes: Sequence[EffectiveAxis], picture: Floats) -> None:
    *_, across = intervals = [axis.interval or (0, 0) for axis in axes]
    effective = (intervals[0] if len(axes) > 1 else (0, 0), across)
    read = [np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0)]
    rows, columns = ((int(places[0]), int(places[-1])) for places in read)
    draw_box(main, effective, fill=False, edgecolor=INK, linestyle="-")
    draw_box(main, (rows, columns), fill=False, edgecolor=INK, linestyle="--")


def _marginals(axes: Axes, floats: Floats, axis: int, *, upright: bool) -> None:
    part = marginal(floats, axis)
    at = range(len(part))
    if upright:
        axes.fill_betweenx(at, part, color=COLOURS[0], linewidth=0)
        axes.set_ylim(len(part) - 0.5, -0.5)
        axes.set_xlim(0, float(part.max()) * 1.05)
    else:
        axes.fill_between(at, part, color=COLOURS[0], linewidth=0)
        axes.set_xlim(-0.5, len(part) - 0.5)
        axes.set_ylim(0, float(part.max()) * 1.05)
    axes.set_axis_off()
