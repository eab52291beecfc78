"""What units read, as text, CSV and Markdown, from the entry of the JSON report."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.unit import entry_text
from rfgraph.analysis.view import masks_sentence
from rfgraph.report.formats.csv import cell, csv_text
from rfgraph.report.formats.markdown import table
from rfgraph.report.formats.table import lay_out
from rfgraph.wording.names import for_csv, for_markdown, safe, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.relations.graph import StoredMasks
    from rfgraph.report.formats.style import Style


HEADER = ("axis", "scope", "reads", "unclipped", "size", "center")
_KEYS = ("clipped", "unclipped", "size", "center")
RECORD = ("tensor", "index", "input", "empty", "axis", "scope", *_KEYS)


def unit_text(
    file: str, entry: Mapping[str, Any], style: Style, masks: StoredMasks | None = None
) -> str:
    """Return the regions of `rfgraph unit` for a person; `entry` is the unit's to_dict().

    `masks` is what stored masks cut, if they may.
    """
    index = ", ".join(map(entry_text, entry["index"]))
    tensor = shortened(entry["tensor"], 2 * style.width)
    lines = [style.bold(safe(file)), *_wrap(f"unit {tensor} [{index}]", style)]
    if masks is not None:
        lines.extend(_wrap(masks_sentence(masks), style))
    for region in entry["regions"]:
        lines.extend(["", *_region(region, style)])
    if not entry["regions"]:
        lines.extend(["", "  reads no input: it is constant"])
    if any(span for region in entry["regions"] for span in region["unclipped"] or ()):
        note = "reads: the exact region inside the input. unclipped: had the input no borders."
        lines.extend(["", *(style.dim(line) for line in _wrap(note, style))])
    return "\n".join(lines) + "\n"


def unit_records(entry: Mapping[str, Any]) -> str:
    """Return the regions as CSV: a row for each input and axis of it, with the keys of the JSON."""
    index = " ".join(map(entry_text, entry["index"]))
    start = [for_csv(entry["tensor"]), for_csv(index)]
    rows = (
        [
            *(*start, for_csv(region["input"]), cell(region["empty"]), str(axis), scope),
            *(cell(None if region[key] is None else region[key][axis]) for key in _KEYS),
        ]
        for region in entry["regions"]
        for axis, scope in enumerate(region["scopes"])
    )
    return csv_text(RECORD, rows)


def unit_markdown(file: str, entry: Mapping[str, Any]) -> str:
    """Return the regions as Markdown, a table for each input."""
    index = ", ".join(map(entry_text, entry["index"])).replace("*", "\\*")
    parts = [f"# {for_markdown(file)}", f"## {for_markdown(entry['tensor'])} at {index}"]
    for region in entry["regions"]:
        name = for_markdown(region["input"])
        if region["empty"]:
            parts.append(f"Reads nothing of input {name}.")
        elif not region["scopes"]:
            parts.append(f"Reads input {name}, which has no axes.")
        else:
            parts.extend((f"Of input {name}:", table(HEADER, _rows(region))))
    if not entry["regions"]:
        parts.append("Reads no input: it is constant.")
    return "\n\n".join(parts) + "\n"


def _region(region: Mapping[str, Any], style: Style) -> Iterator[str]:
    name = shortened(region["input"], style.width // 2)
    if region["empty"]:
        yield f"  reads nothing of input {name}"
        return
    if not region["scopes"]:
        yield f"  reads input {name}, which has no axes"
        return
    yield f"  of input {name}"
    rows = [(f"    {axis}", *cells) for axis, *cells in _rows(region)]
    yield from lay_out((f"    {HEADER[0]}", *HEADER[1:]), rows, style)


def _rows(region: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of HEADER for each axis of a region that is not empty."""
    columns = (region["scopes"], *(region[key] for key in _KEYS))
    for axis, (scope, clipped, unclipped, size, center) in enumerate(zip(*columns, strict=True)):
        spans = _span(clipped), _span(unclipped)
        yield str(axis), scope, *spans, _number(size), _number(center)


def _span(pair: Sequence[int] | None) -> str:
    if pair is None:
        return "-"
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}..{pair[1]}"


def _number(value: int | str | None) -> str:
    return "-" if value is None else str(value)


def _wrap(text: str, style: Style) -> list[str]:
    return textwrap.wrap(text, style.width, initial_indent="  ", subsequent_indent="    ")
