"""What tables may hold: one by one, all that live at once, and all that one question makes."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


MAX_TABLE = 1 << 22
# The same, where each channel has entries of its own.
MAX_CHANNELED = 1 << 24
# Entries of all the tables of one question that live at once, and of all that it ever makes, of
# which those of SMALL_TABLE count nothing.
MAX_TABLED = 1 << 26
MAX_TABULATED = 1 << 32
SMALL_TABLE = 1 << 12


class _Tables:
    """Counts the entries of tables: while they live, and all that were ever made.

    `bound` is the name of that on the entries of one of them.
    """

    def __init__(self, bound: str) -> None:
        self.alive = self.made = 0
        self.bound = bound
        self._owners: dict[int, weakref.ref[NDArray[Any]]] = {}

    def hold(self, array: NDArray[Any]) -> None:
        """Count the array that owns the entries, once, until it is freed."""
        owner = array.base if isinstance(array.base, np.ndarray) else array
        key, size = id(owner), owner.size
        if size <= SMALL_TABLE or key in self._owners:
            return

        def release(_: object) -> None:
            del self._owners[key]
            self.alive -= size

        self._owners[key] = weakref.ref(owner, release)
        self.alive += size


_tables: ContextVar[_Tables | None] = ContextVar("tables", default=None)


@contextmanager
def allowance(*, channels: bool = False) -> Iterator[None]:
    """Bound what is tabulated inside to MAX_TABLED entries at once; one inside another is part.

    With `channels` one table may have MAX_CHANNELED.
    """
    if _tables.get() is not None:
        yield
        return
    token = _tables.set(_Tables("MAX_CHANNELED" if channels else "MAX_TABLE"))
    try:
        yield
    finally:
        _tables.reset(token)


def count_entries(array: NDArray[Any]) -> None:
    """Count the entries of a table, given by one of its arrays, for as long as it lives."""
    tables = _tables.get()
    if tables is not None:
        tables.hold(array)


def check_size(size: int) -> None:
    """Raise BoundError if a table of `size` entries, or all of them together, were too large."""
    tables = _tables.get()
    bound = "MAX_TABLE" if tables is None else tables.bound
    most = MAX_TABLE if bound == "MAX_TABLE" else MAX_CHANNELED
    if size > most:
        raise BoundError(f"a table has {size} entries, more than {bound} ({most})")
    if tables is None or size <= SMALL_TABLE:
        return
    tables.made += size
    if tables.alive + size > MAX_TABLED:
        raise BoundError(f"tables have more entries at once than MAX_TABLED ({MAX_TABLED})")
    if tables.made > MAX_TABULATED:
        raise BoundError(f"more table entries are made than MAX_TABULATED ({MAX_TABULATED})")
