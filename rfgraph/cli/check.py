"""The gate for a pipeline: does the receptive field of these models reach what is required?

rfgraph check MODEL...    the smallest receptive field over all paths covers the input (RF001)

exit code 0: every rule holds; 1: a finding at or above --fail-on; 2: it cannot be told
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rfgraph.cli.many import files, jobs, with_progress
from rfgraph.cli.options import add_bindings, add_output, once
from rfgraph.cli.output import refuse_to_overwrite, show
from rfgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rfgraph.checks.run import Report
    from rfgraph.checks.settings import Settings
    from rfgraph.cli.parser import Parser
    from rfgraph.config import Config


# Each names its module in rfgraph.reports.findings.
FORMATS = ("text", "json", "sarif", "junit", "github")
FILES_PER_PROCESS = 20
FAILS, UNANSWERED = 1, 2


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph check`."""
    add = parser.add_argument
    add("models", metavar="MODEL", nargs="+", help="an ONNX file, a folder of them, or a pattern")
    _add_rules(add)
    add_bindings(parser)
    add("--config", metavar="FILE", help="TOML; default: [tool.rfgraph] of pyproject.toml")
    add(
        "--fail-on",
        choices=("note", "warning", "error"),
        help="the least severity that fails (warning); what is below it is reported all the same",
    )
    add("--exit-zero", action="store_true", default=None, help="exit code 0 though a rule fails")
    add("--suggest", action="store_true", help="the smallest changes that would pass, each tried")
    add("--jobs", metavar="N", type=jobs, help="processes that check models at once (1)")
    add_output(parser, FORMATS, configured=True)


def _add_rules(add: Callable[..., argparse.Action]) -> None:
    """Add what the rules ask, and of what."""
    add("--min-rf", metavar="input|N[,N...]", help="what is required, in positions (input)")
    add(
        "--stat",
        metavar="STAT",
        help="min (default), max, union, median, mean or pNN over paths; erfNN: effective size",
    )
    add(
        "--at",
        metavar="PLACE",
        help="output, before-global (where an output is global) or a tensor",
    )
    add("--min-covering", metavar="SHARE", help="at least this share of paths covers, 0 to 1")
    add("--select", metavar="RFnnn,...", help="what to look for (RF001); or all")
    add("--ignore", metavar="RFnnn,...", help="what of it not to look for")
    add("--baseline", metavar="FILE", help="JSON of an earlier rfgraph MODEL: adds RF007")
    add(
        "--tensor",
        metavar="NAME",
        action="append",
        help="compare this tensor (repeatable; with --baseline)",
    )
    add("--halo", metavar="N[,N]", help="the halo in use is enough, and on the grid: adds RF008")
    add("--rdf", metavar="FILE", help="a bioimage.io description has that halo: adds RF008")
    add(
        "--causal",
        action="store_true",
        default=None,
        help="nothing past a unit's own step is read: adds RF009",
    )
    add("--max-lookahead", metavar="N|40ms", help="so many positions (with --rate: ms) at most")
    add("--rate", metavar="HZ", help="positions per second")
    add("--axis", metavar="A", type=int, help="the input axis that is time; default: the only")
    add("--input", metavar="NAME", action="append", help="check this input only (repeatable)")
    add("--count", choices=("routes", "paths"), help="what the statistics count (routes)")


def run(options: argparse.Namespace) -> int:
    """Check the models, write the report and return the exit code."""
    config = _config(options)
    models = files(options.models)
    config.require_matches(models)
    settings = _settings(options, config, models)
    refuse_to_overwrite(options.output, models)
    options.format = options.format or config.run.get("format", "text")
    reports = list(_reports(models, settings, options, config))
    _tell_errors(reports, options.format)
    show(options, f"findings.{options.format}", reports)
    return exit_code(reports, exit_zero=options.exit_zero or config.run.get("exit_zero", False))


def exit_code(reports: Sequence[Report], *, exit_zero: bool) -> int:
    """Return the highest of the models' codes; `exit_zero` lets findings pass, never errors."""
    if any(report.error is not None for report in reports):
        return UNANSWERED
    return FAILS if not exit_zero and any(report.failing for report in reports) else 0


# -- what to check ---------------------------------------------------------------------------------


def _config(options: argparse.Namespace) -> Config:
    from rfgraph.config import empty, find, read

    if options.config is not None:
        return read(Path(options.config))
    path = find(Path.cwd())
    return empty() if path is None else read(path)


def _settings(options: argparse.Namespace, config: Config, models: Sequence[str]) -> list[Settings]:
    """Return the settings of each model: defaults, then the file, then the command line."""
    from rfgraph.checks.settings import make_settings

    for option in ("baseline", "rdf"):
        if getattr(options, option) is not None and len(models) > 1:
            raise UsageError(f"--{option} is of one model, found {len(models)} models")
    given = _options_given(options)
    made: dict[str, Settings] = {}
    each = []
    for model in models:
        key = repr(config.for_model(model))
        if key not in made:
            asked = make_settings(**config.arguments(model, given))
            made[key] = replace(asked, suggest=options.suggest)
        each.append(made[key])
    return each


def _options_given(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line says, by the names of `make_settings`."""
    from rfgraph.config import SETTINGS, parameter

    given = {key: getattr(options, key.replace("-", "_")) for key in SETTINGS}
    for key, what in (("input-shape", "input"), ("input-value", "input"), ("dim", "dimension")):
        given[key] = dict(once(f"--{key}", given[key], what)) or None
    return {parameter(key): value for key, value in given.items() if value is not None}


# -- running ---------------------------------------------------------------------------------------


def _reports(
    models: Sequence[str],
    settings: Sequence[Settings],
    options: argparse.Namespace,
    config: Config,
) -> Iterator[Report]:
    from rfgraph.checks.run import check_many

    # To start a process takes as long as to check so many files.
    wanted = min(options.jobs or config.run.get("jobs", 1), len(models) // FILES_PER_PROCESS)
    many = partial(check_many, models, settings)
    return with_progress(many, wanted, len(models), quiet=options.quiet)


def _tell_errors(reports: Sequence[Report], form: str) -> None:
    from rfgraph.wording.names import one_line

    for report in reports:
        if report.error is not None and sys.stderr is not None:
            line = one_line(f"rfgraph: {report.error}")
            print(line.replace("##[", "##\\x5b") if form == "github" else line, file=sys.stderr)
