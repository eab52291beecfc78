"""The table of `--layers` as text and as Markdown."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rfgraph.analysis.breadth import breadths
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.layers.rows import HEADER, Layer, layers, legend, table_rows
from rfgraph.wording.names import for_markdown, safe
from rfgraph.wording.numbers import axes_text, shape_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.view import View
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.formats.style import Style


def layers_text(view: View, style: Style) -> str:
    """Return a table for each input, and a legend."""
    parts = [[style.bold(safe(view.result.model.file))]]
    inputs = _by_input(view)
    for item, rows in inputs:
        axes = view.result.forms[item.name].spatial_axes
        name = style.name(item.name, style.width // 2)
        caption = f"Input  {name}  {shape_text(item.shape)}, {axes_text(axes)}"
        lines = textwrap.wrap(caption, style.width, drop_whitespace=False)
        parts.append([*lines, *_table(rows, style)])
    said = _legend(inputs)
    parts.append([style.dim(line) for text in said for line in textwrap.wrap(text, style.width)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _by_input(view: View) -> list[tuple[ModelInput, list[Layer]]]:
    """Return the inputs asked for that have layers, with these."""
    made = (
        (item, layers(view, item.name, breadths(view.result, item.name)))
        for item in view.model_inputs
    )
    return [(item, rows) for item, rows in made if rows]


def _legend(inputs: Sequence[tuple[ModelInput, list[Layer]]]) -> list[str]:
    return legend([layer for _, rows in inputs for layer in rows])


def _table(rows: list[Layer], style: Style) -> list[str]:
    differ, lines = table_rows(rows)
    if differ:
        header, cells = ("layer", "axis", *HEADER), [(label, at, *row) for label, at, row in lines]
        return lay_out(header, cells, style)
    return lay_out(("layer", *HEADER), [(label, *row) for label, _, row in lines], style)


def layers_markdown(view: View) -> str:
    """Return the table of `--layers` as Markdown."""
    inputs = _by_input(view)
    parts = []
    for item, rows in inputs:
        parts.append(f"Input {for_markdown(item.name)}, {shape_text(item.shape)}:")
        _, lines = table_rows(rows)
        cells = [
            (for_markdown(label), axes.replace(",", ", "), *map(for_markdown, cells))
            for label, axes, cells in lines
        ]
        parts.append(table(("layer", "axes", *HEADER), cells))
    return page(view.result.model.file, [*parts, *map(for_markdown, _legend(inputs))])
