"""The effective receptive field: text with a heat map, JSON, CSV and Markdown."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.analysis.effective_field import NOTABLE, six_digits
from rfgraph.domains.effective.statistics import as_floats, coarse, rows_and_columns
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.reports.formats.csv import csv_text
from rfgraph.reports.formats.effective import (
    KINDS,
    endless_sizes,
    nothing_text,
    ratio_text,
    sizes_text,
)
from rfgraph.reports.formats.histogram import ASCII_DENSITY
from rfgraph.reports.formats.json import results
from rfgraph.reports.formats.markdown import page, table
from rfgraph.reports.formats.style import blocks
from rfgraph.wording.names import for_markdown, markdown_text, safe, shorten, some_names
from rfgraph.wording.numbers import shape_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.effective_field import ERF, EffectiveAxis
    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.graph import Model
    from rfgraph.reports.formats.style import Style

ROWS, COLUMNS = 14, 28
SHADES = " ░▒▓█"
LABEL = 24
KEYS = ("axis", "theoretical", "share", "size", "interval", "sigma", "mean")
ENDLESS = ("size", "sigma", "ratio")
RECORD = ("tensor", "index", "input", "map", *KEYS, *(f"unclipped_{key}" for key in ENDLESS))
HEADER = ("axis", "theoretical", "effective", "sigma", "without borders", "ratio")


def as_text(model: Model, fields: Sequence[ERF], file: str | None, style: Style) -> str:
    """Return the report of `rfgraph erf`, of which the JSON alone names the `file` of a map."""
    notes = dict.fromkeys(note for field in fields for note in caveats(field))
    return blocks(
        [style.bold(safe(model.file))],
        *(_lines(model, field, style) for field in fields),
        [line for note in notes for line in style.wrap(note, "  ")],
    )


def _lines(model: Model, found: ERF, style: Style) -> Iterator[str]:
    name = shorten(found.tensor, style.width)
    at = unit_text(found.index, shape_of(model.graph, found.tensor) or ())
    given = shape_text(input_shape(model.graph, found.input))
    source = f"input {shorten(found.input, 40)} {given}"
    yield from style.wrap(f"{name}, {at}, of {source}: {KINDS[found.kind]}", "", "  ")
    if found.empty:
        yield f"  {nothing_text(found)}"
        return
    for label, value in _rows(found):
        # Numbers stay with what they are numbers of.
        together = re.sub(r"(?<=\d) (?=%)|(?<=:) (?=\d)", "\0", value)
        for line in style.label(label, together, 2, LABEL):
            yield line.replace("\0", " ")
    yield ""
    yield from _heat_map(found, style)


def _rows(found: ERF) -> Iterator[tuple[str, str]]:
    axes = list(found.axes.values())
    yield "theoretical field", " x ".join(str(axis.theoretical or axis.scope) for axis in axes)
    inside = f"{sizes_text([axis.size for axis in axes])} inside the input"
    spread = sizes_text([axis.sigma for axis in axes])
    endless = [axis.unclipped for axis in axes]
    if any(endless):
        sigmas = sizes_text([None if one is None else one.sigma for one in endless])
        inside += f"; {endless_sizes(axes)} without borders, {ratio_text(axes)} of the theoretical"
        spread += f"; {sigmas} without borders"
    yield f"effective field {found.axes_share * 100:g} %", inside
    yield "spread (sigma)", spread
    yield "half of it", sides_text(found)
    if found.global_share > NOTABLE and not found.local:
        yield "over global paths", f"{found.global_share * 100:.0f} % of it; --local leaves it out"


def _heat_map(found: ERF, style: Style) -> Iterator[str]:
    """Yield the lines of a heat map over the last two spatial axes, in proportion to the most."""
    picture = rows_and_columns(as_floats(found.map))
    shape = (1 if len(picture) == 1 else ROWS, 2 * COLUMNS if len(picture) == 1 else COLUMNS)
    shrunk = coarse(picture, shape)
    for row in shrunk / shrunk.max():
        yield "  " + (_colour(row) if style.color else _shade(row, style))


def _shade(row: Floats, style: Style) -> str:
    shades = SHADES if style.blocks else ASCII_DENSITY
    levels = np.ceil(row * (len(shades) - 1)).astype(int)
    return "".join(shades[level] * 2 for level in levels).rstrip()


def _colour(row: Floats) -> str:
    """Return a line of 24 shades of grey."""
    greys = 232 + np.ceil(row * 23).astype(int)
    return "".join(f"\x1b[48;5;{grey}m  " for grey in greys) + "\x1b[0m"


def as_json(model: Model, fields: Sequence[ERF], file: str | None) -> str:
    """Return the report as JSON, with the file that a map is written to."""
    return results([{**field.entry(), "map_file": file} for field in fields])


def as_csv(model: Model, fields: Sequence[ERF], file: str | None) -> str:
    """Return a row for each field and axis, with the keys of the JSON."""
    return csv_text(RECORD, (row for field in fields for row in _records(field)))


def _records(found: ERF) -> Iterator[list[object]]:
    start = [found.tensor, index_text(found.index), found.input, found.kind]
    for entry in (axis.to_dict() for axis in found.axes.values()):
        endless = entry["unclipped"] or {}
        yield [*start, *(entry[key] for key in KEYS), *(endless.get(key) for key in ENDLESS)]


def as_markdown(model: Model, fields: Sequence[ERF], file: str | None) -> str:
    """Return a table for each field."""
    return page(model.file, (part for field in fields for part in _parts(field)))


def _parts(found: ERF) -> Iterator[str]:
    index = index_text(found.index).replace("*", "\\*")
    yield f"## {for_markdown(found.tensor)} {index} of {for_markdown(found.input)}"
    yield table(HEADER, map(_cells, found.axes.values()))
    said = nothing_text(found) if found.empty else f"half of it lies {sides_text(found)}"
    yield f"{said[0].upper()}{said[1:]}."
    yield from map(markdown_text, caveats(found))


def _cells(axis: EffectiveAxis) -> Iterator[str]:
    entry = axis.to_dict()
    endless = entry["unclipped"] or {}
    for value in (
        *(entry["axis"], entry["theoretical"], entry["size"], entry["sigma"]),
        *(endless.get("size"), endless.get("ratio")),
    ):
        yield "-" if value is None else str(value)


# -- the map itself as a file ----------------------------------------------------------------------


def map_npy(found: ERF) -> bytes:
    """Return the map as float64 in NumPy's format, never pickled."""
    out = io.BytesIO()
    np.save(out, as_floats(found.map), allow_pickle=False)
    return out.getvalue()


