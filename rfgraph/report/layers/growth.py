"""How both fields grow with depth, as a picture; after Luo et al. 2016, figure 1."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.report.formats.picture import DPI, METADATA, fitting, require, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.report.layers.effective import Row

WIDE, TALL = 5.6, 3.6
INK, GREY = "0.1", "0.55"


def draw(rows: Sequence[Row], form: str, title: str | None = None) -> bytes:
    """Return the sizes of both fields by layer, in file order, as "png", "svg" or "pdf".

    Layers without an effective size are left out; of several axes the largest sizes are shown.
    RfgraphError without matplotlib; UsageError where no layer has a size.
    """
    require()
    both = _largest(rows)
    if not both:
        raise UsageError("no layer has an effective size to draw")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with settings():
        figure = Figure(figsize=(WIDE, TALL))
        axes = figure.add_axes((0.12, 0.14, 0.84, 0.74))
        depth = range(len(both))
        axes.plot(depth, [t for t, _ in both], color=GREY, linestyle="--", label="theoretical")
        axes.plot(depth, [e for _, e in both], color=INK, label="effective")
        axes.set_xlabel("layer")
        axes.set_ylabel("positions")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        if title:
            axes.set_title(fitting(title, WIDE - 0.4, 9), size=9)
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=DPI, metadata=METADATA[form])
    return out.getvalue()


def _largest(rows: Sequence[Row]) -> list[tuple[int, int]]:
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        if row.theoretical is not None and row.effective is not None:
            least = found.get((row.input, row.tensor), (0, 0))
            sizes = max(least[0], row.theoretical), max(least[1], row.effective)
            found[row.input, row.tensor] = sizes
    return list(found.values())
