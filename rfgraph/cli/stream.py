"""Whether a network streams along an axis, and with which look-ahead, delay, context and caches.

rfgraph stream MODEL --rate 16000 --chunk 320    what a stream in chunks of 320 positions needs
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.cli.options import (
    add_model,
    add_names,
    add_output,
    add_verify,
    input_values,
    load_model,
    refuse_silence,
)
from rfgraph.cli.output import emit, style_of
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.analysis.streaming import Streaming
    from rfgraph.cli.parser import Parser

FORMATS = ("text", "json", "csv", "markdown")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph stream`."""
    add_model(parser)
    add_names(parser, "default: every output (repeatable)", "from this input only")
    parser.add_argument(
        "--axis", metavar="A", type=integer, help="the input axis that is time; default: the only"
    )
    parser.add_argument("--rate", metavar="HZ", type=rate, help="positions per second")
    parser.add_argument(
        "--chunk", metavar="C", type=integer, help="positions in a chunk; default: 1, 2, 4, 8 steps"
    )
    add_verify(parser)
    add_output(parser, FORMATS)


def integer(text: str) -> int:
    """Return an integer of at most 12 digits."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise argparse.ArgumentTypeError(f"required an integer, found {quoted(text)}")
    return int(text)


def rate(text: str) -> Fraction:
    """Return a rate in Hz: a decimal number, or a fraction p/q."""
    try:
        found = Fraction(text) if len(text) < 40 and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if found <= 0:
        raise argparse.ArgumentTypeError(f"required a number above 0, found {quoted(text)}")
    return found


def run(options: argparse.Namespace) -> int:
    """Write how the tensors follow time."""
    from rfgraph.analysis.result import analyze
    from rfgraph.analysis.streaming import stream
    from rfgraph.analysis.view import view

    refuse_silence(options)
    result = analyze(load_model(options))
    found = [
        stream(result, tensor, source, axis=options.axis, rate=options.rate, chunk=options.chunk)
        for tensor, source in view(result, options.input, options.tensor).pairs()
    ]
    if options.verify:
        from rfgraph.analysis.verification import prove_stream

        values = input_values(options)
        found = [replace(item, proof=prove_stream(item, options.model, values)) for item in found]
    emit(options, _render(result.model.file, found, options))
    return 0


def _render(file: str, found: Sequence[Streaming], options: argparse.Namespace) -> str:
    if options.format == "text":
        from rfgraph.reports.stream.text import stream_text

        return stream_text(file, found, style_of(options))
    if options.format == "json":
        from rfgraph.reports.formats.json import results

        return results([item.entry() for item in found])
    from rfgraph.reports.stream import tables

    if options.format == "csv":
        return tables.stream_records(found)
    return tables.stream_markdown(file, found)
