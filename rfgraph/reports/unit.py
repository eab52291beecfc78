"""What units read, as text, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.unit import entry_text
from rfgraph.analysis.view import masks_sentence
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import dumps
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import for_markdown, markdown_text, safe
from rfgraph.wording.numbers import axes_text, fraction, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.unit import Region, Unit
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style


HEADER = ("axis", "scope", "reads", "unclipped", "size", "center")
_KEYS = ("clipped", "unclipped", "size", "center")
RECORD = ("tensor", "index", "input", "empty", "axis", "scope", *_KEYS)


def as_text(model: Model, unit: Unit, style: Style) -> str:
    """Return the regions of `rfgraph unit` for a person."""
    tensor = style.name(unit.tensor, 2 * style.width)
    lines = _wrap(f"unit {tensor} [{_index(unit, ', ')}]", style)
    if model.masks is not None:
        lines.extend(_wrap(masks_sentence(model.masks), style))
    said = [_region(region, style) for region in unit.regions]
    if not said:
        said.append(["  reads no input: it is constant"])
    if any(span for region in unit.regions for span in region.unclipped):
        note = "reads: the exact region inside the input. unclipped: had the input no borders."
        said.append([style.dim(line) for line in _wrap(note, style)])
    return blocks([style.bold(safe(model.file)), *lines], *said)


def as_json(model: Model, unit: Unit) -> str:
    """Return the regions as JSON, and what stored masks cut, if they may."""
    masks = {} if model.masks is None else {"masks": model.masks.to_dict()}
    return dumps({**unit.to_dict(), **masks})


def as_csv(model: Model, unit: Unit) -> str:
    """Return the regions as CSV: a row for each input and axis of it, with the keys of the JSON."""
    start = (unit.tensor, _index(unit, " "))
    rows = (
        [
            *(*start, region["input"], region["empty"], axis, scope),
            *(None if region[key] is None else region[key][axis] for key in _KEYS),
        ]
        for region in (region.to_dict() for region in unit.regions)
        for axis, scope in enumerate(region["scopes"])
    )
    return csv_text(RECORD, rows)


def as_markdown(model: Model, unit: Unit) -> str:
    """Return the regions as Markdown, a table for each input."""
    parts = [f"## {for_markdown(unit.tensor)} at {markdown_text(_index(unit, ', '))}"]
    for region in unit.regions:
        name = for_markdown(region.input)
        if region.empty:
            parts.append(f"Reads nothing of input {name}.")
        elif not region.scopes:
            parts.append(f"Reads input {name}, which has no axes.")
        else:
            touched = _padding(region)
            parts.extend((f"Of input {name}:", table(HEADER, _rows(region))))
            parts.extend([f"{touched[0].upper()}{touched[1:]}."] if touched else [])
    if not unit.regions:
        parts.append("Reads no input: it is constant.")
    return page(model.file, parts)


def _index(unit: Unit, between: str) -> str:
    return between.join(map(entry_text, unit.index))


def _region(region: Region, style: Style) -> list[str]:
    name = style.name(region.input, style.width // 2)
    if region.empty:
        return [f"  reads nothing of input {name}"]
    if not region.scopes:
        return [f"  reads input {name}, which has no axes"]
    touched = style.wrap(_padding(region), "    ", "      ")
    return [f"  of input {name}", *lay_out(HEADER, _rows(region), style, 4), *touched]


def _padding(region: Region) -> str:
    """Say at which ends of which axes padding enters, at any depth; nothing where it does not."""
    ends = []
    for side, end in enumerate(("start", "end")):
        axes = [at for at, sides in enumerate(region.padding) if sides is not None and sides[side]]
        if axes:
            ends.append(f"at the {end} of {axes_text(axes)}")
    return f"padding touches it {join(ends)}" if ends else ""


def _rows(region: Region) -> Iterator[tuple[str, ...]]:
    """Yield the cells of HEADER for each axis of a region that is not empty."""
    for cells, size, center in zip(region.cells(), region.size, region.center, strict=True):
        yield *cells, fraction(size), fraction(center)


def _wrap(text: str, style: Style) -> list[str]:
    return style.wrap(text, "  ", "    ")
