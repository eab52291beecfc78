"""Moments of a set of paths: their number, smallest and largest size, sum and sum of squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Moments(NamedTuple):
    """Number of paths, sum and sum of squares of their bases, and the extremes."""

    total: int
    first: int
    second: int
    least: int
    largest: int

    def shift(self, shift: int) -> Moments:
        """Return the moments with `shift` added to every base."""
        return Moments(
            self.total,
            self.first + shift * self.total,
            self.second + shift * (2 * self.first + shift * self.total),
            self.least + shift,
            self.largest + shift,
        )

    def scale(self, step: int) -> Moments:
        """Return the moments with every base multiplied by a positive `step`."""
        total, first, second, least, largest = self
        return Moments(total, first * step, second * step * step, least * step, largest * step)

    def plus(self, other: Moments) -> Moments:
        """Return the moments of both sets of paths."""
        return Moments(
            self.total + other.total,
            self.first + other.first,
            self.second + other.second,
            min(self.least, other.least),
            max(self.largest, other.largest),
        )


ONE_PATH = Moments(1, 0, 0, 0, 0)


class Survey(NamedTuple):
    """The moments of one column at the end states, and what bounds a histogram of it.

    `step` divides all bases, which lie in [low, high] at every state, and `moves` are the shifts of
    the arcs in steps; no state has more than `most` paths.
    """

    column: int
    ends: Mapping[int, Moments]
    step: int
    moves: tuple[int, ...]
    low: int
    high: int
    most: int
