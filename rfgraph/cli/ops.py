"""Every operator that has a rule, and how exactly it is modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.cli.options import add_output
from rfgraph.cli.output import show

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
    show(options, "operators", rows)
    return 0
