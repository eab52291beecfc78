"""The map as a picture, its marginals beside it, both fields drawn over it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.domains.effective.statistics import as_floats, marginal, rows_and_columns
from rfgraph.errors import UsageError
from rfgraph.report.erf.words import KINDS
from rfgraph.report.formats.picture import DPI, METADATA, fitting, require, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rfgraph.analysis.effective_field import ERF, EffectiveAxis

from rfgraph.domains.effective.statistics import Floats

SIDE, THIN, MARGIN, ABOVE = 3.6, 0.8, 0.5, 0.05
INK, GREY = "0.1", "0.55"


def draw(found: ERF, form: str, title: str | None = None) -> bytes:
    """Return a map as "png", "svg" or "pdf", the same bytes each time.

    Beside it lie its marginals. A solid box is the effective field, a dashed one the theoretical,
    as far as it lies inside the input. Of more than two axes the last two are shown. RfgraphError
    without matplotlib; UsageError where nothing is read.
    """
    require()
    if found.empty:
        raise UsageError("nothing is read, so there is no map to draw")
    from matplotlib.figure import Figure

    floats = as_floats(found.map)
    picture = rows_and_columns(floats)
    axes = list(found.axes.values())[-2:]
    width, height = _size(picture)
    with settings():
        every = (width + THIN + 2 * MARGIN, height + THIN + 2 * MARGIN + ABOVE)
        figure = Figure(figsize=every)
        places = _places(width, height, every)
        main = figure.add_axes(places[0])
        main.imshow(picture, cmap="Greys", aspect="auto", interpolation="nearest")
        _boxes(main, axes, picture)
        _label(main, axes)
        _marginals(figure.add_axes(places[1]), floats, floats.ndim - 1, upright=False)
        if len(axes) > 1:
            _marginals(figure.add_axes(places[2]), floats, floats.ndim - 2, upright=True)
        text = title or f"{found.tensor} on {found.input}: {KINDS[found.kind]}"
        shown = fitting(text, every[0] - 0.4, 9)
        figure.text(0.5, 1 - 0.25 / every[1], shown, size=9, ha="center", va="center")
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=DPI, metadata=METADATA[form])
    return out.getvalue()


def _size(picture: Floats) -> tuple[float, float]:
    """Return the width and height of the map in inches."""
    rows, columns = picture.shape
    if rows == 1:
        return SIDE, 0.5
    scale = SIDE / max(rows, columns)
    return max(columns * scale, 1.0), max(rows * scale, 1.0)


def _places(
    width: float, height: float, every: tuple[float, float]
) -> list[tuple[float, float, float, float]]:
    """Return where map, marginal above and marginal beside lie, in parts of the picture."""
    boxes = (
        (MARGIN, MARGIN, width, height),
        (MARGIN, MARGIN + height + 0.05, width, THIN),
        (MARGIN + width + 0.05, MARGIN, THIN, height),
    )
    return [(x / every[0], y / every[1], w / every[0], h / every[1]) for x, y, w, h in boxes]


def _boxes(main: Axes, axes: Sequence[EffectiveAxis], picture: Floats) -> None:
    from matplotlib.patches import Rectangle

    effective = [(0, 0)] * (2 - len(axes)) + [axis.interval or (0, 0) for axis in axes]
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    theoretical = [(int(read[0]), int(read[-1])) for read in (rows, columns)]
    for ((top, bottom), (left, right)), line in ((effective, "-"), (theoretical, "--")):
        corner = (left - 0.5, top - 0.5)
        size = (right - left + 1, bottom - top + 1)
        main.add_patch(Rectangle(corner, *size, fill=False, edgecolor=INK, linestyle=line))


def _label(main: Axes, axes: Sequence[EffectiveAxis]) -> None:
    main.set_xlabel(f"axis {axes[-1].axis}")
    if len(axes) > 1:
        main.set_ylabel(f"axis {axes[0].axis}")
    else:
        main.set_yticks([])
    main.tick_params(labelsize=7)


def _marginals(axes: Axes, floats: Floats, axis: int, *, upright: bool) -> None:
    part = marginal(floats, axis)
    at = range(len(part))
    if upright:
        axes.fill_betweenx(at, part, color=GREY, linewidth=0)
        axes.set_ylim(len(part) - 0.5, -0.5)
        axes.set_xlim(0, float(part.max()) * 1.05)
    else:
        axes.fill_between(at, part, color=GREY, linewidth=0)
        axes.set_xlim(-0.5, len(part) - 0.5)
        axes.set_ylim(0, float(part.max()) * 1.05)
    axes.set_axis_off()
