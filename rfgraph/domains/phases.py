"""The intervals of one period: a tuple of them or, where they are many, arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, overload

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.tables import MAX_VALUE, NOTHING, Table
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from rfgraph.relations.reading import Ints, Mask


# So many phases are held in arrays.
LONG = 32

Span: TypeAlias = "tuple[int, int] | None"


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
    turn, phase = np.divmod(np.arange(places.start, places.stop, dtype=np.int64), len(spans))
    lo, hi = period
    there = lo <= hi
    turns = max(abs(places.start), abs(places.stop)) // len(spans) + 1
    if _reach(period) + turns * abs(shift) > MAX_VALUE:
        raise BoundError(f"a tabulated position exceeds MAX_VALUE ({MAX_VALUE})")
    return _moved(Table(lo[phase], hi[phase]), there[phase], turn * shift, turn * shift)


def _reach(table: Table) -> int:
    """Return how far from 0 any interval of a table goes."""
    return max(-int(table.lo.min()), int(table.hi.max()), 0)


def moved(spans: Sequence[Span], lo: int, hi: int) -> Sequence[Span]:
    """Return intervals with `lo` and `hi` added to their ends."""
    if not isinstance(spans, Phases) or _reach(spans.table) + max(abs(lo), abs(hi)) > MAX_VALUE:
        return phases(tuple(_moved_span(span, lo, hi) for span in spans))
    return Phases(_moved(spans.table, spans.table.lo <= spans.table.hi, lo, hi))


def repeats(spans: Sequence[Span], period: int, shift: int) -> bool:
    """Whether each interval is that of one period before, moved on by `shift`."""
    if not isinstance(spans, Phases):
        pairs = zip(spans, spans[period:], strict=False)
        return all(_moved_span(before, shift, shift) == after for before, after in pairs)
    before, after = (
        Table(spans.table.lo[part], spans.table.hi[part])
        for part in (slice(None, -period), slice(period, None))
    )
    made = _moved(before, before.lo <= before.hi, shift, shift)
    return all(map(np.array_equal, made, after))


def _moved_span(span: Span, lo: int, hi: int) -> Span:
    return None if span is None else (span[0] + lo, span[1] + hi)


def _moved(table: Table, there: Mask, lo: Ints | int, hi: Ints | int) -> Table:
    return Table(np.where(there, table.lo + lo, NOTHING), np.where(there, table.hi + hi, -NOTHING))
