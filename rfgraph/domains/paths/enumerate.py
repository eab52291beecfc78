"""Actual paths, lazily, in order of size, by best-first search with exact bounds.

For every state the best completion to an end is known, so the search never turns back; ties are
broken by the order of the operators in the file.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from rfgraph.domains.paths.routes import Edge
from rfgraph.domains.paths.states import Arc, Kind, StateGraph, successors
from rfgraph.graph import Graph, Operator
from rfgraph.relations import Relation

Vector = tuple[int, ...]


class Step:
    """The last operator of a path's beginning; its ancestors are reached by jumps of growing length."""

    __slots__ = ("arc", "depth", "index", "jump", "parent")

    def __init__(self, index: int, arc: Arc | None, parent: Step | None) -> None:
        self.index, self.arc, self.parent = index, arc, parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.jump: Step = self
        if parent is not None:
            far = parent.jump
            even = parent.depth - far.depth == far.depth - far.jump.depth
            self.jump = far.jump if even else parent

    def at_depth(self, depth: int) -> Step:
        step = self
        while step.depth > depth:
            up = step.jump if step.jump.depth >= depth else step.parent
            assert up is not None  # noqa: S101 - only the root has no parent
            step = up
        return step

    def __lt__(self, other: Step) -> bool:
        """Whether this beginning comes first by its operators' order in the file."""
        depth = min(self.depth, other.depth)
        mine, theirs = self.at_depth(depth), other.at_depth(depth)
        if mine is theirs:
            return self.depth < other.depth
        while mine.parent is not theirs.parent:
            if mine.jump is not theirs.jump:
                mine, theirs = mine.jump, theirs.jump
            else:
                if mine.parent is None or theirs.parent is None:
                    break
                mine, theirs = mine.parent, theirs.parent
        return mine.index < theirs.index


class Found(NamedTuple):
    """One path: its edges in order and its sizes on the tracked axes."""

    edges: tuple[Edge, ...]
    sizes: tuple[int, ...]


def in_order(made: StateGraph, graph: Graph, *, largest: bool) -> Iterator[Found]:
    """Yield the paths that are local on every tracked axis, largest (or smallest) first.

    The order is lexicographic over the axes.
    """
    if not made.tracks:
        return
    sign = -1 if largest else 1
    best = _best_completions(made, sign)
    if made.start not in best:
        return
    leaving = successors(made)
    finals = {state: _final(made, state, sign) for state in made.ends if _is_local(made, state)}
    zero = (0,) * len(made.axes)
    heap: list[tuple[Vector, Step, int, Vector, bool]] = []
    root = Step(-1, None, None)
    heapq.heappush(heap, (best[made.start], root, made.start, zero, False))
    while heap:
        bound, step, state, base, done = heapq.heappop(heap)
        if done:
            yield Found(_edges(step, made, graph), tuple(sign * number for number in bound))
            continue
        if state in finals:
            total = tuple(a + b for a, b in zip(base, finals[state], strict=True))
            heapq.heappush(heap, (total, step, state, base, True))
        for arc in leaving[state]:
            if arc.target not in best:
                continue
            grown = tuple(a + sign * b for a, b in zip(base, arc.shift, strict=False))
            reach = tuple(a + b for a, b in zip(grown, best[arc.target], strict=True))
            index = step.index if arc.edge is None else arc.edge.operator.index
            heapq.heappush(heap, (reach, Step(index, arc, step), arc.target, grown, False))


def _is_local(made: StateGraph, state: int) -> bool:
    return all(kind is Kind.LOCAL for kind in made.kinds(state)[: len(made.axes)])


def _final(made: StateGraph, state: int, sign: int) -> Vector:
    """Return what the end state adds to a base to make a size."""
    sizes = made.sizes(state, (0,) * len(made.tracks[state]))
    return tuple(sign * (size or 0) for size in sizes[: len(made.axes)])


def _best_completions(made: StateGraph, sign: int) -> dict[int, Vector]:
    """Return for each state the least (signed) vector still to come on a way to a local end."""
    best = {state: _final(made, state, sign) for state in made.ends if _is_local(made, state)}
    for arc in reversed(made.arcs):
        after = best.get(arc.target)
        if after is None:
            continue
        here = tuple(a + sign * b for a, b in zip(after, arc.shift, strict=False))
        before = best.get(arc.source)
        if before is None or here < before:
            best[arc.source] = here
    return best


def _edges(step: Step, made: StateGraph, graph: Graph) -> tuple[Edge, ...]:
    found: list[Edge] = []
    at: Step | None = step
    while at is not None and at.arc is not None:
        arc = at.arc
        if arc.edge is None:
            found.extend(reversed(_walk(graph, made.tensors[arc.source], made.tensors[arc.target])))
        else:
            found.append(arc.edge)
        at = at.parent
    return tuple(reversed(found))


def _walk(graph: Graph, start: str, end: str) -> list[Edge]:
    """Return a shortest walk of edges that leave units where they are, in file order among equals."""
    came: dict[str, Edge] = {}
    frontier = [start]
    while frontier and end not in came:
        reached: list[str] = []
        for tensor in frontier:
            for after, edges in graph.succ[tensor].items():
                for data in edges.values():
                    relation: Relation = data["relation"]
                    if after not in came and (relation.is_pointwise or relation.reduced):
                        operator: Operator = data["operator"]
                        came[after] = Edge(tensor, after, relation, operator)
                        reached.append(after)
        frontier = reached
    walk: list[Edge] = []
    while end != start:
        walk.append(came[end])
        end = came[end].source
    return walk[::-1]
