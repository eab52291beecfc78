"""Attention: its lengths, and which keys a query reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.steps import is_unlistable
from rfgraph.relations.axis_rules import Band
from rfgraph.relations.steps import Prefix

if TYPE_CHECKING:
    from rfgraph.ops.chain import Chain
    from rfgraph.ops.node import Array


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths of an attention: `groups` of heads share keys and values."""

    batch: int
    queries: int
    keys: int
    past: int
    heads: int
    groups: int
    size: int
    value_size: int

    @property
    def total(self) -> int:
        """The number of keys, past ones included."""
        return self.past + self.keys


@dataclass(frozen=True, slots=True)
class Reach:
    """The keys that query i may attend to: [i + lower, i + upper], below `limit`.

    None is without bound. Keys are counted from the first past one.
    """

    lower: int | None
    upper: int | None
    limit: int

    def links_all(self, total: int) -> bool:
        """Whether every query attends to every key."""
        return self.lower is None and self.upper is None and self.limit >= total

    def allowed_keys(self, queries: int, total: int) -> Array | None:
        """Return which keys each query attends to; None if all, or too many to list."""
        if self.links_all(total) or is_unlistable(queries, total):
            return None
        i, j = np.arange(queries).reshape(-1, 1), np.arange(total).reshape(1, -1)
        allowed = np.broadcast_to(j < self.limit, (queries, total))
        if self.lower is not None:
            allowed = allowed & (j - i >= min(max(self.lower, -queries), total))
        if self.upper is not None:
            allowed = allowed & (j - i <= min(max(self.upper, -queries), total))
        return np.asarray(allowed)

    def reached_queries(self, queries: int) -> tuple[int, int]:
        """Return the first query that attends to any key, and the one after the last."""
        first = 0 if self.upper is None else max(0, -self.upper)
        last = queries if self.lower is None else min(queries, self.limit - self.lower)
        if self.limit <= 0:
            last = first
        return min(first, queries), max(last, min(first, queries))


def add_band(chain: Chain, axis: int, before: int | None, after: int | None, queries: int) -> Chain:
    """Lead keys on `axis` to queries, of which number i reads [i - before, i + after].

    None is without end on that side.
    """
    keys = chain.shape[axis]
    if before is None and after is None:
        return chain.reduce([axis], weighted=True, to=queries)
    return chain.add(Prefix(((axis, Band(before, after, keys, queries)),)))
