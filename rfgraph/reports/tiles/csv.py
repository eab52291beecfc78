"""The numbers of the axes, or the plan of tiles, as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.reports.formats.csv import cell, csv_text
from rfgraph.wording.names import for_csv

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
            yield [for_csv(item.tensor), for_csv(item.input), str(number), str(axis.axis), *ranges]


def _axes(item: Tiling) -> Iterator[list[str]]:
    for entry in item.geometry.to_dict()["axes"]:
        numbers = [cell(entry[key]) for key in NUMBERS]
        lengths = [cell(entry["lengths"][key]) for key in LENGTHS]
        start = [for_csv(item.tensor), for_csv(item.input), cell(item.exact), str(entry["axis"])]
        yield [*start, *numbers, *lengths]
