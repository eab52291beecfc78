"""Halo, grid and lengths of tiles, and whether tiles give what the whole gives.

rfgraph tiles MODEL --image 4096,4096 --tile 1024    a plan that covers the output once
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_names, add_output, input_values, load_model
from rfgraph.cli.output import emit, style_of
from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.tiling import Tiling
    from rfgraph.cli.parser import Parser

FORMATS = ("text", "json", "csv", "markdown")
TOLD = ("text", "json", "markdown")
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


def add_verify(parser: Parser) -> None:
    """Add the run that proves the answer."""
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run the model by onnxruntime, in parts and whole on random input, in a process with "
        "limits of time and memory, and say by how much the parts differ",
    )


def refuse_silence(options: argparse.Namespace, formats: Sequence[str]) -> None:
    """Raise UsageError where a run would be made of which the report says nothing."""
    if options.verify and options.format not in formats:
        raise UsageError(f"--verify is told as {' or '.join(formats)}, not as {options.format}")


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


def pairs(result: Analysis, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield the tensors asked for with each input that reaches them."""
    from rfgraph.analysis.view import view

    asked = view(result, options.input, options.tensor)
    for tensor in asked.tensors or result.model.outputs:
        for source in asked.inputs:
            if tensor in result.forms[source].states:
                yield tensor, source


def run(options: argparse.Namespace) -> int:
    """Write how the input is cut into tiles."""
    from rfgraph.analysis.result import analyze
    from rfgraph.analysis.tiling import tiles

    refuse_silence(options, TOLD)
    if options.verify and options.library is not None:
        raise UsageError("--verify is told in the report, and --for asks for lines instead of it")
    if options.library is not None and options.format != "text":
        raise UsageError(f"--for prints lines to paste, and not {options.format}")
    result = analyze(load_model(options))
    found = [
        tiles(result, tensor, source, tile=options.tile, image=options.image, memory=options.memory)
        for tensor, source in pairs(result, options)
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
        from rfgraph.report.tiles.snippets import snippet

        return "\n".join(snippet(item, options.library) for item in found)
    match options.format:
        case "json":
            from rfgraph.report.formats.json import results

            return results([item.entry() for item in found])
        case "csv":
            from rfgraph.report.tiles.csv import tiles_records

            return tiles_records(found)
        case "markdown":
            from rfgraph.report.tiles.markdown import tiles_markdown

            return tiles_markdown(file, found)
    from rfgraph.report.tiles.text import tiles_text

    return tiles_text(file, found, style_of(options))
