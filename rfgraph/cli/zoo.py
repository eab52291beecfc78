"""One table over many models: field, effective field, coverage, halo, look-ahead, findings.

rfgraph zoo models/ -o fleet.html --sort size
"""

from __future__ import annotations

import sys
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from rfgraph.cli.many import files, jobs, with_progress
from rfgraph.cli.options import add_output
from rfgraph.cli.output import refuse_to_overwrite, show
from rfgraph.wording.names import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from rfgraph.cli.parser import Parser
    from rfgraph.reports.zoo.rows import Row

FORMATS = ("text", "json", "csv", "markdown", "html")
SORTS = ("model", "size", "effective", "covers", "halo", "look-ahead", "findings")
UNANSWERED = 2


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph zoo`."""
    add = parser.add_argument
    add("models", metavar="DIR|FILE", nargs="+", help="ONNX files, folders of them, or patterns")
    add("--sort", choices=SORTS, help="order by this column; default: as given")
    add("--reverse", action="store_true", help="the largest first")
    add("--jobs", metavar="N", type=jobs, default=1, help="processes that read models at once (1)")
    add_output(parser, FORMATS)


def run(options: argparse.Namespace) -> int:
    """Write the table; 2 where some model could not be read."""
    from rfgraph.reports.zoo.rows import in_order

    models = files(options.models)
    refuse_to_overwrite(options.output, models)
    rows = list(_rows(models, options))
    for row in rows:
        if row.error is not None and sys.stderr is not None:
            print(one_line(f"rfgraph: {row.error}"), file=sys.stderr)
    subject = "zoo.html" if options.format == "html" else "zoo.rows"
    show(options, subject, in_order(rows, options.sort, reverse=options.reverse))
    return UNANSWERED if any(row.error is not None for row in rows) else 0


def _rows(models: Sequence[str], options: argparse.Namespace) -> Iterator[Row]:
    from rfgraph.reports.zoo.rows import rows_of_many

    many, workers = partial(rows_of_many, models), min(options.jobs, len(models))
    return chain.from_iterable(with_progress(many, workers, len(models), quiet=options.quiet))
