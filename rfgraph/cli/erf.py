"""The effective receptive field: how much each input position counts for a unit, from the graph.

rfgraph erf MODEL                    the unit in the middle of the output, or of what feeds it
rfgraph erf MODEL -o map.png         the map as a picture as well (.svg, .npy, .csv)
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_output, refusal, view_of
from rfgraph.cli.output import save, show
from rfgraph.cli.unit import index
from rfgraph.errors import UsageError
from rfgraph.wording.names import quote, some_quoted

if TYPE_CHECKING:
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.view import View
    from rfgraph.cli.parser import Parser

FORMATS = ("text", "json", "csv", "markdown")
PICTURES = ("png", "svg")
MAPS = (*PICTURES, "npy", "csv")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph erf`."""
    add_model(parser)
    parser.add_argument(
        "--tensor", metavar="NAME", action="append", help="of this tensor (repeatable)"
    )
    _add_question(parser)
    parser.add_argument(
        "--layers", action="store_true", help="how the field grows from layer to layer"
    )
    add_output(parser, FORMATS, files=MAPS)


def _add_question(parser: Parser) -> None:
    """Add which unit, which input, which map."""
    parser.add_argument(
        "--unit",
        metavar="0,*,3,3",
        type=unit,
        default="center",
        help="center (default), or for each axis of the tensor a number or * for all of it",
    )
    parser.add_argument("--input", metavar="NAME", help="on this input only")
    parser.add_argument(
        "--map",
        choices=("random", "uniform", "paths", "stored"),
        default="random",
        help="random (default): the gradient that is expected at initialisation; uniform: even "
        "shares; paths: how many paths lead there; stored: as random, by the file's own weights, "
        "which it reads",
    )
    parser.add_argument(
        "--share",
        metavar="0.95",
        type=share,
        default=0.95,
        help="the part of the map that the effective size holds (default: %(default)s)",
    )
    parser.add_argument(
        "--local", action="store_true", help="only paths that are local on every spatial axis"
    )


def unit(text: str) -> str | tuple[int | slice | None, ...]:
    """Return "center", or an index."""
    return text if text == "center" else index(text)


def share(text: str) -> float:
    """Return a part of one, not zero."""
    try:
        part = float(text)
    except ValueError:
        part = math.nan
    if not 0 < part <= 1:
        raise refusal("a number above 0 and at most 1", text)
    return part


def run(options: argparse.Namespace) -> int:
    """Write the report, and the map where a file is named for it."""
    ending = Path(options.output or "").suffix.lower().removeprefix(".")
    if options.format is None:
        options.format = ending if options.layers and ending in FORMATS else "text"
    if options.layers:
        _write_layers(options)
        return 0
    chosen = view_of(options, reached=False)
    fields, file = _fields(chosen, options), None
    if ending in MAPS and ending != options.format:
        if len(fields) != 1:
            names = ", ".join(quote(field.tensor) for field in fields[:5])
            raise UsageError(
                f"a map is of one tensor, found {len(fields)} ({names}): --tensor NAME"
            )
        save(options, [_map(fields[0], ending)])
        file, options.output = options.output, None
    show(options, "erf", chosen.result.model, fields, file)
    return 0


def _write_layers(options: argparse.Namespace) -> None:
    from rfgraph.reports.layers import effective

    chosen = view_of(options)
    rows = effective.rows(chosen, options.map, options.share)
    if not rows:
        raise UsageError("nothing is read along an axis: there is no layer to list")
    file = chosen.result.model.file
    show(options, "layers.effective", file, rows, options.map, options.share)


def _fields(chosen: View, options: argparse.Namespace) -> list[ERF]:
    """Return the fields asked for: of each tensor on each input that reaches it."""
    from rfgraph.analysis.erf import candidates, erf

    result = chosen.result
    pairs = [
        (tensor, source)
        for source in chosen.inputs
        for tensor in chosen.tensors or candidates(result, source)
        if tensor in result.forms[source]
    ]
    if not pairs:
        named = some_quoted(chosen.tensors or result.model.outputs) or "an output"
        whence = f"input {some_quoted(chosen.inputs)}" if chosen.inputs else "input"
        raise UsageError(f"nothing is read: no {whence} reaches {named}")
    return [
        erf(result, tensor, options.unit, source, options.map, options.share, options.local)
        for tensor, source in pairs
    ]


def _map(found: ERF, form: str) -> bytes:
    if form in PICTURES:
        from rfgraph.reports.pictures.effective import draw

        return draw(found, form)
    from rfgraph.reports.erf import map_csv, map_npy

    return map_npy(found) if form == "npy" else map_csv(found)
