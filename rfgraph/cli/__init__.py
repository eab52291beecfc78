"""The command line: parse, run, and turn whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

from rfgraph.cli.output import flush
from rfgraph.cli.parser import parse
from rfgraph.errors import RfgraphError, message_of
from rfgraph.wording.names import one_line, shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence


FAILED = 2
INTERRUPTED = 130
YOUNG_OBJECTS = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return its exit code: 0, 1 or 2."""
    # Counts and sizes have as many digits as they have; the bounds on output are rfgraph's own.
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return _main(argv)
    finally:
        sys.set_int_max_str_digits(digits)


def _main(argv: Sequence[str] | None) -> int:
    if argv is not None:
        return _run(argv)
    # Nearly all that a run makes lives until its end: collecting on the way, and at the end, is a
    # tenth of its time.
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        return _run(sys.argv[1:])
    finally:
        gc.disable()


def _run(argv: Sequence[str]) -> int:
    subject = ""
    try:
        command, options = parse(list(argv))
        subject = getattr(options, "model", "")
        code = command(options)
        flush()
    except SystemExit as end:
        return _exit_code(end)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("RFGRAPH_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        return _fail(_message(error), subject)
    return code


def _exit_code(end: SystemExit) -> int:
    """Return the exit code of --help and --version, which argparse prints itself."""
    try:
        flush()
    except RfgraphError as error:
        return _fail(str(error), "")
    return end.code if isinstance(end.code, int) else 0


def _message(error: Exception) -> str:
    said = message_of(error)
    if not isinstance(error, OSError):
        return said
    return f"{shown_path(str(error.filename)) if error.filename else 'input or output'}: {said}"


def _fail(message: str, subject: str) -> int:
    """Print the one line about `subject`, a file, on stderr, which may itself be closed."""
    if subject:
        prefix = f"{shown_path(subject)}: "
        message = message if message.startswith(prefix) else prefix + message
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(one_line(f"rfgraph: {message}"), file=sys.stderr, flush=True)
    return FAILED
