"""A tensor that moves with an input axis: along which of its own, and what its units need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.periodic import PeriodicMap, join_over

if TYPE_CHECKING:
    from rfgraph.domains.tables import Span


class Moved(NamedTuple):
    """A tensor that moves along `axis`: position i is that of `i // inner % length`.

    `needs` has p and q as its period; its intervals are the input positions that must exist: those
    read, and those without which something on the way would be missing, or padding. The last of
    `ends` is the position up to which the input must go for the tensor to have this one.
    """

    axis: int
    inner: int
    length: int
    needs: PeriodicMap
    ends: PeriodicMap


def flatten(value: Moved) -> Moved:
    """Return what moves along the digits of an axis as what moves along the axis itself."""
    if value.inner == 1:
        return value
    needs, ends = (
        PeriodicMap(
            made.p * value.inner, made.q, tuple(s for s in made.spans for _ in range(value.inner))
        )
        for made in (value.needs, value.ends)
    )
    return Moved(value.axis, 1, value.length * value.inner, needs, ends)


def with_itself(value: Moved) -> Moved:
    """Return a tensor whose units need themselves to exist: neither before its first, nor behind.

    Its first position is that of the input's.
    """
    p, q = value.needs.p, value.needs.q
    own = tuple((at * q // p, _last(span)) for at, span in enumerate(value.ends.spans))
    return value._replace(needs=join_over(value.needs, PeriodicMap(p, q, own), p))


def _last(span: Span) -> int:
    assert span is not None
    return span[1]


def on_axes(value: Moved, inner: int, lengths: dict[int, int]) -> Moved | None:
    """Return where the digits of a flat index lie that begin at `inner`, on axes of `lengths`.

    None where no axis has them.
    """
    behind = 1
    for axis, length in reversed(lengths.items()):
        if behind < inner * value.length <= behind * length:
            size = behind // inner
            if not inner % behind:
                return value._replace(axis=axis, inner=inner // behind)
            if size * inner == behind and not value.length % size:
                return in_blocks(value, size)._replace(axis=axis)
        behind *= length
    return None


def in_blocks(value: Moved, size: int) -> Moved:
    """Return a tensor of blocks of `size` positions, each of which reads all of its own."""
    needs, ends = value.needs, value.ends
    p = math.lcm(needs.p, size) // size
    q = needs.q * p * size // needs.p
    read = tuple(needs.hull(range(o * size, (o + 1) * size)) for o in range(p))
    last = tuple(ends.at((o + 1) * size - 1) for o in range(p))
    made = PeriodicMap(p, q, read), PeriodicMap(p, q, last)
    return Moved(value.axis, 1, value.length // size, *made)
