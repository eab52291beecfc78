"""What is compared of an axis of a field, stored or measured, and what is a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.fields.axis import numbers
from rfgraph.domains.scope import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.domains.fields.axis import Axis


NUMBERS = ("size", "size_min", "stride", "start", "center", "shortest", "longest")
REACH = ("before", "after")
# Of these, less is a loss.
SIZES = ("size", "size_min", "shortest")


class Change(NamedTuple):
    """What differs along an axis, by its key in the JSON report; `loss`: it got smaller."""

    key: str
    before: object
    after: object
    loss: bool


def changes(before: Axis, after: Axis) -> Iterator[Change]:
    """Yield what differs between two axes; of what is not known on either side, nothing."""
    if before.scope != after.scope:
        lower = WORDS.index(after.scope) < WORDS.index(before.scope)
        yield Change("scope", before.scope, after.scope, lower or after.scope == "unknown")
    if "unknown" in (before.scope, after.scope):
        return
    was, now = before.covers_input, after.covers_input
    if None not in (was, now) and was != now:
        yield Change("covers_input", was, now, bool(was))
    yield from _reach(before, after)
    yield from _sizes(before, after)


def _reach(before: Axis, after: Axis) -> Iterator[Change]:
    """Compare the reach, whose sides may be without bound where both axes are one-sided."""
    one_sided = before.scope == after.scope == "one-sided"
    old, new = (it if one_sided else numbers(it) for it in (before, after))
    for key in REACH:
        was, now = getattr(old, key, None), getattr(new, key, None)
        if was == now or (None in (was, now) and not one_sided):
            continue
        shorter = one_sided and now is not None and (was is None or now < was)
        yield Change(key, was, now, shorter)


def _sizes(before: Axis, after: Axis) -> Iterator[Change]:
    """Compare the local paths, where both have some; an axis that lost all of them only grew."""
    old, new = numbers(before), numbers(after)
    if old is None or new is None:
        return
    for key in NUMBERS:
        was, now = getattr(old, key), getattr(new, key)
        if was is None or was == now or (now is None and key not in SIZES):
            continue
        yield Change(key, was, now, key in SIZES and (now is None or now < was))
