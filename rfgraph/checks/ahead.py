"""What a pipeline uses of tiles and streams, validated: a halo, and what may be read ahead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from rfgraph.arguments import fraction
from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, quote

_NUMBER = re.compile(r"\d{1,20}(\.\d{0,20})?|\.\d{1,20}|\d{1,18}/[1-9]\d{0,17}", re.ASCII)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ahead:
    """How far may be read ahead along `axis` (None: the only spatial one).

    `causal`: nothing past a unit's own step. `positions` is the most in input positions, None for
    any; `rate` in positions per second.
    """

    causal: bool
    positions: Fraction | None
    rate: Fraction | None = None
    axis: int | None = None


def positions(name: str, value: object, least: int = 0, other: str = "") -> tuple[int, ...]:
    """Return input positions of at least `least` from a number, "N,N" or a sequence.

    `other` is what else may be said, for the message.
    """
    items: Sequence[object] = [value]
    if isinstance(value, str):
        items = [int(part) if _LENGTH.fullmatch(part) else part for part in value.split(",")]
    elif isinstance(value, Sequence):
        items = value
    kept = tuple(item for item in items if type(item) is int and item >= least)
    if not items or len(kept) != len(items):
        raise UsageError(
            f"{name} requires {other}N or N,N... (positions, one number for each spatial axis), "
            f"found {value_text(value)}"
        )
    return kept


def ahead_of(*, causal: bool, most: object, rate: object, axis: int | None) -> Ahead | None:
    """Return what may be read ahead, None if that is not asked.

    `most` is a number of positions, or a text as "40ms", which takes a rate.
    """
    speed = None if rate is None else positive("rate", rate)
    if most is None:
        return Ahead(causal, None, speed, axis) if causal else None
    if isinstance(most, str) and most.endswith("ms"):
        if speed is None:
            raise UsageError(f"max-lookahead of {quote(most)} requires a rate (--rate HZ)")
        return Ahead(causal, _not_negative(most[:-2]) * speed / 1000, speed, axis)
    return Ahead(causal, _not_negative(most), speed, axis)


def _not_negative(value: object) -> Fraction:
    return Fraction(0) if exact(value) == 0 else positive("max-lookahead", value)


def positive(name: str, value: object) -> Fraction:
    """Return a number above 0: an integer, a decimal or a fraction p/q."""
    number = exact(value)
    if number is None or number <= 0:
        raise UsageError(f"{name} requires a number above 0, found {value_text(value)}")
    return number


def exact(value: object) -> Fraction | None:
    """Return a number exactly, None for what is none: 0.9 is nine tenths, in text as in a float."""
    if isinstance(value, str):
        return Fraction(value) if _NUMBER.fullmatch(value) else None
    return None if isinstance(value, bool) else fraction(value)


def value_text(value: object) -> str:
    """Return a value for a message."""
    return quote(value) if isinstance(value, str) else printable(repr(value))
