"""The table over many models as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.markdown import table
from rfgraph.reports.zoo.rows import HEADER, cells_of
from rfgraph.wording.names import for_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.reports.zoo.rows import Row


def zoo_markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    return table(HEADER, ([for_markdown(cell) for cell in cells_of(row)] for row in rows)) + "\n"
