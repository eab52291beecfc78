"""Which layer of one model is which of another: by name, or by what stands in the same order."""

from __future__ import annotations

from collections import defaultdict, deque
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from rfgraph.analysis.layers import Layer


T = TypeVar("T")
Pair: TypeAlias = "tuple[T | None, T | None]"

# Of two sequences, beyond which equal items are paired in order and what lies between is not.
MAX_MATCHED = 2000


def paired_layers(old: Sequence[Layer], new: Sequence[Layer]) -> list[Pair[Layer]]:
    """Return pairs of layers, None for the partner of one that has none.

    Names pair what they can, unless that leaves more that differs than the order alone: numbers in
    names shift where a node is added.
    """
    ways = (_by_name(old, new), _by_sequence(old, new))
    return min(ways, key=_differences)


def _differences(pairs: Sequence[Pair[Layer]]) -> int:
    """Return how much of what pairs hold differs; what has no partner counts as much."""
    return sum(
        one is None or other is None or one.signature != other.signature for one, other in pairs
    )


def _by_name(old: Sequence[Layer], new: Sequence[Layer]) -> list[Pair[Layer]]:
    named = _unique({}, new)
    own = _unique({}, old)
    same = {name: (own[name], named[name]) for name in own if name in named}
    rest = _by_sequence(
        [layer for layer in old if layer.name not in same],
        [layer for layer in new if layer.name not in same],
    )
    return _in_order([*same.values(), *rest], old, new)


def _unique(seen: dict[str, Layer], layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return layers by a name that only one has."""
    count: dict[str, int] = defaultdict(int)
    for layer in layers:
        count[layer.name] += 1
        seen[layer.name] = layer
    return {name: layer for name, layer in seen.items() if name and count[name] == 1}


def _by_sequence(old: Sequence[Layer], new: Sequence[Layer]) -> list[Pair[Layer]]:
    pairs = match(old, new, lambda layer: layer.signature)
    return _in_order(pairs, old, new)


def _in_order(
    pairs: Sequence[Pair[Layer]], old: Sequence[Layer], new: Sequence[Layer]
) -> list[Pair[Layer]]:
    """Return pairs in the order of the new model, what it lacks where it was."""
    place = {id(layer): number for number, layer in enumerate(old)}
    after = {id(layer): number for number, layer in enumerate(new)}
    known = {
        place[id(one)]: after[id(other)]
        for one, other in pairs
        if one is not None and other is not None
    }
    at, last = {}, -1
    for number in range(len(old)):
        last = at[number] = known.get(number, last)

    def key(pair: Pair[Layer]) -> tuple[int, int]:
        one, other = pair
        if other is not None:
            return after[id(other)], -1
        return at[place[id(one)]], place[id(one)]

    return sorted(pairs, key=key)


def match(old: Sequence[T], new: Sequence[T], key: Callable[[T], Hashable]) -> list[Pair[T]]:
    """Return pairs of two sequences, those of equal keys in the order that pairs most of them.

    Of what lies between as many on either side are paired in order, and then equal ones anywhere.
    """
    one, other = list(map(key, old)), list(map(key, new))
    first = _common(one, other)
    last = _common(one[first:][::-1], other[first:][::-1])
    pairs: list[Pair[T]] = list(zip(old[:first], new[:first], strict=True))
    end, until = len(old) - last, len(new) - last
    rest_old: list[T] = list(old[first:end])
    rest_new: list[T] = list(new[first:until])
    if max(len(rest_old), len(rest_new)) <= MAX_MATCHED:
        matcher: Any = SequenceMatcher(None, one[first:end], other[first:until], autojunk=False)
        kept_old: list[T] = []
        kept_new: list[T] = []
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal" or (tag == "replace" and b - a == d - c):
                pairs.extend(zip(rest_old[a:b], rest_new[c:d], strict=True))
            else:
                kept_old.extend(rest_old[a:b])
                kept_new.extend(rest_new[c:d])
        rest_old, rest_new = kept_old, kept_new
    anywhere: list[Pair[T]] = _equal_anywhere(rest_old, rest_new, key)
    pairs.extend(anywhere)
    pairs.extend(zip(old[end:], new[until:], strict=True))
    return pairs


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """Return how many items two sequences begin with alike."""
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return number
    return min(len(one), len(other))


def _equal_anywhere(
    old: Sequence[T], new: Sequence[T], key: Callable[[T], Hashable]
) -> list[Pair[T]]:
    waiting: dict[Hashable, deque[T]] = defaultdict(deque)
    for item in new:
        waiting[key(item)].append(item)
    pairs: list[Pair[T]] = [
        (item, waiting[key(item)].popleft() if waiting[key(item)] else None) for item in old
    ]
    pairs.extend((None, item) for items in waiting.values() for item in items)
    return pairs
