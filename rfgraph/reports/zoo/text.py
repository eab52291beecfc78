"""The table over many models for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.zoo.rows import HEADER, NOTE, cells_of
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.reports.formats.style import Style
    from rfgraph.reports.zoo.rows import Row


def zoo_text(rows: Sequence[Row], style: Style) -> str:
    """Return the table, a note on its columns, and how many models could not be read."""
    read = [row for row in rows if row.error is None]
    broken = len(rows) - len(read)
    lines = []
    if read:
        shown = [[cells_of(row)[0], *map(safe, cells_of(row)[1:])] for row in read]
        lines = [*lay_out(HEADER, shown, style), "", *style.wrapped(NOTE)]
    models = len({row.file for row in rows})
    unread = f", {broken} could not be read" if broken else ""
    return "\n".join([*lines, *[""] * bool(lines), f"{count_of(models, 'model')}{unread}"]) + "\n"
