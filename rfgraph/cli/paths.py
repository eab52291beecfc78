"""The distribution of receptive fields over the paths from an input to a tensor, and the paths."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_names, add_output, refusal, view_of
from rfgraph.cli.output import show
from rfgraph.errors import UsageError

if TYPE_CHECKING:
    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.paths import Path
    from rfgraph.analysis.result import Result
    from rfgraph.analysis.view import View
    from rfgraph.cli.parser import Parser


FORMATS = ("text", "json", "csv", "markdown")
MAX_LIST = 1_000_000


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph paths`."""
    add_model(parser)
    add_target(parser)
    parser.add_argument(
        "--joint", action="store_true", help="the joint distribution over the axes as well"
    )
    parser.add_argument(
        "--full", action="store_true", help="list histograms of any length (bound: 10,000 sizes)"
    )
    parser.add_argument(
        "--list", metavar="N", type=number, help="the first N paths, with their nodes"
    )
    parser.add_argument(
        "--order",
        choices=("largest", "smallest"),
        help="with --list: which paths are the first (default: largest)",
    )
    _add_filters(parser)
    add_output(parser, FORMATS)


def add_target(parser: Parser) -> None:
    """Add between what to count, and how; the plot shares these."""
    add_names(
        parser,
        "paths to this tensor, or to what this node makes (repeatable); default: the outputs, or "
        "what is before a global",
        "paths from this input only",
    )
    parser.add_argument(
        "--count",
        choices=("routes", "paths"),
        default="routes",
        help="routes: paths that differ in pointwise operators only are one (default)",
    )


def _add_filters(parser: Parser) -> None:
    for option, what in (("--through", "pass"), ("--avoiding", "do not pass")):
        parser.add_argument(
            option,
            metavar="NODE",
            action="append",
            default=[],
            help=f"only paths that {what} this node or tensor (repeatable)",
        )


def number(text: str) -> int:
    """Return the N of --list N."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= MAX_LIST):
        raise refusal(f"a number of paths from 0 to {MAX_LIST}", text)
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Count the paths and write the report."""
    if options.order is not None and options.list is None:
        raise UsageError("--order says which paths --list N lists, and it is not given")
    chosen = view_of(options, reached=False)
    show(options, "paths", chosen.result.model, _entries(chosen, options), options.count)
    return 0


def _entries(view: View, options: argparse.Namespace) -> list[Distribution]:
    from rfgraph.analysis.distributions import all_distributions
    from rfgraph.analysis.histogram import path_histogram

    count = partial(
        path_histogram,
        count=options.count,
        joint=options.joint,
        full=options.full,
        through=options.through,
        avoiding=options.avoiding,
    )
    first = None if options.list is None else partial(_first, options)
    return all_distributions(view, count, first)


def _first(options: argparse.Namespace, result: Result, **pair: str) -> tuple[Path, ...]:
    """Return the first N paths in the order asked for."""
    from rfgraph.analysis.paths import paths

    ordered = paths(
        result,
        **pair,
        order=options.order or "largest",
        count=options.count,
        through=options.through,
        avoiding=options.avoiding,
    )
    return tuple(islice(ordered, options.list))
