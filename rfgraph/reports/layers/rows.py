"""The table of `--layers`: a row for each layer that changes what is read.

A layer is an operator with a window (convolutions, pools, resizes) or one whose field differs from
that of everything it reads from (merges, pads, crops, gates).
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.breadth import breadths
from rfgraph.domains.fields.axis import numbers
from rfgraph.relations.graph import edges_into, producer_of
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.grouping import group
from rfgraph.wording.names import for_markdown, markdown_text, safe
from rfgraph.wording.numbers import axes_text, fraction, shape_text, span, whole_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput
    from rfgraph.reports.formats.style import Style


HEADER = ("n", "stride", "size", "start", "center", "before", "after", "paths", "erf95")
MARKS = {"global": "*", "one-sided": "<", "unknown": "?"}
UNALIGNED = "!"
INTERIOR = "~"
ITS_NUMBERS = "any numbers are those of its local paths"

Cells: TypeAlias = tuple[str, ...]
Sizes: TypeAlias = "Mapping[str, Mapping[int, int]]"


@dataclass(frozen=True, slots=True)
class Layer:
    """One row: the tensor's field, what to call it, and the cells of each spatial axis."""

    field: ReceptiveField
    label: str
    cells: Mapping[int, Cells]

    def groups(self) -> list[tuple[tuple[int, ...], Cells]]:
        """Return the cells with the axes that they hold for; lengths alone make no difference."""
        same = group((row[1:], axis) for axis, row in self.cells.items())
        return [(tuple(axes), (self._lengths(axes), *row)) for row, axes in same.items()]

    def _lengths(self, axes: Sequence[int]) -> str:
        lengths = [self.cells[axis][0] for axis in axes]
        return lengths[0] if len(set(lengths)) == 1 else "x".join(lengths)

    def scopes(self) -> set[str]:
        """Return the scopes on the spatial axes."""
        return {self.field.axes[axis].scope for axis in self.cells}


def layers(view: View, source: str, sizes: Sizes | None = None) -> list[Layer]:
    """Return the rows of one input in the order of the file, or those of the tensors asked for.

    `sizes` are the effective ones by tensor and axis, for the cells.
    """
    if not view.result.forms[source].spatial_axes:
        return []
    if view.tensors is not None:
        named = view.result.receptive_fields(view.tensors, [source])
        return [_layer(view, field, field.tensor, sizes) for field in named]
    fields = {field.tensor: field for field in view.result.receptive_fields(inputs=[source])}
    kept = list(_tensors_that_change(view, fields))
    names = [_name(view, tensor) for tensor in kept]
    return [
        _layer(view, fields[tensor], name if name and names.count(name) == 1 else tensor, sizes)
        for tensor, name in zip(kept, names, strict=True)
    ]


def _name(view: View, tensor: str) -> str | None:
    """Return what the file calls the operator that makes a tensor."""
    operator = producer_of(view.result.graph, tensor)
    return None if operator is None else operator.name


def _layer(view: View, field: ReceptiveField, label: str, sizes: Sizes | None) -> Layer:
    spatial = view.spatial_axes(field)
    own = (sizes or {}).get(field.tensor, {})
    return Layer(field, label, {axis: _cells(view, field, axis, own.get(axis)) for axis in spatial})


def _cells(view: View, field: ReceptiveField, number: int, effective: int | None) -> Cells:
    axis = field.axes[number]
    length = view.length(field, number)
    shown = numbers(axis)
    mark = MARKS.get(axis.scope, "")
    count = "-" if length is None else str(length)
    if axis.scope == "none":
        return (count, "-", "none", "-", "-", "-", "-", "-", "-")
    if shown is None:
        reach = (whole_up(axis.before), whole_up(axis.after))
        return (count, "-", axis.scope + mark, "-", "-", *reach, "-", "-")
    return (
        count,
        fraction(shown.stride),
        span(shown.size_min, shown.size) + mark + INTERIOR * (shown.interior is not None),
        fraction(shown.start),
        fraction(shown.center),
        whole_up(shown.before),
        whole_up(shown.after),
        span(shown.shortest, shown.longest) + (UNALIGNED if field.aligned is False else ""),
        "-" if effective is None else str(effective),
    )


# -- which tensors ---------------------------------------------------------------------------------


def _tensors_that_change(view: View, fields: Mapping[str, ReceptiveField]) -> Iterator[str]:
    graph = view.result.graph
    keys = {name: _key(view, field) for name, field in fields.items()}
    shown: dict[object, object] = {}
    for name in fields:
        before = [source for source in graph.pred[name] if source in fields]
        if (
            before
            and not _is_made_by_window(view, fields[name])
            and any(keys[name] == keys[b] for b in before)
        ):
            continue
        producer = producer_of(graph, name)
        if producer is not None and shown.get(producer.index) == keys[name]:
            continue
        if producer is not None:
            shown[producer.index] = keys[name]
        yield name


