"""Whether a network streams along an axis, and with which look-ahead, delay, context and caches.

rfgraph stream MODEL --rate 16000 --chunk 320    what a stream in chunks of 320 positions needs
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.cli.options import (
    add_model,
    add_names,
    add_output,
    add_verify,
    answers,
    input_values,
    proof_code,
    refusal,
)
from rfgraph.cli.output import show

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.proof import Proof
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
        raise refusal("an integer", text)
    return int(text)


def rate(text: str) -> Fraction:
    """Return a rate in Hz: a decimal number, or a fraction p/q."""
    try:
        hertz = Fraction(text) if len(text) < 40 and "e" not in text.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        hertz = Fraction(0)
    if hertz <= 0:
        raise refusal("a number above 0", text)
    return hertz


def run(options: argparse.Namespace) -> int:
    """Write how the tensors follow time."""
    from rfgraph.analysis.streaming import stream

    question = {"axis": options.axis, "rate": options.rate, "chunk": options.chunk}
    model, streams = answers(options, stream, _proof, **question)
    show(options, "stream", model, streams)
    return proof_code(streams)


def _proof(result: Analysis, item: Streaming, options: argparse.Namespace) -> Proof:
    from rfgraph.analysis.verification import prove_stream

    return prove_stream(item, options.model, input_values(options))
