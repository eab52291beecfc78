"""The table over many models for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.report.formats.table import lay_out
from rfgraph.report.zoo.rows import HEADER, cells_of
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.report.formats.style import Style
    from rfgraph.report.zoo.rows import Row

NOTE = (
    "size: of the receptive field of local paths, or the word for an axis without one. effective: "
    "what holds 95 % of what counts over them, inside the input. covers: the field is at least as "
    "long as the input, or global and leaves nothing out (RF001 asks this of each path); open "
    "where the file leaves the length open. halo: of a tile, before+after where they differ. "
    "look-ahead: past a unit's own position, where one axis is spatial. findings: what rfgraph "
    "check --select all finds beside RF001; rfgraph explain CODE says what each means; with a ?, "
    "an open length must be bound first. An output that is global is shown by what comes before "
    "it, if anything does."
)


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
