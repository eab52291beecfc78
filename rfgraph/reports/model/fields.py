"""Fields one by one: as JSON, and as CSV, a row for each tensor, input and axis of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.document import parts
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import chunks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def as_json(view: View, fields: Sequence[ReceptiveField] | None = None) -> Iterator[str]:
    """Yield the report of a model, with `fields` where not all that are asked for are meant."""
    return chunks(parts(view, fields))


def as_csv(view: View, fields: Sequence[ReceptiveField] | None = None) -> str:
    """Return the fields with the keys of the JSON, and n, the tensor's length on that axis.

    Lists are separated by spaces (`through` by "; "), what is null is empty.
    """
    view.require_listable()
    chosen = view.fields() if fields is None else fields
    return csv_text(HEADER, (row for field in chosen for row in _records(view, field)))


def _records(view: View, field: ReceptiveField) -> Iterator[list[object]]:
    start = (field.tensor, field.node, field.op_type, field.shape, field.input, field.aligned)
    for axis in field.axes.values():
        entry = axis.to_dict()
        local = entry["local"] or {}
        yield [
            *(*start, axis.axis, view.length(field, axis.axis), axis.scope),
            *(entry[key] for key in _NUMBERS),
            *(local.get(key) for key in _NUMBERS),
            "; ".join(axis.through),
        ]
