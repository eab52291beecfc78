"""Receptive fields of an ONNX model, from the file alone.

rfgraph MODEL             what the outputs read of the inputs
rfgraph MODEL --layers    the same layer by layer, as a table
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_names, add_output, load_model
from rfgraph.cli.output import emit, style_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

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
    from rfgraph.analysis.result import analyze
    from rfgraph.analysis.view import view

    result = analyze(load_model(options))
    chosen = view(result, options.input, options.tensor)
    render = _layers if options.layers else _summary
    emit(options, render(chosen, options))
    return 0


def _summary(chosen: View, options: argparse.Namespace) -> str | Iterator[str]:
    form = options.format
    if form == "json":
        from rfgraph.reports.model import json as document

        return document.pieces(chosen)
    if form == "csv":
        from rfgraph.reports.model import csv as records

        return records.field_records(chosen)
    if form == "markdown":
        from rfgraph.reports.model import markdown

        return markdown.summary(chosen)
    from rfgraph.reports.model import text

    return text.summary(chosen, style_of(options))


def _layers(chosen: View, options: argparse.Namespace) -> str | Iterator[str]:
    form = options.format
    if form in ("json", "csv"):
        return _layer_fields(chosen, form)
    if form == "markdown":
        from rfgraph.reports.layers import markdown

        return markdown.layer_table(chosen)
    from rfgraph.reports.layers import text as layers_text

    return layers_text.layer_table(chosen, style_of(options))


def _layer_fields(chosen: View, form: str) -> str | Iterator[str]:
    from rfgraph.reports.layers.rows import layers
    from rfgraph.reports.model import csv as records
    from rfgraph.reports.model import json as document

    fields = [layer.field for name in chosen.inputs for layer in layers(chosen, name)]
    if form == "json":
        return document.pieces(chosen, fields)
    return records.field_records(chosen, fields)
