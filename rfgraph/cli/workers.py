"""Processes that check models at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def pool(workers: int) -> Iterator[Executor]:
    """Give a pool of fresh processes; what is left to do is dropped when the run is interrupted."""
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _quiet() -> None:
    """Leave an interrupt, which the terminal sends to every process, to the one that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
