"""Every operator that has a rule, and how exactly it is modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.cli.options import add_output
from rfgraph.cli.output import emit, style_of

if TYPE_CHECKING:
    import argparse

    from rfgraph.cli.parser import Parser


FORMATS = ("text", "json", "csv", "markdown")


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph ops`."""
    add_output(parser, FORMATS)


def run(options: argparse.Namespace) -> int:
    """Write the table of operators."""
    import rfgraph.ops.registry
    from rfgraph.reports import operators

    rows = operators.operator_rows(rfgraph.ops.registry.all_rules().values())
    if options.format == "json":
        text = operators.as_json(rows)
    elif options.format == "csv":
        text = operators.as_csv(rows)
    elif options.format == "markdown":
        text = operators.as_markdown(rows)
    else:
        text = operators.text(rows, style_of(options))
    emit(options, text)
    return 0
