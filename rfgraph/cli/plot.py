"""Pictures of a model, or of several in one: png, svg or pdf, as the ending of the file says.

rfgraph plot MODEL -o FILE.png                     the distribution over paths as a histogram
rfgraph plot MODEL --what growth -o FILE.svg       how fields grow with depth, what counts beside it
rfgraph plot MODEL --what effective -o FILE.png    the effective field: map, marginals, both boxes
rfgraph plot MODEL --what field -o FILE.png        what a unit reads, drawn over the input
rfgraph plot MODEL --what graph -o FILE.pdf        the condensed graph, or with --block one block
rfgraph plot MODEL --what joint -o FILE.png        sizes on two axes together
rfgraph plot A B --columns 1 -o FILE.pdf           two models, as wide as one column of a journal
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rfgraph.cli.erf import unit
from rfgraph.cli.options import add_model, add_quiet, load_model, refusal
from rfgraph.cli.output import save
from rfgraph.cli.paths import add_target
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.reports.formats.picture import COLOURS, COLUMNS
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from rfgraph.analysis.distributions import Distribution
    from rfgraph.analysis.effective_field import ERF
    from rfgraph.analysis.result import Result
    from rfgraph.cli.parser import Parser
    from rfgraph.reports.formats.picture import Part
    from rfgraph.reports.pictures.growth import Growth

T = TypeVar("T")


FORMATS = ("png", "svg", "pdf")


class Drawn(NamedTuple):
    """A model of the command line, and what a person calls it, None where nobody does."""

    result: Result
    name: str | None


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph plot`."""
    add_model(parser, several=True)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=picture,
        required=True,
        help="where to write it; .png, .svg or .pdf says what",
    )
    parser.add_argument("--what", choices=WHAT, help="default: histogram")
    parser.add_argument(
        "--columns",
        type=int,
        choices=tuple(COLUMNS),
        help="as wide as one column of a journal (3.4 inches) or two (7.1)",
    )
    add_target(parser)
    _add_kinds(parser)
    parser.add_argument("--title", metavar="TEXT", help="a title, in place of a tensor's name")
    parser.add_argument(
        "--label",
        metavar="TEXT",
        action="append",
        default=[],
        help="what to call a model of several, in their order (default: the file's name)",
    )
    parser.add_argument("--erf", action="store_true", help="the same as --what effective")
    parser.add_argument("--layers", action="store_true", help="with --erf: --what growth")
    add_quiet(parser)


def _add_kinds(parser: Parser) -> None:
    """Add what only some kinds of picture take."""
    parser.add_argument(
        "--log",
        choices=("auto", "on", "off"),
        default="auto",
        help="histogram: logarithmic counts; auto: where they span many decades",
    )
    parser.add_argument(
        "--map",
        choices=("random", "uniform", "paths", "stored"),
        default="random",
        help="effective, growth: what counts (default: %(default)s)",
    )
    parser.add_argument(
        "--unit",
        metavar="0,*,3,3",
        type=unit,
        default="center",
        help="effective, field: center (default), or an index as of rfgraph unit",
    )
    parser.add_argument("--block", metavar="NAME", help="graph: only what is folded in this block")


def picture(text: str) -> str:
    """Return the name of a file whose extension says what kind of picture it is."""
    if Path(text).suffix.lower().removeprefix(".") not in FORMATS:
        raise refusal("a file name that ends in .png, .svg or .pdf", text)
    return text


def run(options: argparse.Namespace) -> int:
    """Draw what is asked for and write the picture."""
    from rfgraph.reports.formats.picture import compose, require

    if options.quiet:
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    require()
    what = _what(options)
    named = _files_with_names(options)
    if what == "growth":
        from rfgraph.reports.pictures import growth

        curves = [_of(file, name, options, _curve) for file, name in named]
        parts = [growth.part(curves, options.title)]
    else:
        parts = [part for pair in named for part in _of(*pair, options, DRAWN[what])]
    form = Path(options.output).suffix.lower().removeprefix(".")
    title = None if len(parts) == 1 else options.title
    save(options, [compose(parts, form, title, options.columns)])
    return 0