def map_csv(found: ERF) -> bytes:
    """Return a row for each position: its index on each spatial axis, and its value."""
    header = [*(f"axis {axis}" for axis in found.axes), "value"]
    exact = found.map.dtype == object
    rows = (
        [*index, value if exact else six_digits(float(value))]
        for index, value in np.ndenumerate(found.map)
    )
    return csv_text(header, rows).encode()


# -- in words --------------------------------------------------------------------------------------


def index_text(index: Sequence[int | None]) -> str:
    """Return an index as `--unit` takes it."""
    return "[" + ", ".join("*" if at is None else str(at) for at in index) + "]"


def unit_text(index: Sequence[int | None], shape: Sequence[int]) -> str:
    """Return which unit is meant, by the axes on which it is one."""
    named = [(at, n) for at, n in zip(index, shape, strict=True) if at is not None]
    if not named:
        return f"all units of {shape_text(shape)}"
    return f"unit {[at for at, _ in named]} of {sizes_text([n for _, n in named])}"


def sides_text(found: ERF) -> str:
    """Return the squares around the middle of the input that hold shares of the map."""
    half = found.area_ratio(0.5)
    if half is None:
        return "-"
    middle = " x ".join(str(min(half.side, length)) for length in found.map.shape)
    others = []
    for share in (0.2, 0.3, 0.99):
        area = found.area_ratio(share)
        others.append(f"{share * 100:g} %: {area.side if area else '-'}")
    return f"within {middle} ({half.ratio:.0%} of the input); ".replace("%", " %") + ", ".join(
        others
    )


def caveats(found: ERF) -> Iterator[str]:
    """Yield sentences on what the numbers are not."""
    if found.kind == "random":
        yield (
            "What training does to it is not known here: trained ResNets, ResNeXts and DenseNets "
            "were within 8 % of sigma on ImageNet, gated and attention networks within 11 %."
        )
    if found.kind == "stored":
        yield (
            "The signs of the weights count as random, and activations let through what they do at "
            "initialisation: beside measured gradients of two trained detectors it lay right, but "
            "was too narrow where shallow paths meet deep ones."
        )
    if found.approximate:
        yield f"Approximate, at {some_names(found.approximate)}: see rfgraph explain erf."
    if found.assumed and found.kind == "stored":
        yield (
            "Taken as at initialisation, for want of numbers in the file or of a rule: "
            f"{some_names(found.assumed)}."
        )
    elif found.assumed:
        yield f"Assumed to share evenly, for want of a rule: {some_names(found.assumed)}."
    if found.unknown:
        yield (
            f"Left out, for what they read is not known: {some_names(found.unknown)}; "
            "the field may be larger."
        )
