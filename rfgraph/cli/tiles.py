"""Halo, grid and lengths of tiles, and whether tiles give what the whole gives.

rfgraph tiles MODEL --image 4096,4096 --tile 1024    a plan that covers the output once
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.cli.options import (
    add_model,
    add_names,
    add_output,
    add_verify,
    input_values,
    load_model,
    refuse_silence,
)
from rfgraph.cli.output import emit, style_of
from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.tiling import Tiling
    from rfgraph.cli.parser import Parser

FORMATS = ("text", "json", "csv", "markdown")
LIBRARIES = (
    *("dask", "monai", "bioimageio", "careamics", "tiler", "torchgeo", "spandrel", "gdal"),
)
_MEMORY = re.compile(r"(\d{1,15})(?:([kKMGT])?(i)?B)?", re.ASCII)
_LENGTHS = re.compile(r"\d{1,12}(,\d{1,12})*", re.ASCII)


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph tiles`."""
    add_model(parser)
    add_names(parser, "default: every output (repeatable)", "from this input only")
    parser.add_argument(
        "--tile",
        metavar="N[,N]",
        type=lengths,
        help="the most that a tile may read, in input positions, one number for all spatial axes",
    )
    parser.add_argument(
        "--image", metavar="H[,W]", type=lengths, help="plan the tiles of an input of these lengths"
    )
    parser.add_argument(
        "--memory",
        metavar="2GiB",
        type=memory,
        help="the largest tile whose activations, without workspace, fit",
    )
    parser.add_argument(
        "--for",
        dest="library",
        choices=LIBRARIES,
        help="what to paste into a library instead of the report",
    )
    add_verify(parser)
    add_output(parser, FORMATS)


def lengths(text: str) -> tuple[int, ...]:
    """Return the lengths of 4096,4096."""
    if not _LENGTHS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"required lengths separated by commas, found {quoted(text)}"
        )
    return tuple(map(int, text.split(",")))


def memory(text: str) -> int:
    """Return the bytes of 512MiB, 2GB or a plain number."""
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"required bytes as 2GiB, 500MB, found {quoted(text)}")
    power = "kmgt".find(found[2].lower()) + 1 if found[2] else 0
    return int(found[1]) * (1 << 10 * power if found[3] else int(1000**power))


def run(options: argparse.Namespace) -> int:
    """Write how the input is cut into tiles."""
    from rfgraph.analysis.result import analyze
    from rfgraph.analysis.tiling import tiles
    from rfgraph.analysis.view import view

    refuse_silence(options)
    if options.verify and options.library is not None:
        raise UsageError("--verify is told in the report, and --for asks for lines instead of it")
    if options.library is not None and options.format != "text":
        raise UsageError(f"--for prints lines to paste, and not {options.format}")
    result = analyze(load_model(options))
    found = [
        tiles(result, tensor, source, tile=options.tile, image=options.image, memory=options.memory)
        for tensor, source in view(result, options.input, options.tensor).pairs()
    ]
    if options.verify:
        from rfgraph.analysis.verification import prove_tiles

        values = input_values(options)
        found = [
            replace(item, proof=prove_tiles(result, item, options.model, values)) for item in found
        ]
    emit(options, _render(result.model.file, found, options))
    return 0


def _render(file: str, found: Sequence[Tiling], options: argparse.Namespace) -> str:
    if options.library is not None:
        from rfgraph.reports.tiles.snippets import snippet

        return "\n".join(snippet(item, options.library) for item in found)
    if options.format == "text":
        from rfgraph.reports.tiles.text import tiles_text

        return tiles_text(file, found, style_of(options))
    if options.format == "json":
        from rfgraph.reports.formats.json import results

        return results([item.entry() for item in found])
    from rfgraph.reports.tiles import tables

    if options.format == "csv":
        return tables.tiles_records(found)
    return tables.tiles_markdown(file, found)
