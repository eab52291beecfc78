"""Every command that reads a model, in every format, and what must be true of how it ends."""

from __future__ import annotations

import contextlib
import io
import unicodedata
from typing import TYPE_CHECKING

from rfgraph.cli import main
from rfgraph.wording.names import MAX_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
REPORT = ("text", "json", "csv", "markdown")
CHECKED = ("text", "json", "sarif", "junit", "github")
# What one small file may print; its names are clipped to 4096 characters or, in JSON, whole.
MAX_OUTPUT = 4 << 20


def commands(model: str, plot: str) -> Iterator[list[str]]:
    """Yield the command lines that ask everything of one file."""
    for form in REPORT:
        yield [model, "--format", form]
        yield [model, "--layers", "--format", form]
        yield ["paths", model, "--format", form, "--list", "2", "--joint"]
        yield ["erf", model, "--format", form]
        yield ["erf", model, "--layers", "--map", "paths", "--format", form]
    for form in ("text", "json"):
        yield ["unit", model, "--index", "0", "--format", form]
        yield ["tiles", model, "--format", form]
        yield ["stream", model, "--format", form]
    for form in CHECKED:
        yield ["check", model, "--select", "all", "--format", form]
    yield ["check", model, "--min-rf", "99", "--suggest"]
    yield ["zoo", model, "--format", "html"]
    for form in ("text", "markdown"):
        yield ["diff", model, model, "--format", form]
    yield ["whatif", model, "--set", "a node that there is not.pads=1"]
    yield ["plot", model, "-o", plot]
    for what in ("effective", "growth", "field", "graph", "joint"):
        yield ["plot", model, "--what", what, "-o", plot]
    for form in ("netron", "model-explorer", "dot", "graphml", "onnx"):
        yield ["export", model, "--to", form, "-o", plot, "--quiet"]


class _Stream(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command line in this process: its exit code, stdout and stderr."""
    out, err = _Stream(), _Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.text(), err.text()


def problems(arguments: list[str], code: int, out: str, err: str) -> list[str]:
    """Return what is not as promised about how a command ended; nothing if all is."""
    checks = arguments[0] in ("check", "zoo")  # one line for each model, beside the report
    whole = {"json", "sarif"} & set(arguments)  # in which names are not clipped
    wrong = []
    if code not in ((0, 1, 2) if checks else (0, 2)):
        wrong.append(f"exit code {code}")
    if (code == 2) != bool(err) and not checks:
        wrong.append(f"exit code {code} with {err[:300]!r} on stderr")
    if code == 2 and not checks and out:
        wrong.append("an error and a report")
    if len(err.rstrip("\n")) > MAX_LINE or err.count("\n") > 1 or (err and err[-1] != "\n"):
        wrong.append(f"not one line of {MAX_LINE} characters: {err[:2000]!r}")
    if "Traceback" in err or "internal error" in err:
        wrong.append(f"stderr: {err[:300]!r}")
    if len(out) > MAX_OUTPUT and not whole:
        wrong.append(f"{len(out)} characters of output")
    acting = sorted({c for c in set(out + err) if unicodedata.category(c) in ACTING} - set("\n\r"))
    if acting:
        wrong.append(f"characters that act: {acting[:10]}")
    return wrong
