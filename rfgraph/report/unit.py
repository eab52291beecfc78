"""What units read, as text, from the entry of the JSON report."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rfgraph.report.escape import safe, shortened
from rfgraph.report.table import lay_out

if TYPE_CHECKING:
    from rfgraph.report.style import Style

HEADER = ("axis", "scope", "reads", "unclipped", "size", "center")


def unit_text(file: str, entry: Mapping[str, Any], style: Style) -> str:
    """Return the regions of `rfgraph unit` for a person; `entry` is the unit's to_dict()."""
    index = ", ".join("*" if number is None else str(number) for number in entry["index"])
    tensor = shortened(entry["tensor"], 2 * style.width)
    lines = [style.bold(safe(file)), *_wrap(f"unit {tensor} [{index}]", style)]
    for region in entry["regions"]:
        lines.extend(["", *_region(region, style)])
    if not entry["regions"]:
        lines.extend(["", "  reads no input: it is constant"])
    if any(span for region in entry["regions"] for span in region["unclipped"] or ()):
        note = "reads: the exact region inside the input. unclipped: had the input no borders."
        lines.extend(["", *(style.dim(line) for line in _wrap(note, style))])
    return "\n".join(lines) + "\n"


def _region(region: Mapping[str, Any], style: Style) -> Iterator[str]:
    name = shortened(region["input"], style.width // 2)
    if region["empty"]:
        yield f"  reads nothing of input {name}"
        return
    yield f"  of input {name}"
    rows = [
        (f"    {axis}", scope, _span(clipped), _span(unclipped), _number(size), _number(center))
        for axis, (scope, clipped, unclipped, size, center) in enumerate(
            zip(
                region["scopes"],
                region["clipped"],
                region["unclipped"],
                region["size"],
                region["center"],
                strict=True,
            )
        )
    ]
    yield from lay_out((f"    {HEADER[0]}", *HEADER[1:]), rows, style)


def _span(pair: Sequence[int] | None) -> str:
    if pair is None:
        return "-"
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}..{pair[1]}"


def _number(value: int | str | None) -> str:
    return "-" if value is None else str(value)


def _wrap(text: str, style: Style) -> list[str]:
    return textwrap.wrap(text, style.width, initial_indent="  ", subsequent_indent="    ")
