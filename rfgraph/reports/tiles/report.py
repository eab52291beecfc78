"""How an input is cut into tiles: halo, grid, lengths and the plan, in each format."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.analysis.lengths import accepted_text, lossless
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.json import results
from rfgraph.reports.formats.markdown import bullets, page, table
from rfgraph.reports.formats.parts import NOTHING, blocker_lines, cost_text, exact_text, proof_lines
from rfgraph.reports.formats.style import blocks
from rfgraph.reports.formats.table import lay_out
from rfgraph.wording.grouping import group
from rfgraph.wording.names import for_markdown, markdown_text, safe, shorten, some_names
from rfgraph.wording.numbers import axes_text, count_of, fraction, shape_text, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.lengths import Lengths
    from rfgraph.analysis.tiling import Tiling
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style


RANGES = ("read", "keep", "write", "crop")
PLAN = ("tile", "axis", *RANGES)
PLAN_RECORD = (
    *("tensor", "input", "tile", "axis"),
    *(f"{key}_{end}" for key in RANGES for end in ("first", "end")),
)
NUMBERS = ("period", "halo", "grid_halo", "scale", "offset")
LENGTHS = ("least", "step", "residues", "lossless")
RECORD = ("tensor", "input", "exact", "axis", *NUMBERS, *LENGTHS)
NO_PLAN = "No plan is made and no tile is chosen, because tiles are not exact."
# Inputs that are cut together, and tiles, of which each is told.
MOST_INPUTS, MOST_TILES = 5, 50
LABEL = 13


def as_text(model: Model, found: Sequence[Tiling], style: Style) -> str:
    """Return the report of `rfgraph tiles`."""
    said = (_lines(item, style) for item in found) if found else [style.wrap(NOTHING, "  ")]
    return blocks([style.bold(safe(model.file))], *said)


def _lines(item: Tiling, style: Style) -> Iterator[str]:
    name, source = shorten(item.tensor, style.width // 2), shorten(item.input, style.width // 2)
    yield from _say(f"{name} from input {source}, axes numbered as the input's", style)
    yield from _verdict(item, style)
    yield from _geometry_lines(item, style)
    if item.exact and item.geometry.axes:
        yield from style.label("tile", _tile(item), 4, LABEL + 2)
    for number, line in enumerate(() if item.proof is None else proof_lines(item.proof, "tile")):
        yield from style.label("" if number else "verified", line, 4, LABEL + 2)
    if item.plan is not None:
        yield from _plan_lines(item, style)


def _say(text: str, style: Style, indent: str = "  ") -> list[str]:
    return style.wrap(text, indent, indent + "  ")


def _verdict(item: Tiling, style: Style) -> Iterator[str]:
    if item.exact:
        yield from _say(exact_text(item), style)
        return
    yield from _say("Tiles are not exact, whatever the halo:", style)
    for line in blocker_lines(item.blockers):
        yield from _say(line, style, "    ")
    before = item.geometry.before_blockers
    if before:
        yield from _say(f"Exact as far as {some_names(before)} (--tensor).", style)
    if item.refused:
        yield from _say(NO_PLAN, style)
    if item.geometry.axes:
        yield from _say("The paths that move with the input have:", style)


def _geometry_lines(item: Tiling, style: Style) -> Iterator[str]:
    alike = group((tuple(_axis_rows(axis)), axis.axis) for axis in item.geometry.axes)
    for rows, axes in alike.items():
        yield f"    {axes_text(axes)}"
        for label, value in rows:
            yield from style.label(label, value, 6, LABEL)
    known = set(item.axes)
    for number, lengths in item.geometry.lengths.items():
        if number not in known:
            start = f"    axis {number}  {'lengths':<{LABEL}}"
            yield from style.wrap(_lengths_text(lengths), start, " " * (4 + LABEL))


def _axis_rows(axis: AxisGeometry) -> Iterator[tuple[str, str]]:
    halo, lengths, output = axis_words(axis)
    step = axis.period[1]
    yield "halo", halo
    yield "grid", "every position" if step == 1 else f"tiles and cores begin at multiples of {step}"
    yield "lengths", lengths
    yield "output", output
    if axis.inputs:
        yield "with", _beside_text(axis)


def _tile(item: Tiling) -> str:
    if item.recommended is None:
        return "none: the lengths that the file fixes leave no room beside the halos"
    core, tile = times(item.recommended.core), times(item.recommended.tile)
    said = f"{tile}, which keeps {core}: {cost_text(item.recommended)}"
    if item.recommended.activations is None:
        return said
    return f"{said}; {item.recommended.activations} bytes of activations at once, no workspace"


def _plan_lines(item: Tiling, style: Style) -> Iterator[str]:
    count = len(item)
    what = f"{count_of(count, 'tile')} for an output of {shape_text(item.shape)}"
    yield from ("", *_say(f"Plan: {what}; [first, end).", style))
    rows = list(_plan_rows(item))[: MOST_TILES * len(item.axes)]
    yield from lay_out(PLAN, rows, style, 2)
    if count > MOST_TILES:
        yield f"  and {count - MOST_TILES} more (--format json and csv list all)"


def _plan_rows(item: Tiling) -> Iterator[tuple[str, ...]]:
    """Yield a row for each tile and spatial axis: its number, the axis, and four ranges."""
    for number, axis, ranges in _ranges(item):
        yield str(number), str(axis), *(f"{first}:{end}" for first, end in ranges)


def _ranges(item: Tiling) -> Iterator[tuple[int, int, list[list[int]]]]:
    for number, tile in enumerate(item.plan or ()):
        entry = tile.to_dict()
        for place, axis in enumerate(item.axes):
            yield number, axis, [entry[key][place] for key in RANGES]


def as_json(model: Model, found: Sequence[Tiling]) -> str:
    """Return the report as JSON."""
    return results([item.entry() for item in found])


def as_csv(model: Model, found: Sequence[Tiling]) -> str:
    """Return the plan, a row for each tile and axis; without an image, a row for each axis."""
    if any(item.plan is not None for item in found):
        return csv_text(
            PLAN_RECORD,
            (
                [item.tensor, item.input, number, axis, *chain.from_iterable(ranges)]
                for item in found
                for number, axis, ranges in _ranges(item)
            ),
        )
    return csv_text(RECORD, (row for item in found for row in _records(item)))


def _records(item: Tiling) -> Iterator[list[object]]:
    for entry in item.geometry.to_dict()["axes"]:
        values = {**entry, **entry["lengths"]}
        start = [item.tensor, item.input, item.exact]
        yield [*start, *(values[key] for key in ("axis", *NUMBERS, *LENGTHS))]


def as_markdown(model: Model, found: Sequence[Tiling]) -> str:
    """Return the report as Markdown."""
    return page(model.file, chain.from_iterable(map(_parts, found)) if found else [NOTHING])


def _parts(item: Tiling) -> Iterator[str]:
    yield f"## {for_markdown(item.tensor)} from input {for_markdown(item.input)}"
    yield markdown_text(exact_text(item)) if item.exact else "Tiles are not exact:"
    if item.blockers:
        yield bullets(blocker_lines(item.blockers))
    before = item.geometry.before_blockers
    if before:
        yield f"Exact as far as {markdown_text(some_names(before))} (`--tensor`)."
    if item.refused:
        yield NO_PLAN
    if item.geometry.axes:
        rows = ((str(a.axis), str(a.period[1]), *axis_words(a)) for a in item.geometry.axes)
        yield table(("axis", "grid", "halo", "lengths", "output"), rows)
    if item.recommended is not None and item.geometry.axes:
        core, tile = times(item.recommended.core), times(item.recommended.tile)
        yield f"Tile: {tile}, which keeps {core}; {cost_text(item.recommended)}."
    if item.proof is not None:
        yield bullets(proof_lines(item.proof, "tile"))
    if item.plan is not None:
        yield table(PLAN, _plan_rows(item))


# -- in words --------------------------------------------------------------------------------------


def axis_words(axis: AxisGeometry) -> tuple[str, str, str]:
    """Return in words the halo, the lengths that are accepted, and how the output lies."""
    return _halo_text(axis), _lengths_text(axis.lengths), _output_text(axis)


def _halo_text(axis: AxisGeometry) -> str:
    """Say what a core needs around it, and what tiles read: on the grid, and at the ends."""
    said = f"{axis.halo[0]} before, {axis.halo[1]} after"
    if axis.halo != axis.grid_halo:
        said += f"; on the grid {axis.grid_halo[0]} before, {axis.grid_halo[1]} after"
    if axis.is_longer_at_ends:
        said += f"; the first tile reads at least {axis.ends[0]}, the last {axis.ends[1]}"
    return said


def _lengths_text(lengths: Lengths) -> str:
    """Say which lengths the network accepts, and which of them lose nothing."""
    if lengths.is_fixed:
        return f"{lengths.least}, fixed in the file"
    said = accepted_text(lengths)
    if lengths.loses_some:
        return f"{said}; {lossless(lengths)} lose nothing to strides"
    return said


def _output_text(axis: AxisGeometry) -> str:
    """Say how the output lies in the input."""
    scale, offset = axis.scale, axis.offset
    if scale == 1:
        said = "as long as the input"
    elif scale > 1:
        said = f"{fraction(scale)} times as long as the input"
    else:
        said = f"1/{fraction(Fraction(1) / scale)} as long as the input"
    if not offset:
        return said
    more = f"and {fraction(offset)} more" if offset > 0 else f"less {fraction(-offset)}"
    return f"{said}, {more}"


def _beside_text(axis: AxisGeometry) -> str:
    """Say which other inputs are cut at the same positions."""
    named = [f"axis {at} of input {safe(name)}" for name, at in axis.inputs[:MOST_INPUTS]]
    more = len(axis.inputs) - len(named)
    rest = f" and {more} more (--format json)" if more else ""
    return f"{', '.join(named)}{rest}: cut at the same positions"
