"""What tells of units of one tensor: made when asked for, and kept while questions are about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rfgraph.domains.padding import touched
from rfgraph.domains.read_units import TouchedUnits
from rfgraph.domains.regions import clipped

if TYPE_CHECKING:
    from rfgraph.domains.padding import Touched
    from rfgraph.domains.regions import Regions
    from rfgraph.relations.graph import Graph


@dataclass(slots=True)
class Tabulated:
    """Tables of all units of `tensor`, and what follows chosen ones; BoundError beyond bounds."""

    graph: Graph
    tensor: str
    _regions: dict[str, Regions] = field(default_factory=dict, repr=False)
    _touched_units: dict[tuple[str, int], TouchedUnits] = field(default_factory=dict, repr=False)
    _touched: dict[tuple[str, int], Touched | None] = field(default_factory=dict, repr=False)

    def regions(self, source: str) -> Regions:
        """Return what each unit reads of an input that reaches the tensor."""
        if source not in self._regions:
            self._regions[source] = clipped(self.graph, source, [self.tensor])[self.tensor]
        return self._regions[source]

    def touched_units(self, source: str, axis: int) -> TouchedUnits:
        """Return what tells of chosen units whether padding along an axis of an input touches."""
        if (source, axis) not in self._touched_units:
            found = TouchedUnits(self.graph, source, axis, self.tensor)
            self._touched_units[source, axis] = found
        return self._touched_units[source, axis]

    def touched(self, source: str, axis: int) -> Touched | None:
        """Return which units padding touches along an axis of an input."""
        if (source, axis) not in self._touched:
            self._touched[source, axis] = touched(self.graph, source, axis, self.tensor)
        return self._touched[source, axis]
