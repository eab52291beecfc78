"""The options that commands share, and what they say."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rfgraph.analysis.input_values import value_of
from rfgraph.errors import UsageError
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.proof import Proof
    from rfgraph.analysis.result import Result
    from rfgraph.analysis.streaming import Streaming
    from rfgraph.analysis.tiling import Tiling
    from rfgraph.analysis.view import View
    from rfgraph.cli.parser import Parser
    from rfgraph.relations.graph import Model


Answer = TypeVar("Answer", "Streaming", "Tiling")

# The formats that tell of a run.
VERIFIED = ("text", "json", "markdown")
_LENGTHS = re.compile(r"-?\d{1,19}(,-?\d{1,19})*", re.ASCII)


def add_model(parser: Parser, *, several: bool = False) -> None:
    """Add the model, or a list of `several`, and how their inputs are bound."""
    if several:
        parser.add_argument("models", metavar="MODEL", nargs="+", help="ONNX files")
    else:
        parser.add_argument("model", metavar="MODEL", help="an ONNX file")
    add_bindings(parser)
    add_override(parser)


def add_override(parser: Parser) -> None:
    """Add which declared lengths of the inputs are replaced."""
    parser.add_argument(
        "--override-shape",
        metavar="NAME=1,3,640,640",
        action="append",
        type=named_shape,
        default=[],
        help="lengths in place of those that the file declares",
    )


def add_bindings(parser: Parser) -> None:
    """Add how the inputs are bound."""
    parser.add_argument(
        "--input-shape",
        metavar="NAME=1,3,224,224",
        action="append",
        type=named_shape,
        default=[],
        help="lengths that the file leaves open; NAME= may be left out when there is one input",
    )
    parser.add_argument(
        "--dim",
        metavar="NAME=N",
        action="append",
        type=named_length,
        default=[],
        help="the length of a dimension by its name in the file, in every input that has it",
    )
    parser.add_argument(
        "--input-value",
        metavar="NAME=VALUE",
        action="append",
        type=named_value,
        default=[],
        help="make an input a constant: a number, numbers separated by commas, or @FILE.npy",
    )
    parser.add_argument(
        "--masks",
        action="store_true",
        default=None,
        help="stored masks cut: a score whose constant lies 87.34 or more below the highest of its "
        "row (minus infinity, -100) has no weight after the softmax; scores are taken to differ by "
        "less than the rest",
    )


def add_names(parser: Parser, tensor: str, source: str) -> None:
    """Add of which tensors and which input is asked; the texts are what the help says of them."""
    parser.add_argument("--tensor", metavar="NAME", action="append", help=tensor)
    parser.add_argument("--input", metavar="NAME", help=source)


def add_verify(parser: Parser) -> None:
    """Add the run that proves the answer."""
    parser.add_argument(
        "--verify",
        action="store_true",
        help="run the model by onnxruntime, in parts and whole on random input, in a process with "
        "limits of time and memory, and say by how much the parts differ",
    )


def add_quiet(parser: Parser) -> None:
    """Add that nothing is said but errors."""
    parser.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")


def add_output(
    parser: Parser,
    formats: Sequence[str],
    *,
    configured: bool = False,
    files: Sequence[str] = (),
    written: str = "write the report there, not to stdout; its ending (.json) says the format",
) -> None:
    """Add how and where the report is written; a configuration may say the format as well.

    `files` are endings of what else the command writes: they do not say the report's format.
    `written` says what is written to the file of -o.
    """
    parser.formats = formats
    parser.files = files
    parser.default_format = None if configured else formats[0]
    parser.add_argument(
        "--format",
        choices=formats,
        help=f"default: what the ending of the output file says, else {formats[0]}",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help=written)
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="auto: on a terminal, unless NO_COLOR is set",
    )
    add_quiet(parser)


def refusal(required: str, text: str) -> argparse.ArgumentTypeError:
    """Return the error of an option that is given a text in place of what it requires."""
    return argparse.ArgumentTypeError(f"required {required}, found {quote(text)}")


def named_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the name ("" where it is left out) and the lengths of NAME=1,3,224,224."""
    name, _, lengths = text.rpartition("=")
    if not _LENGTHS.fullmatch(lengths):
        raise refusal("NAME=1,3,224,224", text)
    return name, tuple(map(int, lengths.split(",")))


def named_length(text: str) -> tuple[str, int]:
    """Return the name and the length of NAME=N."""
    name, _, length = text.rpartition("=")
    if not name or not _LENGTHS.fullmatch(length) or "," in length:
        raise refusal("NAME=N", text)
    return name, int(length)


def named_value(text: str) -> tuple[str, str]:
    """Return the name and the value of NAME=VALUE; a name may hold "=", a file's as well."""
    name, sign, value = text.partition("=@")
    if sign:
        return name, f"@{value}"
    name, _, value = text.rpartition("=")
    if not name or not value:
        raise refusal("NAME=NUMBER or NAME=@FILE.npy", text)
    return name, value


def load_model(options: argparse.Namespace) -> Model:
    """Load the model of the command line with its inputs bound."""
    return load_file(options.model, options)


def result_of(options: argparse.Namespace) -> Result:
    """Return the analysis of the model of the command line."""
    from rfgraph.analysis.result import analyze

    return analyze(load_model(options))


def view_of(options: argparse.Namespace, *, reached: bool = True) -> View:
    """Return what is asked of that analysis: by --tensor and --input, as of `add_names`."""
    from rfgraph.analysis.view import view

    return view(result_of(options), options.input, options.tensor, reached=reached)


def answers(
    options: argparse.Namespace,
    ask: Callable[..., Answer],
    prove: Callable[[Analysis, Answer, argparse.Namespace], Proof],
    **question: object,
) -> tuple[Model, list[Answer]]:
    """Return the model, and what is answered of each tensor on each input, proved if asked for.

    UsageError where a run would be made of which the report says nothing.
    """
    if options.verify and options.format not in VERIFIED:
        raise UsageError(f"--verify is told as {' or '.join(VERIFIED)}, not as {options.format}")
    chosen = view_of(options)
    result = chosen.result
    answered = [ask(result, *pair, **question) for pair in chosen.pairs()]
    if options.verify:
        answered = [replace(item, proof=prove(result, item, options)) for item in answered]
    return result.model, answered


def proof_code(found: Iterable[Tiling | Streaming]) -> int:
    """Return the exit code: 1 where a run gave something else than what is said."""
    proofs = (item.proof for item in found if item.proof is not None)
    return int(any(proof.difference is not None and not proof.holds for proof in proofs))


def load_file(file: str, options: argparse.Namespace) -> Model:
    """Load a model with its inputs bound as the command line says."""
    from rfgraph.analysis.loading import load

    return load(
        file,
        input_shapes=once("--input-shape", options.input_shape),
        input_values=input_values(options),
        dims=once("--dim", options.dim, "dimension"),
        masks=bool(options.masks),
        override_shapes=once("--override-shape", options.override_shape),
    )


def input_values(options: argparse.Namespace) -> dict[str, Any]:
    """Return the values of inputs that are constants."""
    given = once("--input-value", options.input_value)
    return {name: value_of(name, text) for name, text in given.items()}


def once(option: str, pairs: Sequence[tuple[str, Any]], what: str = "input") -> Mapping[str, Any]:
    """Return what an option that is repeated by name says; UsageError for a name given twice."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            which = f"{what} {quote(name)}" if name else "the only input"
            raise UsageError(f"{option} is given {names.count(name)} times for {which}")
    return dict(pairs)
