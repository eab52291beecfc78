"""Many models: the files meant, the processes that read them, and how far that is.

Progress is told on stderr, where a terminal reads it, and only when it lasts.
"""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rfgraph.cli.options import refusal
from rfgraph.errors import UsageError
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

T = TypeVar("T")

PATIENCE = 0.5
INTERVAL = 0.1


def files(arguments: Sequence[str]) -> list[str]:
    """Return the files meant, each once: folders and patterns expanded, sorted within each.

    UsageError for a folder without a model and a pattern that matches nothing.
    """
    names: dict[str, None] = {}
    for argument in arguments:
        names.update(dict.fromkeys(_files(argument)))
    return list(names)


def _files(argument: str) -> list[str]:
    if os.path.isdir(argument):  # noqa: PTH112 - Path would raise for a null byte, this does not
        inside = sorted(str(path) for path in Path(argument).rglob("*.onnx") if path.is_file())
        if not inside:
            raise UsageError(f"{shown_path(argument)}: a folder without an .onnx file")
        return inside
    if glob.has_magic(argument) and not os.path.lexists(argument):
        matching = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - also from the root
        expanded = [name for match in matching for name in _models_of(match)]
        if not expanded:
            raise UsageError(f"{shown_path(argument)}: no file matches")
        return expanded
    return [argument]


def _models_of(name: str) -> list[str]:
    path = Path(name)
    return sorted(map(str, path.rglob("*.onnx"))) if path.is_dir() else [name]


def jobs(text: str) -> int:
    """Return the number of processes."""
    from rfgraph.config import MAX_JOBS

    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_JOBS:
        raise refusal(f"1 to {MAX_JOBS}", text)
    return int(text)


# -- processes -------------------------------------------------------------------------------------


def with_progress(
    many: Callable[[Executor | None], Iterable[T]], workers: int, total: int, *, quiet: bool
) -> Iterator[T]:
    """Yield what `many` does of each of `total` models, by so many processes, or by this one."""
    with contextlib.ExitStack() as stack:
        executor = None
        if workers > 1:
            executor = stack.enter_context(pool(workers))
        shown = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        counted = shown and not quiet and total > 1
        yield from _count(many(executor), total) if counted else many(executor)


def _count(items: Iterable[T], total: int) -> Iterator[T]:
    """Yield items; one line of the terminal, which is cleared at the end, says how many it were."""
    due, dirty = time.monotonic() + PATIENCE, False
    try:
        for done, item in enumerate(items, 1):
            now = time.monotonic()
            if now >= due:
                due, dirty = now + INTERVAL, True
                _write(f"\r\x1b[K{done} of {total} models")
            yield item
    finally:
        if dirty:
            _write("\r\x1b[K")


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


@contextlib.contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """Give a pool of fresh processes; what is left to do is dropped when the run is interrupted."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """Leave an interrupt, which the terminal sends to every process, to the one that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