def _what(options: argparse.Namespace) -> str:
    """Return what to draw; --erf and --layers are older ways to say it."""
    if options.layers and not options.erf:
        raise UsageError("--layers is drawn with --erf only")
    older = ("growth" if options.layers else "effective") if options.erf else None
    if older and options.what not in (None, older):
        raise UsageError(f"--what {options.what} and --erf ask for two pictures")
    return options.what or older or "histogram"


def _files_with_names(options: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Return the files with what to call them: label, title, or of several the file's name."""
    files = options.models
    if len(files) > len(COLOURS):
        raise UsageError(f"a picture requires at most {len(COLOURS)} models, found {len(files)}")
    if options.label and len(options.label) != len(files):
        raise UsageError(
            f"--label is required once for each model, {len(files)} times, found "
            f"{len(options.label)}"
        )
    alone = [options.title] if len(files) == 1 else [Path(file).stem for file in files]
    return list(zip(files, options.label or alone, strict=True))


def _of(
    file: str,
    name: str | None,
    options: argparse.Namespace,
    draw: Callable[[Drawn, argparse.Namespace], T],
) -> T:
    """Return what is drawn of one model; an error names its file."""
    from rfgraph.analysis.result import analyze

    try:
        one = argparse.Namespace(**{**vars(options), "model": file})
        return draw(Drawn(analyze(load_model(one)), name), options)
    except RfgraphError as error:
        start = f"{shown_path(file)}: "
        said = str(error)
        raise type(error)(said if said.startswith(start) else start + said) from error.__cause__


# -- what is drawn of a model ----------------------------------------------------------------------


def _distributions(
    model: Drawn, options: argparse.Namespace, *, joint: bool = False
) -> list[Distribution]:
    from rfgraph.analysis.distributions import all_distributions
    from rfgraph.analysis.histogram import path_histogram
    from rfgraph.analysis.view import view

    count = partial(path_histogram, count=options.count, joint=joint)
    chosen = view(model.result, options.input, options.tensor, reached=False)
    counted = all_distributions(chosen, count)
    if counted and not any(item.histogram is None or item.histogram.total for item in counted):
        raise UsageError("nothing is read: no path leads to the tensors")
    return counted


def _histograms(model: Drawn, options: argparse.Namespace) -> list[Part]:
    from rfgraph.reports.pictures.histogram import parts

    log = {"auto": None, "on": True, "off": False}[options.log]
    return parts(_distributions(model, options), log=log, name=model.name)


def _joints(model: Drawn, options: argparse.Namespace) -> list[Part]:
    from rfgraph.reports.pictures.joint import part

    return [part(item, model.name) for item in _distributions(model, options, joint=True)]


def _curve(model: Drawn, options: argparse.Namespace) -> Growth:
    from rfgraph.analysis.view import view
    from rfgraph.reports.pictures.growth import growth

    chosen = view(model.result, options.input, options.tensor)
    return growth(chosen, model.name or "", options.map)


def _field(model: Drawn, options: argparse.Namespace) -> ERF:
    from rfgraph.analysis.erf import erf

    if len(options.tensor or ()) > 1:
        raise UsageError(f"a map is of one tensor, found {len(options.tensor)}")
    tensor = options.tensor[0] if options.tensor else None
    return erf(model.result, tensor, options.unit, options.input, options.map)


def _effective(model: Drawn, options: argparse.Namespace) -> list[Part]:
    from rfgraph.reports.pictures.effective import part

    return [part(_field(model, options), model.name)]


def _fields(model: Drawn, options: argparse.Namespace) -> list[Part]:
    from rfgraph.analysis.unit import unit as read_by
    from rfgraph.relations.graph import input_shape
    from rfgraph.reports.pictures.field import part

    field = _field(model, options)
    (region,) = read_by(model.result, field.tensor, field.index, field.input).regions
    shape = input_shape(model.result.graph, field.input)
    return [part(region, field, shape, model.name or field.tensor)]


def _graphs(model: Drawn, options: argparse.Namespace) -> list[Part]:
    from rfgraph.reports.pictures.blocks import part

    return [part(model.result, options.block, model.name)]


DRAWN: dict[str, Callable[[Drawn, argparse.Namespace], list[Part]]] = {
    "histogram": _histograms,
    "effective": _effective,
    "field": _fields,
    "graph": _graphs,
    "joint": _joints,
}
WHAT = ("growth", *DRAWN)
