"""The table over many models as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.wording.names import for_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.axis import Json
    from rfgraph.reports.zoo.rows import Row

KEYS = (
    *("file", "tensors", "input", "lengths", "size", "effective", "covers_input"),
    *("halo", "lookahead", "findings", "error"),
)


def zoo_records(rows: Sequence[Row]) -> str:
    """Return a row for each row of the table, by the keys of the JSON report."""
    return csv_text(KEYS, (_record(row.to_dict()) for row in rows))


def _record(entry: Json) -> list[str]:
    halo = entry["halo"]
    flat = {**entry, "halo": None if halo is None else [f"{left}+{right}" for left, right in halo]}
    return [for_csv(cell(flat[key])) for key in KEYS]
