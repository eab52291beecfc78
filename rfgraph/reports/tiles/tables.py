"""The axes, or the plan of tiles, as CSV and as Markdown."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.parts import NOTHING, blocked, cost_text, exact_text, proof_lines
from rfgraph.reports.tiles.words import NO_PLAN, halo_text, lengths_text, output_text, plan_rows
from rfgraph.wording.names import for_csv, for_markdown, some_names
from rfgraph.wording.numbers import times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.tiling import Tiling

RANGES = ("read", "keep", "write", "crop")
PLAN = (
    *("tensor", "input", "tile", "axis"),
    *(f"{key}_{end}" for key in RANGES for end in ("first", "end")),
)
NUMBERS = ("period", "halo", "grid_halo", "scale", "offset")
LENGTHS = ("least", "step", "residues", "lossless")
AXES = ("tensor", "input", "exact", "axis", *NUMBERS, *LENGTHS)


def tiles_records(found: Sequence[Tiling]) -> str:
    """Return the plan, a row for each tile and axis; without an image, a row for each axis."""
    if any(item.plan is not None for item in found):
        return csv_text(PLAN, (row for item in found for row in _plan(item)))
    return csv_text(AXES, (row for item in found for row in _axes(item)))


def _plan(item: Tiling) -> Iterator[list[str]]:
    for number, tile in enumerate(item.plan or ()):
        entry = tile.to_dict()
        for place, axis in enumerate(item.axes):
            ranges = [str(end) for key in RANGES for end in entry[key][place]]
            yield [for_csv(item.tensor), for_csv(item.input), str(number), str(axis), *ranges]


def _axes(item: Tiling) -> Iterator[list[str]]:
    for entry in item.geometry.to_dict()["axes"]:
        numbers = [cell(entry[key]) for key in NUMBERS]
        lengths = [cell(entry["lengths"][key]) for key in LENGTHS]
        start = [for_csv(item.tensor), for_csv(item.input), cell(item.exact), str(entry["axis"])]
        yield [*start, *numbers, *lengths]


def tiles_markdown(file: str, found: Sequence[Tiling]) -> str:
    """Return the report of `rfgraph tiles`."""
    return page(file, chain.from_iterable(map(_parts, found)) if found else [NOTHING])


def _parts(item: Tiling) -> Iterator[str]:
    yield f"## {for_markdown(item.tensor)} from input {for_markdown(item.input)}"
    yield exact_text(item) if item.exact else "Tiles are not exact:"
    if item.blockers:
        yield "\n".join(f"- {for_markdown(line)}" for line in blocked(item.blockers))
    before = item.geometry.before_blockers
    if before:
        yield f"Exact as far as {for_markdown(some_names(before))} (`--tensor`)."
    if item.refused:
        yield NO_PLAN
    rows = [
        (str(a.axis), str(a.period[1]), halo_text(a), lengths_text(a.lengths), output_text(a))
        for a in item.axes.values()
    ]
    if rows:
        yield table(("axis", "grid", "halo", "lengths", "output"), rows)
    if item.recommended is not None and item.axes:
        core, tile = times(item.recommended.core), times(item.recommended.tile)
        yield f"Tile: {tile}, which keeps {core}; {cost_text(item.recommended)}."
    if item.proof is not None:
        yield "\n".join(f"- {for_markdown(line)}" for line in proof_lines(item.proof, "tile"))
    if item.plan is not None:
        yield table(("tile", "axis", "read", "keep", "write", "crop"), plan_rows(item))
