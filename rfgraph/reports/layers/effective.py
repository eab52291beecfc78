"""How the effective field grows layer by layer, beside the theoretical one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from rfgraph.analysis.effective_field import rounded
from rfgraph.analysis.erf import endless_fields
from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.layers.rows import layers
from rfgraph.version import HEAD
from rfgraph.wording.names import for_csv, for_markdown, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.view import View
    from rfgraph.domains.effective.adjoint import Kind
    from rfgraph.reports.formats.style import Style

NOTE = "Of the unit in the middle of each layer, without borders, over local paths."
RECORD = ("layer", "tensor", "input", "axis", "theoretical", "sigma", "effective")


class Row(NamedTuple):
    """A layer along one spatial axis: its theoretical size, the spread, the effective size.

    None where there is no such number.
    """

    label: str
    tensor: str
    input: str
    axis: int
    theoretical: int | None
    sigma: float | None
    effective: int | None


def rows(view: View, kind: Kind, share: float) -> list[Row]:
    """Return a row for each layer and spatial axis of the inputs asked for."""
    found = []
    for source in view.inputs:
        every = layers(view, source)
        names = list(dict.fromkeys(layer.field.tensor for layer in every))
        fields = endless_fields(view.result, source, names, kind, share)
        for layer in every:
            name = layer.field.tensor
            for axis in layer.cells:
                numbers = layer.field.axes[axis].local or layer.field.axes[axis]
                one = fields.get(name, {}).get(axis)
                sizes = (None, None) if one is None else (one.sigma, one.size)
                found.append(Row(layer.label, name, source, axis, numbers.size, *sizes))
    return found


def as_json(found: Sequence[Row], kind: Kind) -> str:
    """Return the rows as JSON."""
    entries: list[dict[str, Any]] = [
        {**row._asdict(), "sigma": rounded(row.sigma)} for row in found
    ]
    for entry in entries:
        entry["layer"] = entry.pop("label")
    return dumps({**HEAD, "map": kind, "layers": entries})


def as_csv(found: Sequence[Row]) -> str:
    """Return the rows as CSV."""
    return csv_text(
        RECORD,
        (
            [
                *(for_csv(row.label), for_csv(row.tensor), for_csv(row.input), str(row.axis)),
                *(cell(row.theoretical), cell(rounded(row.sigma)), cell(row.effective)),
            ]
            for row in found
        ),
    )


def as_text(file: str, found: Sequence[Row], share: float, style: Style) -> str:
    """Return a table, a line for each layer; axes with the same numbers stand in one line."""
    lines = [style.bold(safe(file)), ""]
    lines += lay_out(_header(share), [(label, *cells) for label, cells in _lines(found)], style)
    lines += ["", *(style.dim(line) for line in textwrap.wrap(NOTE, style.width))]
    return "\n".join(lines) + "\n"


def as_markdown(file: str, found: Sequence[Row], share: float) -> str:
    """Return the table as Markdown."""
    body = [(for_markdown(label), *cells) for label, cells in _lines(found)]
    return page(file, [table(_header(share), body), NOTE])


def _header(share: float) -> tuple[str, ...]:
    return ("layer", "axis", "theoretical", "sigma", f"effective {share * 100:g} %", "ratio")


def _lines(found: Sequence[Row]) -> list[tuple[str, tuple[str, ...]]]:
    lines: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for row in found:
        cells = (_number(row.theoretical), _number(row.sigma), _number(row.effective), _ratio(row))
        lines.setdefault((row.input, row.tensor, cells), []).append(row.axis)
    labels = {(row.input, row.tensor): row.label for row in found}
    return [
        (labels[source, tensor], (",".join(map(str, axes)), *cells))
        for (source, tensor, cells), axes in lines.items()
    ]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def _ratio(row: Row) -> str:
    if row.effective is None or not row.theoretical:
        return "-"
    return f"{row.effective / row.theoretical:.2f}"
