"""What building one graph may use: work and memory are bounded before they are spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Listed, Pick
from rfgraph.relations.steps import Select, Taps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from rfgraph.ops.node import Link


# Nodes from functions and subgraphs, where BYTES_PER_NODE of what they hold count as one more.
MAX_EXPANDED = 200_000
BYTES_PER_NODE = 256
# Turns of a Loop or Scan that are unrolled, and nodes that they make; beyond it all turns together
# are bounded from one, of as many nodes at most.
MAX_TURNS = 256
MAX_UNROLLED = 20_000
# Nodes of all such turns; beyond it is unknown.
MAX_TRIED = 40_000
# Subgraphs and function calls inside one another.
MAX_NESTING = 64
# Edges of the graph.
MAX_EDGES = 1 << 21
# Elements of constants that are computed, and those of them that are kept.
MAX_FOLDED = 1 << 28
MAX_KEPT = 1 << 25
# Elements of constants that rules look at, and of the index lists that they make.
MAX_TAKEN = 1 << 26
MAX_LISTED = 1 << 23


class Budget:
    """What has been used so far; each method raises BoundError, which names the bound.

    `tried` counts the nodes of bodies that were looked at and taken away again.
    """

    __slots__ = ("edges", "expanded", "folded", "listed", "taken", "tried")

    def __init__(self) -> None:
        self.expanded = self.tried = self.edges = self.folded = self.taken = self.listed = 0

    def expand(self, nodes: int, size: int) -> None:
        """Count the nodes of a body and its `size` in bytes."""
        self.expanded += nodes + size // BYTES_PER_NODE
        if self.expanded > MAX_EXPANDED:
            raise BoundError(too_many_nodes())

    def connect(self, edges: int) -> None:
        """Count edges that are about to be made."""
        self.edges += edges
        if self.edges > MAX_EDGES:
            raise BoundError(f"the graph has more edges than MAX_EDGES ({MAX_EDGES})")

    def fold(self, arrays: Iterable[NDArray | None]) -> bool:  # type: ignore[type-arg]
        """Count computed constants; whether there is still room to keep them."""
        self.folded += sum(array.size for array in arrays if array is not None)
        if self.folded > MAX_FOLDED:
            raise BoundError(
                f"computed constants have more elements than MAX_FOLDED ({MAX_FOLDED})"
            )
        return self.folded <= MAX_KEPT

    def take(self, elements: int) -> None:
        """Count the elements of constants that a rule looked at."""
        self.taken += elements
        if self.taken > MAX_TAKEN:
            raise BoundError(f"rules look at more constants than MAX_TAKEN ({MAX_TAKEN})")

    def list_indices(self, links: Iterable[Link]) -> None:
        """Count the index lists of a node's links, each list once."""
        lists = {
            id(rule): rule
            for link in links
            for step in link.steps
            if isinstance(step, (Select, Taps))
            for _, rule in step.rules
            if isinstance(rule, (Pick, Listed))
        }
        self.listed += sum(map(_length, lists.values()))
        if self.listed > MAX_LISTED:
            raise BoundError(f"index lists have more elements than MAX_LISTED ({MAX_LISTED})")


def too_many_nodes() -> str:
    """Return the text of the error about what expands to more than `MAX_EXPANDED`."""
    return f"functions and subgraphs expand to more nodes than MAX_EXPANDED ({MAX_EXPANDED})"


def _length(rule: Pick | Listed) -> int:
    if isinstance(rule, Pick):
        return len(rule.indices)
    return len(rule.lists) + sum(map(len, rule.lists))
