"""The intervals of one period: a tuple of them or, where they are many, arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import MAX_VALUE, Span, Table
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from rfgraph.relations.reading import Ints


# So many phases are held in arrays.
LONG = 32


class Phases(Sequence[Span]):
    """Intervals in arrays, equal to none that are not; `table` has one entry for each."""

    __slots__ = ("_hash", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self._hash: int | None = None

    def __len__(self) -> int:
        return len(self.table.lo)

    @overload
    def __getitem__(self, at: int) -> Span: ...

    @overload
    def __getitem__(self, at: slice) -> Phases: ...

    def __getitem__(self, at: int | slice) -> Span | Phases:
        lo, hi = self.table.lo[at], self.table.hi[at]
        if isinstance(at, slice):
            return Phases(Table(lo, hi))
        return (int(lo), int(hi)) if lo <= hi else None

    def __iter__(self) -> Iterator[Span]:
        pairs = zip(self.table.lo.tolist(), self.table.hi.tolist(), strict=True)
        return ((lo, hi) if lo <= hi else None for lo, hi in pairs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Phases):
            return False
        pairs = zip(self.table, other.table, strict=True)
        return all(np.array_equal(one, another) for one, another in pairs)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.table.lo.tobytes(), self.table.hi.tobytes()))
        return self._hash

    def __reduce__(self) -> tuple[type[Phases], tuple[Table]]:
        return Phases, (self.table,)


def phases(spans: Sequence[Span]) -> Sequence[Span]:
    """Return intervals as they are held: in arrays if they are many, and small enough for them."""
    if len(spans) < LONG:
        return tuple(spans)
    if isinstance(spans, Phases):
        return spans
    try:
        return Phases(tables.from_spans(spans, 1, 0))
    except BoundError:
        return tuple(spans)


def line(spans: Sequence[Span], shift: int, places: range) -> Table:
    """Return what is read at consecutive places if `shift` is added from one period to the next.

    Raises BoundError for positions too large for arrays.
    """
    period = spans.table if isinstance(spans, Phases) else tables.from_spans(spans, 1, 0)
    count, begin, end = len(spans), places.start // len(spans), -(-places.stop // len(spans))
    if _reach(period) + max(abs(begin), abs(end)) * abs(shift) > MAX_VALUE:
        raise BoundError(f"a tabulated position exceeds MAX_VALUE ({MAX_VALUE})")
    turns = np.arange(begin, end, dtype=np.int64)[:, None] * shift
    part = slice(places.start - begin * count, places.stop - begin * count)
    return Table(*(array.reshape(-1)[part] for array in _move_table(period, turns, turns)))


def _reach(table: Table) -> int:
    """Return how far from 0 any interval of a table goes."""
    return max(-int(table.lo.min()), int(table.hi.max()), 0)


def move_ends(spans: Sequence[Span], lo: int, hi: int) -> Sequence[Span]:
    """Return intervals with `lo` and `hi` added to their ends."""
    if not isinstance(spans, Phases) or _reach(spans.table) + max(abs(lo), abs(hi)) > MAX_VALUE:
        return phases(tuple(_moved_span(span, lo, hi) for span in spans))
    return Phases(_move_table(spans.table, lo, hi))


def repeats(spans: Sequence[Span], period: int, shift: int) -> bool:
    """Whether each interval is that of one period before, moved on by `shift`."""
    if not isinstance(spans, Phases):
        pairs = zip(spans, spans[period:], strict=False)
        return all(_moved_span(before, shift, shift) == after for before, after in pairs)
    before, after = (
        Table(spans.table.lo[part], spans.table.hi[part])
        for part in (slice(None, -period), slice(period, None))
    )
    return all(map(np.array_equal, _move_table(before, shift, shift), after))


def _moved_span(span: Span, lo: int, hi: int) -> Span:
    return None if span is None else (span[0] + lo, span[1] + hi)


def _move_table(table: Table, lo: Ints | int, hi: Ints | int) -> Table:
    moved = Table(table.lo + lo, table.hi + hi)
    there = table.lo <= table.hi
    return moved if there.all() else tables.keep_where(moved, there)
