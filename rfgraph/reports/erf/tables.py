"""Effective fields as CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.reports.erf.words import caveats, index_text, sides_text
from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.effective import nothing_text
from rfgraph.reports.formats.markdown import page, table
from rfgraph.wording.names import for_csv, for_markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.effective_field import ERF

_KEYS = ("axis", "theoretical", "share", "size", "interval", "sigma", "mean")
_ENDLESS = ("size", "sigma", "ratio")
RECORD = ("tensor", "index", "input", "map", *_KEYS, *(f"unclipped_{key}" for key in _ENDLESS))
HEADER = ("axis", "theoretical", "effective", "sigma", "without borders", "ratio")


def erf_records(fields: Sequence[ERF]) -> str:
    """Return a row for each field and axis, with the keys of the JSON."""
    rows = (
        [
            *(for_csv(found.tensor), for_csv(index_text(found.index)), for_csv(found.input)),
            *(found.kind, *(cell(entry[key]) for key in _KEYS)),
            *(cell((entry["unclipped"] or {}).get(key)) for key in _ENDLESS),
        ]
        for found in fields
        for entry in (axis.to_dict() for axis in found.axes.values())
    )
    return csv_text(RECORD, rows)


def erf_markdown(file: str, fields: Sequence[ERF]) -> str:
    """Return a table for each field."""
    parts = []
    for found in fields:
        index = index_text(found.index).replace("*", "\\*")
        parts.append(f"## {for_markdown(found.tensor)} {index} of {for_markdown(found.input)}")
        entries = [axis.to_dict() for axis in found.axes.values()]
        parts.append(table(HEADER, [_row(entry) for entry in entries]))
        said = nothing_text(found) if found.empty else f"half of it lies {sides_text(found)}"
        parts.append(f"{said[0].upper()}{said[1:]}.")
        parts.extend(for_markdown(note) for note in caveats(found))
    return page(file, parts)


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    endless = entry["unclipped"] or {}
    values = (
        *(entry["axis"], entry["theoretical"], entry["size"], entry["sigma"]),
        *(endless.get("size"), endless.get("ratio")),
    )
    return tuple("-" if value is None else str(value) for value in values)
