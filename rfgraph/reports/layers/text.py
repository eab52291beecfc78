"""The table of `--layers` as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rfgraph.analysis.breadth import breadths
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.layers.rows import HEADER, Layer, layers, legend, table_rows
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import axes_text, shape_text

if TYPE_CHECKING:
    from rfgraph.analysis.view import View
    from rfgraph.reports.formats.style import Style


def layer_table(view: View, style: Style) -> str:
    """Return a table for each input, and a legend."""
    parts = [[style.bold(safe(view.result.model.file))]]
    shown: list[Layer] = []
    for item in view.model_inputs:
        rows = layers(view, item.name, breadths(view.result, item.name))
        if not rows:
            continue
        shown.extend(rows)
        axes = view.result.forms[item.name].spatial_axes
        name = style.name(item.name, style.width // 2)
        caption = f"Input  {name}  {shape_text(item.shape)}, {axes_text(axes)}"
        parts.append(
            [*textwrap.wrap(caption, style.width, drop_whitespace=False), *_table(rows, style)]
        )
    parts.append([line for text in legend(shown) for line in _legend_lines(text, style)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _legend_lines(text: str, style: Style) -> list[str]:
    return [style.dim(line) for line in textwrap.wrap(text, style.width)]


def _table(rows: list[Layer], style: Style) -> list[str]:
    differ, lines = table_rows(rows)
    if differ:
        return lay_out(
            ("layer", "axis", *HEADER),
            [(label, *rest, *cells) for label, *rest, cells in lines],
            style,
        )
    return lay_out(("layer", *HEADER), [(label, *cells) for label, _, cells in lines], style)
