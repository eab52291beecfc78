"""One interactive page of a model, in one file: rfgraph report MODEL -o report.html.

Does it see enough, in words; then graph, fields over the input, growth, paths and layers, to click.
It needs no server and no network, and nothing leaves it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_quiet, refusal, result_of
from rfgraph.cli.output import emit

if TYPE_CHECKING:
    from rfgraph.cli.parser import Parser


FORMATS = ("html",)


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph report`."""
    add_model(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=html_file,
        required=True,
        help="where to write it: a file that ends in .html, or - for standard output",
    )
    add_quiet(parser)


def html_file(text: str) -> str:
    """Return the name of a file that is an HTML file by its ending, or "-"."""
    if text != "-" and Path(text).suffix.lower() not in (".html", ".htm"):
        raise refusal("a file name that ends in .html", text)
    return text


def run(options: argparse.Namespace) -> int:
    """Analyse the model and write the page."""
    from rfgraph.reports.html.report import html_report

    options.format = "html"
    emit(options, html_report(result_of(options)))
    return 0
