"""What units read, as text, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.analysis.unit import entry_text
from rfgraph.analysis.view import masks_sentence
from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.names import for_csv, for_markdown, markdown_text, safe
from rfgraph.wording.numbers import axes_text, fraction, joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.analysis.unit import Region, Unit
    from rfgraph.relations.beside import StoredMasks
    from rfgraph.reports.formats.style import Style


HEADER = ("axis", "scope", "reads", "unclipped", "size", "center")
_KEYS = ("clipped", "unclipped", "size", "center")
RECORD = ("tensor", "index", "input", "empty", "axis", "scope", *_KEYS)


def unit_text(file: str, unit: Unit, style: Style, masks: StoredMasks | None = None) -> str:
    """Return the regions of `rfgraph unit` for a person; `masks` is what stored masks cut."""
    tensor = style.name(unit.tensor, 2 * style.width)
    lines = [style.bold(safe(file)), *_wrap(f"unit {tensor} [{_index(unit, ', ')}]", style)]
    if masks is not None:
        lines.extend(_wrap(masks_sentence(masks), style))
    for region in unit.regions:
        lines.extend(["", *_region(region, style)])
    if not unit.regions:
        lines.extend(["", "  reads no input: it is constant"])
    if any(span for region in unit.regions for span in region.unclipped):
        note = "reads: the exact region inside the input. unclipped: had the input no borders."
        lines.extend(["", *(style.dim(line) for line in _wrap(note, style))])
    return "\n".join(lines) + "\n"


def unit_records(unit: Unit) -> str:
    """Return the regions as CSV: a row for each input and axis of it, with the keys of the JSON."""
    start = [for_csv(unit.tensor), for_csv(_index(unit, " "))]
    rows = (
        [
            *(*start, for_csv(region["input"]), cell(region["empty"]), str(axis), scope),
            *(cell(None if region[key] is None else region[key][axis]) for key in _KEYS),
        ]
        for region in (region.to_dict() for region in unit.regions)
        for axis, scope in enumerate(region["scopes"])
    )
    return csv_text(RECORD, rows)


def unit_markdown(file: str, unit: Unit) -> str:
    """Return the regions as Markdown, a table for each input."""
    index = markdown_text(_index(unit, ", "))
    parts = [f"## {for_markdown(unit.tensor)} at {index}"]
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
    return page(file, parts)


def _index(unit: Unit, between: str) -> str:
    return between.join(map(entry_text, unit.index))


def _region(region: Region, style: Style) -> Iterator[str]:
    name = style.name(region.input, style.width // 2)
    if region.empty:
        yield f"  reads nothing of input {name}"
        return
    if not region.scopes:
        yield f"  reads input {name}, which has no axes"
        return
    yield f"  of input {name}"
    rows = [(f"    {axis}", *cells) for axis, *cells in _rows(region)]
    yield from lay_out((f"    {HEADER[0]}", *HEADER[1:]), rows, style)
    touched = _padding(region)
    if touched:
        yield from style.wrapped(touched, "    ", "      ")


def _padding(region: Region) -> str:
    """Say at which ends of which axes padding enters, at any depth; nothing where it does not."""
    ends = []
    for side, end in enumerate(("start", "end")):
        axes = [at for at, sides in enumerate(region.padding) if sides is not None and sides[side]]
        if axes:
            ends.append(f"at the {end} of {axes_text(axes)}")
    return f"padding touches it {joined(ends)}" if ends else ""


def _rows(region: Region) -> Iterator[tuple[str, ...]]:
    """Yield the cells of HEADER for each axis of a region that is not empty."""
    for cells, size, center in zip(region.cells(), region.size, region.center, strict=True):
        yield *cells, fraction(size), fraction(center)


def _wrap(text: str, style: Style) -> list[str]:
    return style.wrapped(text, "  ", "    ")
