"""Reports as CSV (RFC 4180): a row for each tensor, input and axis of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.wording.names import for_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View


_NUMBERS = (
    "size",
    "size_min",
    "stride",
    "start",
    "center",
    "before",
    "after",
    "period",
    "shortest",
    "longest",
    "covers_input",
    "regular",
)
HEADER = (
    *("tensor", "node", "op_type", "shape", "input", "aligned", "axis", "n", "scope"),
    *_NUMBERS,
    *(f"local.{key}" for key in _NUMBERS),
    "through",
)


def field_records(view: View, fields: Iterable[ReceptiveField] | None = None) -> str:
    """Return the fields with the keys of the JSON, and n, the tensor's length on that axis.

    Lists are separated by spaces (`through` by "; "), what is null is empty.
    """
    view.require_listable()
    chosen = view.fields() if fields is None else fields
    return csv_text(HEADER, (row for field in chosen for row in _rows(view, field)))


def _rows(view: View, field: ReceptiveField) -> Iterator[list[str]]:
    names = [for_csv(field.tensor), for_csv(field.node or ""), for_csv(field.op_type or "")]
    start = [*names, cell(field.shape), for_csv(field.input), cell(field.aligned)]
    for axis in field.axes.values():
        entry = axis.to_dict()
        local = entry["local"] or {}
        yield [
            *start,
            str(axis.axis),
            cell(view.length(field, axis.axis)),
            axis.scope,
            *(cell(entry[key]) for key in _NUMBERS),
            *(cell(local.get(key)) for key in _NUMBERS),
            for_csv("; ".join(axis.through)),
        ]
