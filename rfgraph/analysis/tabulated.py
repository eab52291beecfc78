"""What is tabulated of one tensor: made when asked for, and kept while questions are about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rfgraph.domains.padding import touched
from rfgraph.domains.regions import clipped

if TYPE_CHECKING:
    from rfgraph.domains.padding import Touched
    from rfgraph.domains.regions import Regions
    from rfgraph.relations.graph import Graph


@dataclass(slots=True)
class Tabulated:
    """Tables of all units of `tensor`; BoundError where they grow too large."""

    graph: Graph
    tensor: str
    _regions: dict[str, Regions] = field(default_factory=dict, repr=False)
    _touched: dict[tuple[str, int], Touched | None] = field(default_factory=dict, repr=False)

    def regions(self, source: str) -> Regions:
        """Return what each unit reads of an input that reaches the tensor."""
        if source not in self._regions:
            self._regions[source] = clipped(self.graph, source, [self.tensor])[self.tensor]
        return self._regions[source]

    def touched(self, source: str, axis: int) -> Touched | None:
        """Return which units padding touches along an axis of an input."""
        if (source, axis) not in self._touched:
            self._touched[source, axis] = touched(self.graph, source, axis, self.tensor)
        return self._touched[source, axis]
