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
    emit(options, _render(chosen, options))
    return 0


def _render(chosen: View, options: argparse.Namespace) -> str | Iterator[str]:
    if options.format in ("json", "csv"):
        return _fields(chosen, options)
    if options.layers:
        from rfgraph.reports.layers import tables

        if options.format == "markdown":
            return tables.layers_markdown(chosen)
        return tables.layers_text(chosen, style_of(options))
    if options.format == "markdown":
        from rfgraph.reports.model import markdown

        return markdown.summary(chosen)
    from rfgraph.reports.model import text

    return text.summary(chosen, style_of(options))


def _fields(chosen: View, options: argparse.Namespace) -> str | Iterator[str]:
    fields = None
    if options.layers:
        from rfgraph.reports.layers.rows import layers

        fields = [layer.field for name in chosen.inputs for layer in layers(chosen, name)]
    if options.format == "csv":
        from rfgraph.reports.model.csv import field_records

        return field_records(chosen, fields)
    from rfgraph.analysis.document import parts
    from rfgraph.reports.formats.json import chunks

    return chunks(parts(chosen, fields))
