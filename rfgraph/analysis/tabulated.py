"""What tells of units of one tensor: made when asked for, and kept while questions are about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rfgraph.domains.continued import edges_to
from rfgraph.domains.padding import Padding
from rfgraph.domains.regions import clipped_tables

if TYPE_CHECKING:
    from rfgraph.domains.tables import Table
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.reading import Mask


@dataclass
class Tabulated:
    """Tables of all units of `tensor`, and what follows chosen ones; BoundError beyond bounds."""

    graph: Graph
    tensor: str
    _regions: dict[str, tuple[Table, ...]] = field(default_factory=dict, repr=False)
    _paddings: dict[tuple[str, int], Padding] = field(default_factory=dict, repr=False)
    _touched: dict[tuple[str, int], tuple[Mask, Mask] | None] = field(
        default_factory=dict, repr=False
    )

    @cached_property
    def edges(self) -> dict[str, tuple[Edge, ...]]:
        """The edges over which chosen units are followed, in place of the graph's."""
        return edges_to(self.graph, self.tensor)

    def regions(self, source: str) -> tuple[Table, ...]:
        """Return what each unit reads of an input that reaches the tensor."""
        if source not in self._regions:
            self._regions[source] = clipped_tables(self.graph, source, [self.tensor])[self.tensor]
        return self._regions[source]

    def padding(self, source: str, axis: int) -> Padding:
        """Return what tells of chosen units whether padding along an axis of an input touches."""
        if (source, axis) not in self._paddings:
            found = Padding(self.graph, source, axis, self.tensor, self.edges)
            self._paddings[source, axis] = found
        return self._paddings[source, axis]

    def touched(self, source: str, axis: int) -> tuple[Mask, Mask] | None:
        """Return which units padding touches along an axis of an input, from each side."""
        if (source, axis) not in self._touched:
            self._touched[source, axis] = self.padding(source, axis).flags()
        return self._touched[source, axis]
