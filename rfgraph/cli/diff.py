"""What differs between two models in what is read: outputs, layers, the distribution over paths.

rfgraph diff OLD NEW --fail-on smaller    exit code 1 where some output reads less
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_bindings, add_output, add_override, load_file
from rfgraph.cli.output import refuse_to_overwrite, show

if TYPE_CHECKING:
    from rfgraph.cli.parser import Parser

FORMATS = ("text", "json", "markdown")
FAILS = 1


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph diff`."""
    parser.add_argument("old", metavar="OLD", help="an ONNX file")
    parser.add_argument("new", metavar="NEW", help="another")
    parser.add_argument(
        "--tensor",
        metavar="OLD=NEW",
        action="append",
        type=parse_renaming,
        default=[],
        help="compare these tensors, not the outputs (repeatable); NAME alone: in both",
    )
    parser.add_argument(
        "--fail-on",
        metavar="WORD[,WORD]",
        help="exit code 1 where an output got smaller, global, unaligned, or its lookahead grew",
    )
    add_bindings(parser)
    add_override(parser)
    add_output(parser, FORMATS)


def parse_renaming(text: str) -> tuple[str, str]:
    """Return what a tensor is called in the old and in the new model."""
    old, sign, new = text.partition("=")
    return (old, new) if sign else (text, text)


def run(options: argparse.Namespace) -> int:
    """Write what differs, and fail where it is worse in a way that was asked for."""
    from rfgraph.analysis.diff import diff
    from rfgraph.analysis.differences import kinds_of

    asked = kinds_of(() if options.fail_on is None else options.fail_on.split(","))
    refuse_to_overwrite(options.output, [options.old, options.new])
    old, new = (load_file(file, options) for file in (options.old, options.new))
    differences = diff(old, new, tensors=dict(options.tensor))
    show(options, "diff", differences)
    return FAILS if differences.failing(asked) else 0
