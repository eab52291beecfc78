"""The distribution over paths as a picture: rfgraph plot MODEL -o FILE.png (or .svg, .pdf).

rfgraph plot MODEL --erf -o FILE.png             the effective field: map, marginals, both boxes
rfgraph plot MODEL --erf --layers -o FILE.png    how both fields grow from layer to layer
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, load_model
from rfgraph.cli.output import save
from rfgraph.cli.paths import add_target, target
from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from rfgraph.analysis.result import Result
    from rfgraph.cli.parser import Parser


FORMATS = ("png", "svg", "pdf")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph plot`."""
    add_model(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=picture,
        required=True,
        help="where to write it; .png, .svg or .pdf says what",
    )
    add_target(parser)
    parser.add_argument(
        "--log",
        choices=("auto", "on", "off"),
        default="auto",
        help="logarithmic counts; auto: where they span many decades",
    )
    parser.add_argument("--erf", action="store_true", help="the effective field instead")
    parser.add_argument(
        "--layers", action="store_true", help="with --erf: how it grows from layer to layer"
    )
    parser.add_argument(
        "--map",
        choices=("random", "uniform", "paths"),
        default="random",
        help="with --erf: what counts (default: %(default)s)",
    )
    parser.add_argument("--title", metavar="TEXT", help="a title above the picture")
    parser.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")


def picture(text: str) -> str:
    """Return the name of a file whose extension says what kind of picture it is."""
    if Path(text).suffix.lower().removeprefix(".") not in FORMATS:
        raise argparse.ArgumentTypeError(
            f"required a file name that ends in .png, .svg or .pdf, found {quoted(text)}"
        )
    return text


def run(options: argparse.Namespace) -> int:
    """Draw the distributions, or the effective field, and write the picture."""
    from rfgraph.analysis.distributions import all_distributions
    from rfgraph.analysis.histogram import path_histogram
    from rfgraph.analysis.result import analyze
    from rfgraph.report.formats.picture import require
    from rfgraph.report.paths.plot import draw

    if options.quiet:
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    require()
    result = analyze(load_model(options))
    form = Path(options.output).suffix.lower().removeprefix(".")
    if options.erf:
        save(options, _effective(result, options, form))
        return 0
    if options.layers:
        raise UsageError("--layers is drawn with --erf only")
    entries = all_distributions(
        target(result, options), partial(path_histogram, count=options.count)
    )
    log = {"auto": None, "on": True, "off": False}[options.log]
    save(options, draw(entries, form, log=log, title=options.title))
    return 0


def _effective(result: Result, options: argparse.Namespace, form: str) -> bytes:
    """Return a picture of the map of one tensor, or of the growth over layers."""
    if options.layers:
        from rfgraph.analysis.view import view
        from rfgraph.report.layers import growth
        from rfgraph.report.layers.effective import rows

        chosen = view(result, options.input, options.tensor)
        return growth.draw(rows(chosen, options.map, 0.95), form, options.title)
    from rfgraph.analysis.erf import erf
    from rfgraph.report.erf.plot import draw

    if len(options.tensor or ()) > 1:
        raise UsageError(f"a map is of one tensor, found {len(options.tensor)}")
    tensor = options.tensor[0] if options.tensor else None
    return draw(erf(result, tensor, input=options.input, map=options.map), form, options.title)
