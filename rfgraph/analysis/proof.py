"""What parts of an input gave when they were run beside the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.wording.records import Record, entry_of

if TYPE_CHECKING:
    from rfgraph.domains.fields.axis import Json

# What is off by so many units in the last place of the largest value is rounding.
ROUNDING = 256


@dataclass(frozen=True, slots=True)
class Less(Record):
    """The same with one grid step less of `what` on an axis: how far off it is, or why no run."""

    axis: int
    what: str
    difference: float | None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a run of parts gave beside a run of the whole.

    `parts` were run beside an input of `shape`, whose output's finite values are at most `scale`;
    `difference` is the largest, infinite where one alone is no finite number. `within`: parts had
    the length of the whole, and other noise where they read nothing, because the file runs at its
    own lengths only. `why` there was no run.
    """

    parts: int = 0
    shape: tuple[int, ...] = ()
    difference: float | None = None
    scale: float = 0.0
    epsilon: float = 0.0
    random_weights: bool = False
    within: bool = False
    less: tuple[Less, ...] = ()
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether parts gave the whole, up to rounding."""
        return self.difference is not None and self.difference <= self.rounding

    @property
    def rounding(self) -> float:
        """The most that the order of sums may change."""
        return ROUNDING * self.epsilon * self.scale

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            **entry_of(self, "parts", "shape", "difference"),
            "holds": self.holds if self.difference is not None else None,
            **entry_of(self, "scale", "random_weights", "within", "less"),
            "why": self.why or None,
        }
