"""How far a long run is: on stderr, where a terminal reads it, and only when it lasts."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor

T = TypeVar("T")

PATIENCE = 0.5
INTERVAL = 0.1


def told(
    many: Callable[[Executor | None], Iterable[T]], workers: int, total: int, *, quiet: bool
) -> Iterator[T]:
    """Yield what `many` does of each of `total` models, by so many processes, or by this one."""
    with contextlib.ExitStack() as stack:
        executor = None
        if workers > 1:
            executor = stack.enter_context(pool(workers))
        shown = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        counted = shown and not quiet and total > 1
        yield from _counted(many(executor), total) if counted else many(executor)


def _counted(items: Iterable[T], total: int) -> Iterator[T]:
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
