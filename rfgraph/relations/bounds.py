"""What tables may hold, one by one and all that one question makes together."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TABLE = 1 << 22
# Entries of all the tables that one question may make, of which those of SMALL_TABLE count nothing.
MAX_TABLED = 1 << 26
SMALL_TABLE = 1 << 12

_spent: ContextVar[list[int] | None] = ContextVar("spent", default=None)


@contextmanager
def allowance() -> Iterator[None]:
    """Bound what is tabulated inside to MAX_TABLED entries; one inside another is part of it."""
    if _spent.get() is not None:
        yield
        return
    token = _spent.set([0])
    try:
        yield
    finally:
        _spent.reset(token)


def bounded(size: int) -> None:
    """Raise BoundError if a table of `size` entries, or all of them together, were too large."""
    if size > MAX_TABLE:
        raise BoundError(f"a table has {size} entries, more than MAX_TABLE ({MAX_TABLE})")
    spent = _spent.get()
    if spent is not None and size > SMALL_TABLE:
        spent[0] += size
        if spent[0] > MAX_TABLED:
            raise BoundError(f"tables have more entries in all than MAX_TABLED ({MAX_TABLED})")
