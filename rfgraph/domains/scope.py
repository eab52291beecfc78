"""How paths stand to an input axis: one lattice, in which what stands for several paths goes up."""

from __future__ import annotations

from enum import Enum
from typing import Literal, TypeAlias

Word: TypeAlias = Literal["none", "local", "one-sided", "global", "unknown"]


class Scope(Enum):
    """How paths stand to an input axis: none < local < before, after < global < unknown.

    Each value is the set of what holds below it, so that a join is a union. `NONE`: there is no
    path, as nothing is read; `BEFORE` and `AFTER`: all that lies on one side is read.
    """

    NONE = 0b0000
    LOCAL = 0b0001
    BEFORE = 0b0011
    AFTER = 0b0101
    GLOBAL = 0b0111
    UNKNOWN = 0b1111

    # Members are compared by identity: a hash by name costs a call.
    __hash__ = object.__hash__

    def join(self, other: Scope) -> Scope:
        """Return how the paths of both stand to the axis together."""
        return self if self is other else Scope(self.value | other.value)

    @property
    def is_lost(self) -> bool:
        """Whether it does not matter any more which unit it is, or is not known how."""
        return self in (Scope.GLOBAL, Scope.UNKNOWN)

    @property
    def word(self) -> Word:
        """What reports call it."""
        return _WORDS[self]


_WORDS: dict[Scope, Word] = {
    Scope.NONE: "none",
    Scope.LOCAL: "local",
    Scope.BEFORE: "one-sided",
    Scope.AFTER: "one-sided",
    Scope.GLOBAL: "global",
    Scope.UNKNOWN: "unknown",
}
# The words of reports, from the least to the largest.
WORDS = tuple(dict.fromkeys(_WORDS.values()))
