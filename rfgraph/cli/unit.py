"""Exactly what some units of a tensor read: rfgraph unit MODEL --tensor T --index 0,*,3,3."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from rfgraph.cli.options import add_model, add_output, refusal, result_of
from rfgraph.cli.output import show

if TYPE_CHECKING:
    from rfgraph.cli.parser import Parser


_ENTRY = re.compile(r"\*|-?\d{1,19}|(-?\d{1,19})?:(-?\d{1,19})?", re.ASCII)


FORMATS = ("text", "json", "csv", "markdown")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph unit`."""
    add_model(parser)
    parser.add_argument(
        "--tensor",
        metavar="NAME",
        help="a tensor, or the node that makes it; default: the only output",
    )
    parser.add_argument(
        "--index",
        metavar="0,*,3,3",
        type=index,
        required=True,
        help="for each axis of the tensor a number (-1: the last unit), a range as 4096:8192, of "
        "which the hull is shown, or * for the whole axis",
    )
    parser.add_argument("--input", metavar="NAME", help="what is read of this input only")
    add_output(parser, FORMATS)


def index(text: str) -> tuple[int | slice | None, ...]:
    """Return the entries of 0,*,4096:8192, None for a whole axis; "" is the index of a scalar."""
    entries = [entry.strip() for entry in text.split(",")] if text.strip() else []
    if not all(_ENTRY.fullmatch(entry) for entry in entries):
        raise refusal("integers, ranges as 4:8 or * as in 0,*,3,3", text)
    return tuple(map(_entry, entries))


def _entry(text: str) -> int | slice | None:
    if ":" not in text:
        return None if text == "*" else int(text)
    return slice(*(int(end) if end else None for end in text.split(":")))


def run(options: argparse.Namespace) -> int:
    """Write the regions of the units."""
    from rfgraph.analysis.names import pick_tensor
    from rfgraph.analysis.unit import unit

    result = result_of(options)
    tensor = pick_tensor(result.model, options.tensor)
    show(options, "unit", result.model, unit(result, tensor, options.index, options.input))
    return 0
