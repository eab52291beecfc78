"""Where a report goes, and whether it may be coloured."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.errors import RfgraphError, UsageError
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from rfgraph.reports.formats.style import Style


WIDTH = 80
BLOCK = 1 << 20
_LEAST, _MOST = 40, 120


def style_of(options: argparse.Namespace) -> Style:
    """Return how to render text: names whole, without colour, unless a terminal reads it."""
    terminal = options.output is None and _is_terminal()
    wanted = options.color == "always" or (
        options.color == "auto"
        and terminal
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    from rfgraph.reports.formats.style import Style

    width = min(max(shutil.get_terminal_size().columns, _LEAST), _MOST) if terminal else WIDTH
    return Style(wanted, width, blocks=_has_blocks(options), whole_names=not terminal)


def _has_blocks(options: argparse.Namespace) -> bool:
    """Whether block characters can be written: to a file always, for it is in UTF-8."""
    if sys.stdout is None or options.output not in (None, "-"):
        return True
    from rfgraph.reports.formats.histogram import BLOCKS

    try:
        BLOCKS.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeError, LookupError):
        return False
    return True


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def show(options: argparse.Namespace, subject: str, *about: object) -> None:
    """Write a report in the format asked for, by the function for it in the subject's module."""
    emit(options, text_of(options, subject, *about))


def text_of(options: argparse.Namespace, subject: str, *about: object) -> str | Iterator[str]:
    """Return a report as text, fitted to who reads it, or as `as_json` and so on return it."""
    module = import_module(f"rfgraph.reports.{subject}")
    style = (style_of(options),) if options.format == "text" else ()
    made: str | Iterator[str] = getattr(module, f"as_{options.format}")(*about, *style)
    return made


def emit(options: argparse.Namespace, text: str | Iterator[str]) -> None:
    """Write a report to the file asked for, or to stdout; in blocks, where it comes in pieces."""
    blocks = iter((text,)) if isinstance(text, str) else _blocks(text)
    # What goes wrong in all but long reports does so before anything is written.
    blocks = chain((next(blocks),), blocks)
    if options.output is None or options.output == "-":
        _print(blocks, getattr(options, "format", "text"))
    else:
        save(options, (block.encode("utf-8", "backslashreplace") for block in blocks))


def _blocks(pieces: Iterator[str]) -> Iterator[str]:
    """Yield pieces of a text, so many together that a block of them is worth a write."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def save(options: argparse.Namespace, blocks: Iterable[bytes]) -> None:
    """Write to the file asked for, which may not be the model."""
    given = [options.model] if hasattr(options, "model") else getattr(options, "models", [])
    refuse_to_overwrite(options.output, given)
    from rfgraph.reports.formats.file import write_file

    write_file(options.output, blocks, "--output ")


def refuse_to_overwrite(output: str | None, models: Iterable[str]) -> None:
    """Raise UsageError where the report would be written over one of the models."""
    for model in models if output not in (None, "-") else ():
        with contextlib.suppress(OSError, ValueError):
            if Path(str(output)).samefile(model):
                raise UsageError(
                    f"--output is the model itself, {shown_path(model)}, which is not overwritten"
                )


def _print(blocks: Iterable[str], form: str) -> None:
    """Write to stdout, bytes where it takes them, so that no system changes the line ends.

    Formats for machines are in UTF-8 everywhere, text is in the encoding of who reads it.
    """
    if sys.stdout is None:
        raise RfgraphError("standard output is closed")
    encoding = (sys.stdout.encoding if form == "text" else None) or "utf-8"
    buffer = getattr(sys.stdout, "buffer", None)
    with _reader_gone():
        if buffer is not None:
            sys.stdout.flush()
        for block in blocks:
            data = _encode(block, encoding)
            if buffer is None:
                sys.stdout.write(data.decode(encoding))
            else:
                buffer.write(data)
        if buffer is not None:
            buffer.flush()


def _encode(text: str, encoding: str) -> bytes:
    """Return a text in an encoding; for the mark of what is left out, one of the same width."""
    try:
        return text.encode(encoding)
    except UnicodeError:
        return text.replace("…", "~").encode(encoding, "backslashreplace")


def flush() -> None:
    """Flush stdout, while an error can still be told."""
    if sys.stdout is not None:
        with _reader_gone():
            sys.stdout.flush()


@contextlib.contextmanager
def _reader_gone() -> Iterator[None]:
    """Let a reader that has read enough (`| head`) go quietly; any other error is told."""
    try:
        yield
    except BrokenPipeError:
        _discard_stdout()
    except OSError as error:
        _discard_stdout()
        raise RfgraphError(f"standard output: {error.strerror}") from None


def _discard_stdout() -> None:
    """Point stdout at nothing, for the interpreter flushes it once more when it ends."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
