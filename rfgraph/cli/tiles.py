"""Halo, grid and lengths of tiles, and whether tiles give what the whole gives.

rfgraph tiles MODEL --image 4096,4096 --tile 1024    a plan that covers the output once
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from rfgraph.cli.options import (
    add_model,
    add_names,
    add_output,
    add_verify,
    answers,
    input_values,
    proof_code,
    refusal,
)
from rfgraph.cli.output import emit, show
from rfgraph.errors import UsageError

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.proof import Proof
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
        raise refusal("lengths separated by commas", text)
    return tuple(map(int, text.split(",")))


def memory(text: str) -> int:
    """Return the bytes of 512MiB, 2GB or a plain number."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise refusal("bytes as 2GiB, 500MB", text)
    power = "kmgt".find(match[2].lower()) + 1 if match[2] else 0
    return int(match[1]) * (1 << 10 * power if match[3] else int(1000**power))


def run(options: argparse.Namespace) -> int:
    """Write how the input is cut into tiles."""
    from rfgraph.analysis.tiling import tiles

    if options.library is not None and options.verify:
        raise UsageError("--verify is told in the report, and --for asks for lines instead of it")
    if options.library is not None and options.format != "text":
        raise UsageError(f"--for prints lines to paste, and not {options.format}")
    question = {"tile": options.tile, "image": options.image, "memory": options.memory}
    model, tilings = answers(options, tiles, _proof, **question)
    if options.library is None:
        show(options, "tiles.report", model, tilings)
        return proof_code(tilings)
    from rfgraph.reports.tiles.snippets import snippet

    emit(options, "\n".join(snippet(item, options.library) for item in tilings))
    return 0


def _proof(result: Analysis, item: Tiling, options: argparse.Namespace) -> Proof:
    from rfgraph.analysis.verification import prove_tiles

    return prove_tiles(result, item, options.model, input_values(options))
