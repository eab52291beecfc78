"""How far a long run is: on stderr, where a terminal reads it, and only when it lasts."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor
    from types import TracebackType

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
            from rfgraph.cli.workers import pool

            executor = stack.enter_context(pool(workers))
        progress = stack.enter_context(Progress(total, quiet=quiet))
        for item in many(executor):
            progress.step()
            yield item


class Progress:
    """Counts models on one line of a terminal, which is cleared at the end."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = terminal and not quiet and total > 1 and os.environ.get("TERM") != "dumb"
        self._total, self._done = total, 0
        self._next = time.monotonic() + PATIENCE
        self._dirty = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._dirty:
            self._write("\r\x1b[K")

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + INTERVAL
            self._dirty = True
            self._write(f"\r\x1b[K{self._done} of {self._total} models")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
