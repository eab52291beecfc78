"""What tables may hold, one by one and all that one question makes together."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TABLE = 1 << 22
# Entries of all the tables that one question may make, of which those of SMALL_TABLE count nothing.
MAX_TABLED = 1 << 26
SMALL_TABLE = 1 << 12
# The same of one effective field, whose tables are let go as it is carried on.
MAX_SPREAD = 1 << 31


@dataclass(slots=True)
class _Allowance:
    """What may be tabulated, by the name of the bound, and how much has been."""

    name: str
    most: int
    spent: int = 0


_current: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def allowance(name: str = "MAX_TABLED") -> Iterator[None]:
    """Bound what is tabulated inside by the bound of a name; one inside another is part of it."""
    if _current.get() is not None:
        yield
        return
    token = _current.set(_Allowance(name, globals()[name]))
    try:
        yield
    finally:
        _current.reset(token)


def bounded(size: int) -> None:
    """Raise BoundError if a table of `size` entries, or all of them together, were too large."""
    if size > MAX_TABLE:
        raise BoundError(f"a table has {size} entries, more than MAX_TABLE ({MAX_TABLE})")
    current = _current.get()
    if current is not None and size > SMALL_TABLE:
        current.spent += size
        if current.spent > current.most:
            raise BoundError(
                f"tables have more entries in all than {current.name} ({current.most})"
            )
