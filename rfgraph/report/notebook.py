"""Results as HTML, where a notebook shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.paths.statistics import decimal
from rfgraph.report.escape import for_html
from rfgraph.report.view import fraction, numbers, shape_text, span, whole_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rfgraph.analysis import Result
    from rfgraph.distribution import PathHistogram
    from rfgraph.fields import Axis, ReceptiveField
    from rfgraph.units import Unit

_HEADER = ("axis", "scope", "size", "stride", "start", "center", "before", "after", "paths")


def field_html(field: ReceptiveField) -> str:
    """Return a field as a table with a row for each axis of the input."""
    shape = shape_text(field.shape)
    caption = f"{field.tensor} ({shape}) on input {field.input}"
    return _table(caption, _HEADER, [_axis_cells(axis) for axis in field.axes.values()])


def _axis_cells(axis: Axis) -> list[str]:
    scope = f"{axis.scope} through {', '.join(axis.through)}" if axis.through else axis.scope
    found = numbers(axis)
    if found is None:
        return [
            str(axis.axis),
            scope,
            "-",
            "-",
            "-",
            "-",
            whole_up(axis.before),
            whole_up(axis.after),
            "-",
        ]
    return [
        str(axis.axis),
        scope if axis.scope in ("local", "none") else f"{scope}; local paths:",
        span(found.size_min, found.size),
        fraction(found.stride),
        fraction(found.start),
        fraction(found.center),
        whole_up(found.before),
        whole_up(found.after),
        span(found.shortest, found.longest),
    ]


def result_html(result: Result) -> str:
    """Return an analysis as the tables of its outputs, or of what comes before a global one."""
    names: dict[str, None] = {}
    for output in result.outputs:
        names.update(dict.fromkeys(output.before_global or (output.name,)))
    fields = result.receptive_fields(list(names))
    return "".join([f"<p>{for_html(result.model.file)}</p>", *map(field_html, fields)])


def unit_html(unit: Unit) -> str:
    """Return what units read as a table for each input."""
    index = ", ".join("*" if at is None else str(at) for at in unit.index)
    return "".join(
        _table(
            f"{unit.tensor}[{index}] on input {region.input}",
            ("axis", "scope", "reads", "unclipped"),
            [
                (str(axis), region.scopes[axis], _span(clipped), _span(region.unclipped[axis]))
                for axis, clipped in enumerate(region.clipped or (None,) * len(region.scopes))
            ],
        )
        for region in unit.regions
    )


def _span(pair: tuple[int, int] | None) -> str:
    return "-" if pair is None else span(*pair)


def histogram_html(histogram: PathHistogram) -> str:
    """Return the distribution over paths as a table with a row for each spatial axis."""
    rows = [
        (
            str(axis.axis),
            decimal(axis.local),
            span(axis.min, axis.max),
            "-" if axis.mean is None else f"{float(axis.mean):.6g}",
            "-" if axis.median is None else str(axis.median),
            "-" if axis.std is None else f"{axis.std:.6g}",
        )
        for axis in histogram.axes.values()
    ]
    caption = (
        f"{decimal(histogram.total)} {histogram.count} from {histogram.input} to {histogram.tensor}"
    )
    return _table(caption, ("axis", "local", "sizes", "mean", "median", "std"), rows)


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{for_html(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr>{''.join(f'<td>{for_html(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f"<table><caption>{for_html(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
