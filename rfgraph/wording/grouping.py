"""What is alike, so that it is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


Key = TypeVar("Key", bound="Hashable")
Item = TypeVar("Item")


def group(pairs: Iterable[tuple[Key, Item]]) -> dict[Key, list[Item]]:
    """Return items by what is said of them, in the order of the first of each."""
    groups: dict[Key, list[Item]] = {}
    for key, item in pairs:
        groups.setdefault(key, []).append(item)
    return groups
