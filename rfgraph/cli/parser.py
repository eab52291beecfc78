"""Which command is meant, and its options."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from rfgraph.errors import UsageError
from rfgraph.version import __version__
from rfgraph.wording.names import nearest, printable, quote

if TYPE_CHECKING:
    from types import ModuleType


Command: TypeAlias = Callable[[argparse.Namespace], int]

# What a word in first place means; any other is a model. Each names its module in this package,
# imported when it is asked for.
COMMANDS = {
    "paths": "the distribution of receptive fields over paths, and the paths",
    "unit": "exactly what some units of a tensor read",
    "tiles": "halo, grid and plan of tiles that give what the whole input gives",
    "stream": "causal or not, look-ahead, delay, context and caches of a stream",
    "plot": "that distribution as a picture: .png, .svg or .pdf",
    "export": "the fields for other tools: Netron, Model Explorer, DOT, GraphML, ONNX metadata",
    "report": "one interactive page, in one file: graph, fields, paths, layers",
    "erf": "the effective receptive field: how much each input position counts",
    "zoo": "one table over many models: fields, coverage, halos, look-ahead, findings",
    "check": "the gate for a pipeline: does the receptive field reach what is required",
    "diff": "what differs between two models in what is read",
    "whatif": "the same model with other attributes",
    "ops": "every operator and how exactly it is modelled",
    "explain": "what an operator's rule says, or what a finding or a word means",
    "completion": "a script by which bash, zsh or fish completes all of this",
}
MODEL = "model"
ENDINGS = {
    ".csv": "csv",
    ".html": "html",
    ".json": "json",
    ".md": "markdown",
    ".sarif": "sarif",
    ".txt": "text",
    ".xml": "junit",
}

# Endings that say nothing.
PLAIN = ("", ".log", ".txt")

_NEGATIVE = re.compile(r"-\d")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, raised, and which takes "-1,2" for a value.

    `formats` are those of a report, by which the ending of its file is read, and `default_format`
    the one without an ending that says another. `files` are endings of what else is written.
    """

    formats: Sequence[str] = ()
    default_format: str | None = None
    files: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the usage."""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse, with the value of an option that starts with a negative number joined to it."""
        joined: list[str] = []
        for word in arguments:
            if joined and _NEGATIVE.match(word) and re.fullmatch(r"--[a-z-]+", joined[-1]):
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        self._require_options(joined)
        options, extra = self.parse_known_args(joined)
        if extra:
            self._refuse(options, extra)
        if self.formats and options.format is None:
            ending = Path(options.output or "").suffix.lower()
            if ending.removeprefix(".") not in self.files:
                options.format = self._format_of(ending)
        return options

    def _format_of(self, ending: str) -> str | None:
        """Return the format that the ending of a file says; UsageError for one that says none."""
        form = ENDINGS.get(ending)
        if form in self.formats:
            return form
        if ending not in PLAIN and self.default_format is not None:
            known = [name for name, form in ENDINGS.items() if form in self.formats]
            known.extend(f".{name}" for name in self.files if f".{name}" not in known)
            self.error(
                f"--output requires a file that ends in {', '.join(known)}, or --format, found "
                f"{quote(ending)}"
            )
        return self.default_format

    def _require_options(self, words: Sequence[str]) -> None:
        """Raise UsageError, with the nearest, for a long option that there is not."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in words:
            name = word.partition("=")[0]
            if name == "--":
                return
            if name.startswith("--") and " " not in name and name not in known:
                near = nearest(name, known)
                hint = f": did you mean {near}?" if near else ""
                self.error(f"no option {quote(name)}{hint}")

    def _refuse(self, options: argparse.Namespace, extra: Sequence[str]) -> NoReturn:
        model = getattr(options, "model", None)
        word = extra[0]
        if model is None or word.startswith("-"):
            self.error(f"unrecognized arguments: {printable(' '.join(extra))}")
        for command in {model, word} & COMMANDS.keys():
            _refuse_command(command)
        self.error(f"one model is asked at a time, found a second, {quote(word)}")


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the function to run and its options; a usage error is a UsageError."""
    name = arguments[0] if arguments and arguments[0] in COMMANDS else MODEL
    parser = parser_of(name)
    if name == MODEL and arguments and arguments[0] not in parser._option_string_actions:
        _refuse_misspelt(arguments[0])
    options = parser.parse(arguments if name == MODEL else arguments[1:])
    if name == MODEL and options.model in COMMANDS and not Path(options.model).exists():
        _refuse_command(options.model)
    command: Command = _module(name).run
    return command, options


def _refuse_command(name: str) -> NoReturn:
    raise UsageError(f"{quote(name)} is a command and comes first: rfgraph {name}")


def _refuse_misspelt(word: str) -> None:
    """Raise UsageError for a first word that is like a command, and no file."""
    if re.fullmatch(r"[A-Za-z-]*", word):
        near = nearest(word.lower(), COMMANDS)
        if near is not None and not Path(word).exists():
            raise UsageError(f"no command or file {quote(word)}: did you mean rfgraph {near}?")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"rfgraph.cli.{name}")


def parser_of(name: str) -> Parser:
    """Return the parser of a command, or of the report of a model."""
    module = _module(name)
    parser = Parser(
        prog="rfgraph" if name == MODEL else f"rfgraph {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    if name == MODEL:
        parser.add_argument("--version", action="version", version=f"rfgraph {__version__}")
        parser.epilog = _overview()
    return parser


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  rfgraph {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(
        [
            "commands (rfgraph COMMAND --help says more):",
            *lines,
            "",
            "a model file of such a name: ./unit",
        ]
    )
