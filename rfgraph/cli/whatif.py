"""The same model with other attributes: what would it read? Nothing is written without -o.

rfgraph whatif MODEL --set conv5.dilations=2,2 --set pool3.strides=1,1
rfgraph whatif MODEL --set conv5.repeat=2    the layer twice in a row

A node is named as in the file, one without a name by its first output. Pads keep up with the extent
of a window, in proportion to those there, unless they are set.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rfgraph.cli.options import add_model, add_names, add_output, load_model, refusal
from rfgraph.cli.output import emit, save, text_of
from rfgraph.errors import UsageError
from rfgraph.wording.names import one_line, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.cli.parser import Parser
    from rfgraph.relations.beside import Setting


FORMATS = ("text", "json", "csv", "markdown")
_SETTING = re.compile(r"(?P<node>.+)\.(?P<attribute>\w+)=(?P<value>.*)", re.DOTALL)
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,18}\.\d{0,18}|-?\.?\d{1,18}e-?\d{1,3}", re.ASCII)


def add_arguments(parser: Parser) -> None:
    """Add the options of `rfgraph whatif`."""
    add_model(parser)
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NODE.ATTRIBUTE=V[,V]",
        action="append",
        type=setting,
        required=True,
        help="an attribute of a node, or a constant that it takes, of another value (repeatable)",
    )
    add_names(
        parser,
        "this tensor, or what this node makes (repeatable)",
        "what is read of this input only",
    )
    add_output(
        parser,
        FORMATS,
        files=("onnx",),
        written="write the changed model to FILE.onnx; weights stay",
    )


def setting(text: str) -> tuple[tuple[str, str], Setting]:
    """Return node and attribute, and the value, of NODE.ATTRIBUTE=V[,V]."""
    parts = _SETTING.fullmatch(text)
    if parts is None or not parts["value"]:
        raise refusal("NODE.ATTRIBUTE=V[,V]", text)
    values: Any = tuple(map(_value, parts["value"].split(",")))
    return (parts["node"], parts["attribute"]), values[0] if len(values) == 1 else values


def _value(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def run(options: argparse.Namespace) -> int:
    """Analyse the changed model, write the report, and the model where it is asked for."""
    from rfgraph.analysis.what_if import encode, what_if

    path = _path(options.output)
    given = load_model(options)
    model = what_if(given, _each_once(options.settings))
    about = argparse.Namespace(
        **{**vars(options), "output": None, "format": options.format or FORMATS[0]}
    )
    said = text_of(about, "whatif", given, model, options.tensor, options.input)
    if path is not None:
        save(options, [encode(model, path)])
    emit(about, said)
    if model.revision is not None and sys.stderr is not None and not options.quiet:
        for warning in model.revision.warnings:
            print(one_line(f"rfgraph: warning: {warning}"), file=sys.stderr)
    return 0


def _path(name: str | None) -> Path | None:
    if name is None:
        return None
    if Path(name).suffix.lower() != ".onnx":
        raise UsageError(f"-o writes the changed model: required FILE.onnx, found {quote(name)}")
    return Path(name)


def _each_once(
    settings: Sequence[tuple[tuple[str, str], Setting]],
) -> dict[tuple[str, str], Setting]:
    changes = dict(settings)
    if len(changes) < len(settings):
        keys = [key for key, _ in settings]
        node, attribute = next(key for key in keys if keys.count(key) > 1)
        raise UsageError(f"--set is given twice for {quote(f'{node}.{attribute}')}")
    return changes
