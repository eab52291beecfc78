"""The table over many models for a terminal, as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import table
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.zoo.rows import HEADER, NOTE, cells_of
from rfgraph.version import HEAD
from rfgraph.wording.names import for_csv, for_markdown, safe
from rfgraph.wording.numbers import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.axis import Json
    from rfgraph.reports.formats.style import Style
    from rfgraph.reports.zoo.rows import Row

KEYS = (
    *("file", "tensors", "input", "lengths", "size", "effective", "covers_input"),
    *("halo", "lookahead", "findings", "error"),
)


def zoo_text(rows: Sequence[Row], style: Style) -> str:
    """Return the table, a note on its columns, and how many models could not be read."""
    read = [row for row in rows if row.error is None]
    broken = len(rows) - len(read)
    lines = []
    if read:
        shown = [[cells_of(row)[0], *map(safe, cells_of(row)[1:])] for row in read]
        lines = [*lay_out(HEADER, shown, style), "", *style.wrapped(NOTE), ""]
    models = len({row.file for row in rows})
    unread = f", {broken} could not be read" if broken else ""
    return "\n".join([*lines, f"{count_of(models, 'model')}{unread}"]) + "\n"


def zoo_json(rows: Sequence[Row]) -> str:
    """Return the rows as JSON."""
    return dumps({**HEAD, "models": [row.to_dict() for row in rows]})


def zoo_markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    return table(HEADER, ([for_markdown(cell) for cell in cells_of(row)] for row in rows)) + "\n"


def zoo_records(rows: Sequence[Row]) -> str:
    """Return a row for each row of the table, by the keys of the JSON report."""
    return csv_text(KEYS, (_record(row.to_dict()) for row in rows))


def _record(entry: Json) -> list[str]:
    halo = entry["halo"]
    flat = {**entry, "halo": None if halo is None else [f"{left}+{right}" for left, right in halo]}
    return [for_csv(cell(flat[key])) for key in KEYS]
