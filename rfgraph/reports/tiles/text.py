"""Halo, grid, lengths and the plan of tiles, as text for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.lines import LABEL, hanging, labelled
from rfgraph.reports.formats.parts import NOTHING, blocked, cost_text, exact_text, proof_lines
from rfgraph.reports.formats.table import lay_out
from rfgraph.reports.tiles.words import (
    NO_PLAN,
    beside_text,
    halo_text,
    lengths_text,
    output_text,
    plan_rows,
)
from rfgraph.wording.names import safe, shortened, some_names
from rfgraph.wording.numbers import axes_text, shape_text, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.tiling import Tiling
    from rfgraph.reports.formats.style import Style

MOST_TILES = 50
HEADER = ("tile", "axis", "read", "keep", "write", "crop")


def tiles_text(file: str, found: Sequence[Tiling], style: Style) -> str:
    """Return the report of `rfgraph tiles`."""
    parts = [style.bold(safe(file))]
    if not found:
        parts.extend(("", *hanging(NOTHING, style)))
    for item in found:
        parts.extend(("", *_tensor_lines(item, style)))
    return "\n".join(parts) + "\n"


def _tensor_lines(item: Tiling, style: Style) -> Iterator[str]:
    name, source = shortened(item.tensor, style.width // 2), shortened(item.input, style.width // 2)
    yield from hanging(f"{name} from input {source}, axes numbered as the input's", style)
    yield from _verdict(item, style)
    yield from _geometry_lines(item, style)
    if item.exact and item.axes:
        yield from labelled("tile", _tile(item), style, width=LABEL + 2)
    for number, line in enumerate(() if item.proof is None else proof_lines(item.proof, "tile")):
        yield from labelled("" if number else "verified", line, style, width=LABEL + 2)
    if item.plan is not None:
        yield from _plan_lines(item, style)


def _geometry_lines(item: Tiling, style: Style) -> Iterator[str]:
    for axes, lines in _same(item.geometry.axes):
        yield f"    {axes}"
        for label, value in lines:
            yield from labelled(label, value, style, "      ")
    known = set(item.axes)
    for axis, lengths in item.geometry.lengths.items():
        if axis not in known:
            value = f"{'lengths':<{LABEL}}{lengths_text(lengths)}"
            yield from hanging(f"axis {axis}  {value}", style, "    ", LABEL)


def _verdict(item: Tiling, style: Style) -> Iterator[str]:
    if item.exact:
        yield from hanging(exact_text(item), style)
        return
    yield from hanging("Tiles are not exact, whatever the halo:", style)
    for line in blocked(item.blockers):
        yield from hanging(line, style, "    ")
    before = item.geometry.before_blockers
    if before:
        yield from hanging(f"Exact as far as {some_names(before)} (--tensor).", style)
    if item.refused:
        yield from hanging(NO_PLAN, style)
    if item.axes:
        yield from hanging("The paths that move with the input have:", style)


def _tile(item: Tiling) -> str:
    if item.recommended is None:
        return "none: the lengths that the file fixes leave no room beside the halos"
    core, tile = times(item.recommended.core), times(item.recommended.tile)
    said = f"{tile}, which keeps {core}: {cost_text(item.recommended)}"
    if item.recommended.activations is None:
        return said
    return f"{said}; {item.recommended.activations} bytes of activations at once, no workspace"


def _same(axes: Sequence[AxisGeometry]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the lines of axes, once for those that are alike."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for axis in axes:
        found.setdefault(tuple(_axis_lines(axis)), []).append(axis.axis)
    return [(axes_text(numbers), lines) for lines, numbers in found.items()]


def _axis_lines(axis: AxisGeometry) -> Iterator[tuple[str, str]]:
    yield "halo", halo_text(axis)
    step = axis.period[1]
    yield "grid", "every position" if step == 1 else f"tiles and cores begin at multiples of {step}"
    yield "lengths", lengths_text(axis.lengths)
    yield "output", output_text(axis)
    if axis.inputs:
        yield "with", beside_text(axis)


def _plan_lines(item: Tiling, style: Style) -> Iterator[str]:
    count = len(item)
    shape = shape_text(item.shape)
    yield ""
    noun = "tile" if count == 1 else "tiles"
    yield from hanging(f"Plan: {count} {noun} for an output of {shape}; [first, end).", style)
    rows = list(plan_rows(item))[: MOST_TILES * len(item.axes)]
    yield from lay_out(("  tile", *HEADER[1:]), [(f"  {row[0]}", *row[1:]) for row in rows], style)
    if count > MOST_TILES:
        yield f"  and {count - MOST_TILES} more (--format json and csv list all)"
