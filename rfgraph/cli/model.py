"""Receptive fields of an ONNX model, from the file alone.

rfgraph MODEL             what the outputs read of the inputs
rfgraph MODEL --layers    the same layer by layer, as a table
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_names, add_output, view_of
from rfgraph.cli.output import show

if TYPE_CHECKING:
    import argparse

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.cli.parser import Parser


FORMATS = ("text", "json", "csv", "markdown")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph MODEL`."""
    add_model(parser)
    parser.add_argument("--layers", action="store_true", help="a table with a row for each layer")
    add_names(
        parser,
        "this tensor, or what this node makes (repeatable)",
        "what is read of this input only",
    )
    add_output(parser, FORMATS)


def run(options: argparse.Namespace) -> int:
    """Analyse the model and write the report."""
    chosen = view_of(options)
    if options.format in ("json", "csv"):
        show(options, "model.fields", chosen, _layers(chosen) if options.layers else None)
    elif options.layers:
        show(options, "layers.rows", chosen)
    else:
        show(options, f"model.{options.format}", chosen)
    return 0


def _layers(chosen: View) -> list[ReceptiveField]:
    from rfgraph.reports.layers.rows import layers

    return [layer.field for name in chosen.inputs for layer in layers(chosen, name)]
