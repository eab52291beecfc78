"""What is compared of an axis of a field, stored or measured, and what is a loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.scope import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.domains.fields.axis import Axis


Numbers: TypeAlias = Mapping[str, "int | Fraction | None"]

NUMBERS = ("size", "size_min", "stride", "start", "center", "shortest", "longest")
REACH = ("before", "after")
# Of these, less is a loss.
SIZES = ("size", "size_min", "shortest")


@dataclass(frozen=True, slots=True)
class ComparedAxis:
    """One axis of a field: its scope, its numbers, those of its local paths, whether it covers."""

    scope: str
    numbers: Numbers
    local: Numbers | None
    covers: bool | None

    @property
    def shown(self) -> Numbers | None:
        """The numbers of a local axis, or those of the local paths of another."""
        return self.numbers if self.scope in ("local", "none") else self.local


class Change(NamedTuple):
    """What differs along an axis, by its key in the JSON report; `loss`: it got smaller."""

    key: str
    before: object
    after: object
    loss: bool


def compared(axis: Axis) -> ComparedAxis:
    """Return what is compared of an axis."""
    local = None if axis.local is None else _numbers(axis.local)
    return ComparedAxis(axis.scope, _numbers(axis), local, axis.covers_input)


def _numbers(axis: Axis) -> Numbers:
    return {key: getattr(axis, key) for key in (*NUMBERS, *REACH)}


def changes(before: ComparedAxis, after: ComparedAxis) -> Iterator[Change]:
    """Yield what differs between two axes; of what is not known on either side, nothing."""
    if before.scope != after.scope:
        lower = WORDS.index(after.scope) < WORDS.index(before.scope)
        yield Change("scope", before.scope, after.scope, lower or after.scope == "unknown")
    if "unknown" in (before.scope, after.scope):
        return
    if None not in (before.covers, after.covers) and before.covers != after.covers:
        yield Change("covers_input", before.covers, after.covers, bool(before.covers))
    yield from _reach(before, after)
    yield from _sizes(before, after)


def _reach(before: ComparedAxis, after: ComparedAxis) -> Iterator[Change]:
    """Compare the reach, whose sides may be without bound where both axes are one-sided."""
    one_sided = before.scope == after.scope == "one-sided"
    old = before.numbers if one_sided else before.shown or {}
    new = after.numbers if one_sided else after.shown or {}
    for key in REACH:
        was, now = old.get(key), new.get(key)
        if was == now or (None in (was, now) and not one_sided):
            continue
        shorter = one_sided and now is not None and (was is None or now < was)
        yield Change(key, was, now, shorter)


def _sizes(before: ComparedAxis, after: ComparedAxis) -> Iterator[Change]:
    """Compare the local paths, where both have some; an axis that lost all of them only grew."""
    old, new = before.shown, after.shown
    if old is None or new is None:
        return
    for key in NUMBERS:
        was, now = old.get(key), new.get(key)
        if was is None or was == now or (now is None and key not in SIZES):
            continue
        yield Change(key, was, now, key in SIZES and (now is None or now < was))