def _key(view: View, field: ReceptiveField) -> object:
    spatial = view.spatial_axes(field)
    return field.aligned, tuple(
        (view.length(field, axis), _facts(field.axes[axis])) for axis in spatial
    )


def _facts(axis: Axis) -> object:
    return axis.scope, axis.before, axis.after, numbers(axis)


def _is_made_by_window(view: View, field: ReceptiveField) -> bool:
    """Whether an operator with spatial axes made the tensor, where there is a window to tell of."""
    if all(numbers(field.axes[axis]) is None for axis in view.spatial_axes(field)):
        return False
    return any(edge.relation.spatial for edge in edges_into(view.result.graph, field.tensor))


# -- legend ----------------------------------------------------------------------------------------


def _legend(rows: Sequence[Layer]) -> list[str]:
    """Return what the columns and the marks that occur mean, a paragraph each."""
    if not rows:
        return ["No input with axes reaches what was asked for."]
    lines = [
        "n: units on the axis. stride (jump): input positions from one unit to the next. size: of "
        "the receptive field. start, center: of unit 0's, in input positions from 0 (-start is the "
        "effective padding; calculators that count from 0.5 print center + 0.5). before, after: "
        "reach around a unit's own position, in whole positions. paths: sizes of single paths, "
        "smallest..largest. erf95: about how many positions hold 95 % of what counts at "
        "initialisation, without borders (rfgraph erf)."
    ]
    scopes = set().union(*(layer.scopes() for layer in rows))
    notes: dict[str, str] = {
        "global": "reads the whole input, whatever its size",
        "one-sided": "reads all that lies on one side (the other has a number)",
        "unknown": "some of what is read could not be followed",
    }
    for scope, note in notes.items():
        if scope in scopes:
            lines.append(f"{MARKS[scope]} {scope}: {note}; {ITS_NUMBERS}.")
    if any(layer.field.aligned is False for layer in rows):
        lines.append(f"{UNALIGNED} not aligned: paths that meet differ in stride or center.")
    axes = [numbers(layer.field.axes[axis]) for layer in rows for axis in layer.cells]
    if any(axis is not None and axis.interior is not None for axis in axes):
        lines.append(
            f"{INTERIOR} units near the start or the end differ: before and after are those of the "
            "units between."
        )
    return lines


def _table_rows(rows: Sequence[Layer]) -> tuple[bool, list[tuple[str, str, Cells]]]:
    """Return whether axes differ anywhere, and (label, axes, cells) for each line of the table."""
    differ = any(len(layer.groups()) > 1 for layer in rows)
    lines = []
    for layer in rows:
        label = layer.label
        for axes, cells in layer.groups():
            lines.append((label, ",".join(map(str, axes)), cells))
            label = "" if differ else label
    return differ, lines


# -- as a table -----------------------------------------------------------------------------------


def as_text(view: View, style: Style) -> str:
    """Return a table for each input, and a legend."""
    inputs, said = _by_input(view)
    notes = [style.dim(line) for text in said for line in style.wrap(text)]
    tables = (_table(view, item, rows, style) for item, rows in inputs)
    return blocks([style.bold(safe(view.result.model.file))], *tables, notes)


def _by_input(view: View) -> tuple[list[tuple[ModelInput, list[Layer]]], list[str]]:
    """Return the inputs asked for that have layers, with these, and the legend of all."""
    made = (
        (item, layers(view, item.name, breadths(view.result, item.name)))
        for item in view.model_inputs
    )
    inputs = [(item, rows) for item, rows in made if rows]
    return inputs, _legend([layer for _, rows in inputs for layer in rows])


def _table(view: View, item: ModelInput, rows: list[Layer], style: Style) -> list[str]:
    axes = view.result.forms[item.name].spatial_axes
    name = style.name(item.name, style.width // 2)
    caption = f"Input  {name}  {shape_text(item.shape)}, {axes_text(axes)}"
    lines = textwrap.wrap(caption, style.width, drop_whitespace=False)
    differ, groups = _table_rows(rows)
    if differ:
        cells = [(safe(label), at, *row) for label, at, row in groups]
        return [*lines, *lay_out(("layer", "axis", *HEADER), cells, style)]
    return [*lines, *lay_out(("layer", *HEADER), [(safe(n), *row) for n, _, row in groups], style)]


def as_markdown(view: View) -> str:
    """Return the same as Markdown."""
    inputs, said = _by_input(view)
    parts = []
    for item, rows in inputs:
        parts.append(f"Input {for_markdown(item.name)}, {shape_text(item.shape)}:")
        _, lines = _table_rows(rows)
        cells = ((safe(label), axes.replace(",", ", "), *row) for label, axes, row in lines)
        parts.append(table(("layer", "axes", *HEADER), cells))
    return page(view.result.model.file, [*parts, *map(markdown_text, said)])
