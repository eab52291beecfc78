"""The receptive fields of a model in the form of other tools.

rfgraph export MODEL --to netron -o fields.json      open MODEL in Netron 9, drop the file onto it
rfgraph export MODEL --to model-explorer -o n.json   model-explorer MODEL --node_data_paths=n.json
rfgraph export MODEL --to graphml -o graph.graphml   the graph with sizes, for Gephi, yEd, networkx
rfgraph export MODEL --to onnx -o annotated.onnx     the model with rfgraph.size, ... at its nodes
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_quiet, load_model
from rfgraph.cli.output import emit
from rfgraph.errors import UsageError
from rfgraph.reports.exports import FORMATS, METRICS
from rfgraph.wording.names import some_quoted

if TYPE_CHECKING:
    import argparse

    from rfgraph.cli.parser import Parser


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph export`."""
    add_model(parser)
    parser.add_argument(
        "--to",
        dest="format",
        choices=FORMATS,
        required=True,
        help="the tool, or the kind of file",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="where to write it; - is stdout"
    )
    parser.add_argument(
        "--metric",
        choices=METRICS,
        help="with --to model-explorer: the number of a node (default: size)",
    )
    parser.add_argument(
        "--condensed",
        action="store_true",
        help="with --to dot or graphml: in at most 150 boxes, repeated blocks folded",
    )
    add_quiet(parser)


def run(options: argparse.Namespace) -> int:
    """Analyse the model and write the file."""
    from rfgraph.reports.exports.write import export, parts_of

    if options.metric is not None and options.format != "model-explorer":
        raise UsageError(f"--metric requires --to model-explorer, found --to {options.format}")
    metric = options.metric or "size"
    model = load_model(options)
    if options.output == "-":
        if options.format == "onnx":
            raise UsageError("the format onnx is no text: it requires a file name, found '-'")
        _, parts = parts_of(model, options.format, metric, condensed=options.condensed)
        emit(options, b"".join(parts).decode())
        return 0
    how = {"metric": metric, "condensed": options.condensed}
    external = export(model, options.output, options.format, **how)
    if external:
        files = some_quoted(external)
        _tell(options, f"weights are not copied from {files}: keep them beside the written file")
    if options.format == "netron" and not options.output.lower().endswith(".json"):
        _tell(options, "Netron takes an attachment whose name ends in .json")
    return 0


def _tell(options: argparse.Namespace, text: str) -> None:
    if not options.quiet and sys.stderr is not None:
        print(f"rfgraph: {text}", file=sys.stderr)
