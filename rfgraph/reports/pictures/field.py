"""The field of a unit drawn over the input that it reads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.reports.formats.picture import (
    COLOURS,
    GREY,
    INK,
    PALE,
    Box,
    Part,
    draw_box,
    name_axes,
    wrap,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.unit import Region
    from rfgraph.reports.formats.picture import Frame

# In inches; a bar for an input of one axis; what is drawn beside a field, as a part of its length.
WIDE, LEFT, RIGHT, BELOW, ABOVE, BAR, LINE = 4.6, 0.66, 0.15, 0.45, 0.15, 0.7, 0.17
BESIDE, SAID, LEAST = 0.04, 8.5, 0.3


def part(region: Region, effective: ERF, shape: Sequence[int], name: str) -> Part:
    """Return what a unit reads of an input of `shape`, on its last two spatial axes.

    Filled: inside the input; dashed: past its borders, where that is known; solid: what holds 95 %
    of what counts. UsageError where nothing is read.
    """
    if region.clipped is None or not effective.axes:
        raise UsageError("nothing is read, so there is no field to draw")
    axes = list(effective.axes)[-2:]
    drawn = _Drawn(region, effective, shape, axes)
    at = ", ".join("*" if place is None else str(place) for place in effective.index)
    title = f"{name}, unit [{at}]"
    return Part(WIDE, partial(_tall, drawn, title), partial(_draw, drawn, title))


class _Drawn:
    """The boxes of a picture: rows, then columns, ends included; one axis is a row of columns."""

    def __init__(
        self, region: Region, effective: ERF, shape: Sequence[int], axes: Sequence[int]
    ) -> None:
        self.axes = axes
        self.input = self._box([(0, shape[axis] - 1) for axis in axes])
        clipped = region.clipped or ()
        self.inside = self._box([clipped[axis] for axis in axes])
        ends = [region.unclipped[axis] for axis in axes]
        known = [end for end in ends if end is not None]
        self.endless = self._box(known) if len(known) == len(ends) else None
        counted = [effective.axes[axis].interval for axis in axes]
        inner = [interval for interval in counted if interval is not None]
        self.effective = self._box(inner) if len(inner) == len(counted) else None

    def _box(self, ends: Sequence[tuple[int, int]]) -> Box:
        return ((0, 0), ends[0]) if len(ends) == 1 else (ends[0], ends[1])

    @property
    def extent(self) -> Box:
        """The box around all that is drawn."""
        boxes = [box for box in (self.input, self.endless, self.inside) if box is not None]
        rows, columns = (
            (min(box[side][0] for box in boxes), max(box[side][1] for box in boxes))
            for side in (0, 1)
        )
        return rows, columns


def _lines(title: str, wide: float) -> list[str]:
    return wrap(title, wide - RIGHT - 0.1, SAID)


def _room(drawn: _Drawn, wide: float) -> float:
    """Return the height of the axes in inches."""
    if len(drawn.axes) == 1:
        return BAR
    rows, columns = ((end - start + 1) for start, end in drawn.extent)
    return max((wide - LEFT - RIGHT) * min(rows / columns, 2.0), LEAST)


def _rows(wide: float) -> int:
    """Return in how many rows the legend stands."""
    return 1 if wide >= WIDE else 3


def _tall(drawn: _Drawn, title: str, wide: float) -> float:
    said = LINE * (len(_lines(title, wide)) + _rows(wide)) + 0.05
    return BELOW + _room(drawn, wide) + ABOVE + said


def _draw(drawn: _Drawn, title: str, frame: Frame) -> None:
    room = _room(drawn, frame.width)
    axes = frame.axes(LEFT, BELOW, frame.width - LEFT - RIGHT, room)
    draw_box(axes, drawn.input, facecolor=PALE, edgecolor=GREY, linewidth=0.8)
    draw_box(axes, drawn.inside, facecolor=COLOURS[0], alpha=0.35, linewidth=0)
    if drawn.endless is not None:
        draw_box(axes, drawn.endless, fill=False, edgecolor=COLOURS[0], linestyle="--")
    if drawn.effective is not None:
        draw_box(axes, drawn.effective, fill=False, edgecolor=INK, linewidth=1.4)
    _scale(axes, drawn)
    lines = _lines(title, frame.width)
    frame.lines(0.1, frame.height - 0.2, lines, SAID, LINE)
    _legend(frame, drawn, frame.height - 0.25 - LINE * len(lines))


def _scale(axes: Axes, drawn: _Drawn) -> None:
    (top, bottom), (left, right) = drawn.extent
    down, across = BESIDE * (bottom - top + 1), BESIDE * (right - left + 1)
    axes.set_xlim(left - 0.5 - across, right + 0.5 + across)
    axes.set_ylim(bottom + 0.5 + down, top - 0.5 - down)
    axes.spines[:].set_visible(False)
    name_axes(axes, drawn.axes)


def _legend(frame: Frame, drawn: _Drawn, at: float) -> None:
    """Say what the boxes are, each in the look of its own."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[tuple[Artist, str]] = [
        (Patch(facecolor=PALE, edgecolor=GREY), f"input {_sides(drawn, drawn.input)}")
    ]
    whole = drawn.endless or drawn.inside
    field = Patch(facecolor="#a5c9e3", edgecolor=COLOURS[0], linestyle="--")
    marks.append((field, f"reads {_sides(drawn, whole)}"))
    if drawn.effective is not None:
        line = Line2D([], [], color=INK, linewidth=1.4)
        marks.append((line, f"95 % of what counts {_sides(drawn, drawn.effective)}"))
    rows = _rows(frame.width)
    area = frame.axes(0.1, at - LINE * (rows - 1) - 0.06, frame.width - 0.2, LINE * rows + 0.03)
    area.set_axis_off()
    handles, words = zip(*marks, strict=True)
    area.legend(
        handles,
        words,
        ncols=len(marks) if rows == 1 else 1,
        frameon=False,
        fontsize=7.5,
        loc="upper left",
        borderpad=0,
        borderaxespad=0,
        columnspacing=0.9,
        handlelength=1.4,
        handletextpad=0.4,
    )


def _sides(drawn: _Drawn, box: Box) -> str:
    lengths = [end - start + 1 for start, end in box]
    return " x ".join(map(str, lengths[-len(drawn.axes) :]))
