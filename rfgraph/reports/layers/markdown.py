"""The table of layers as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.breadth import breadths
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.layers.rows import HEADER, layers, legend, table_rows
from rfgraph.wording.names import for_markdown
from rfgraph.wording.numbers import shape_text

if TYPE_CHECKING:
    from rfgraph.analysis.view import View


def layer_table(view: View) -> str:
    """Return the table of `--layers` as Markdown."""
    parts = [f"# {for_markdown(view.result.model.file)}"]
    shown = []
    for item in view.model_inputs:
        rows = layers(view, item.name, breadths(view.result, item.name))
        if not rows:
            continue
        shown.extend(rows)
        parts.append(f"Input {for_markdown(item.name)}, {shape_text(item.shape)}:")
        _, lines = table_rows(rows)
        cells = [
            (for_markdown(label), axes.replace(",", ", "), *map(for_markdown, cells))
            for label, axes, cells in lines
        ]
        parts.append(table(("layer", "axes", *HEADER), cells))
    parts.extend(for_markdown(text) for text in legend(shown))
    return "\n\n".join(parts) + "\n"
