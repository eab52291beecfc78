"""How the effective field grows layer by layer, beside the theoretical one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.effective_field import six_digits
from rfgraph.analysis.erf import endless_fields
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.layers.rows import layers
from rfgraph.version import HEAD
from rfgraph.wording.grouping import group
from rfgraph.wording.names import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.view import View
    from rfgraph.domains.effective.adjoint import Kind
    from rfgraph.reports.formats.style import Style

NOTE = "Of the unit in the middle of each layer, without borders, over local paths."


class Row(NamedTuple):
    """A layer along one spatial axis: its theoretical size, the spread, the effective size.

    None where there is no such number.
    """

    layer: str
    tensor: str
    input: str
    axis: int
    theoretical: int | None
    sigma: float | None
    effective: int | None


def rows(view: View, kind: Kind, share: float) -> list[Row]:
    """Return a row for each layer and spatial axis of the inputs asked for."""
    effective_rows = []
    for source in view.inputs:
        every = layers(view, source)
        names = list(dict.fromkeys(layer.field.tensor for layer in every))
        fields = endless_fields(view.result, source, names, kind, share)
        for layer in every:
            name = layer.field.tensor
            for axis in layer.cells:
                numbers = layer.field.axes[axis].local or layer.field.axes[axis]
                one = fields.get(name, {}).get(axis)
                sizes = (None, None) if one is None else (six_digits(one.sigma), one.size)
                effective_rows.append(Row(layer.label, name, source, axis, numbers.size, *sizes))
    return effective_rows


def as_text(file: str, found: Sequence[Row], kind: Kind, share: float, style: Style) -> str:
    """Return a table, a line for each layer; axes with the same numbers stand in one line."""
    lines = lay_out(_header(share), _lines(found), style)
    return blocks([style.bold(safe(file))], lines, map(style.dim, style.wrap(NOTE)))


def as_json(file: str, found: Sequence[Row], kind: Kind, share: float) -> str:
    """Return the rows as JSON."""
    entries = [row._asdict() for row in found]
    for entry in entries:
        entry["layer"] = entry.pop("layer")
    return dumps({**HEAD, "map": kind, "layers": entries})


def as_csv(file: str, found: Sequence[Row], kind: Kind, share: float) -> str:
    """Return the rows as CSV."""
    return csv_text(Row._fields, found)


def as_markdown(file: str, found: Sequence[Row], kind: Kind, share: float) -> str:
    """Return the table as Markdown."""
    return page(file, [table(_header(share), _lines(found)), NOTE])


def _header(share: float) -> tuple[str, ...]:
    return ("layer", "axis", "theoretical", "sigma", f"effective {share * 100:g} %", "ratio")


def _lines(found: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    lines = group(((row.input, row.tensor, _cells(row)), row.axis) for row in found)
    labels = {(row.input, row.tensor): row.layer for row in found}
    for (source, tensor, cells), axes in lines.items():
        yield safe(labels[source, tensor]), ",".join(map(str, axes)), *cells


def _cells(row: Row) -> tuple[str, ...]:
    return (*map(_number, (row.theoretical, row.sigma, row.effective)), _ratio(row))


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def _ratio(row: Row) -> str:
    if row.effective is None or not row.theoretical:
        return "-"
    return f"{row.effective / row.theoretical:.2f}"
