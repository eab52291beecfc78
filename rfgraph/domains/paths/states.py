"""The state graph: paths folded by what matters to their sizes, with a shift on every arc.

A state is a tensor and, per tracked input axis, the pattern of the paths that reach it or how they
were lost. An arc carries the paths of one state on to another and adds a constant to their bases.
All counting, the moments and the enumeration run on this graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.layout import is_one_path, lines_of
from rfgraph.domains.fields.parts import Lines, uncut
from rfgraph.domains.fields.pattern import excess, normal
from rfgraph.domains.fields.pieces import Mapped, Tabled, own_position
from rfgraph.domains.joined import joins_of
from rfgraph.domains.paths.routes import Plan, entering_edges, not_named, routes, walks_to
from rfgraph.domains.paths.tracks import Track, carry_track, presence, support_of
from rfgraph.domains.periodic import constant
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import producer_of
from rfgraph.relations.relation import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.paths.moments import Survey
    from rfgraph.relations.graph import Edge, Graph


MAX_STATES = 200_000
# Entries of all tables that patterns without a closed form take: 16 bytes each.
MAX_PATTERNS = 1 << 24


class Arc(NamedTuple):
    """Paths of state `source` go on to state `target`, their bases grown by `shift`.

    `edges` are the graph's: one, or a transparent walk from an origin's tensor.
    """

    source: int
    target: int
    shift: tuple[int, ...]
    edges: tuple[Edge, ...]


class StateGraph:
    """States numbered in topological order; `arcs` in the order in which to follow them."""

    __slots__ = ("arcs", "axes", "counted", "ends", "start", "surveys", "tracks")

    def __init__(self, axes: tuple[int, ...]) -> None:
        self.axes = axes
        self.tracks: list[tuple[Track, ...]] = []
        self.arcs: list[Arc] = []
        self.start = 0
        self.ends: list[int] = []
        # What is known of the end states, by how the arcs move a column: Survey, and histograms.
        self.surveys: dict[tuple[int, ...], Survey] = {}
        self.counted: dict[tuple[int, ...], dict[int, dict[int, int]]] = {}

    def scopes(self, state: int) -> tuple[Scope, ...]:
        """Return how the paths of a state stand to the tracked axes."""
        return tuple(track.scope for track in self.tracks[state])

    def sizes(self, state: int, base: Sequence[int]) -> tuple[int | None, ...]:
        """Return the sizes of a path that ends in `state` with `base`; None if not local."""
        return tuple(
            number + excess(track.piece) + 1 if track.scope is Scope.LOCAL else None
            for track, number in zip(self.tracks[state], base, strict=False)
        )


@dataclass(frozen=True, slots=True)
class Question:
    """Paths from a graph input to a tensor; `through` and `avoiding` name operators or tensors.

    `max_patterns` bounds the entries of the tables of patterns without a closed form.
    """

    graph: Graph
    form: ClosedForm
    target: str
    count: str = "routes"
    through: tuple[str, ...] = ()
    avoiding: tuple[str, ...] = ()
    max_patterns: int = MAX_PATTERNS

    def view(self) -> Graph:
        """Return the graph without what is avoided."""
        return _without(self.graph, set(self.avoiding)) if self.avoiding else self.graph

    def plan(self, *, listed: bool = False) -> Plan | None:
        """Return which edges to count, None if no walk leads to the tensor.

        Where paths are not `listed`, what goes on where another tensor ends is counted over that.
        """
        graph = self.view()
        if self.form.input not in graph or self.target not in graph:
            return None
        kept = frozenset(self.through)
        # A view of a graph need not keep the order.
        order = [name for name in self.graph if name in graph]
        instead: dict[str, Sequence[Edge]] = {}
        if not (listed or self.through or self.avoiding):
            instead.update(self.form.continued)
        if self.count != "paths":
            moved = self.form.joined
            if self.avoiding:
                moved = joins_of(graph, [name for name in order if name in moved])
            moved = not_named(moved, graph, kept)
            instead.update((name, (one.edge,)) for name, one in moved.items())
        edges = entering_edges(graph, order, self.form.input, self.target, instead)
        if not edges:
            return None
        return Plan(edges) if self.count == "paths" else routes(edges, self.form, kept)


def _without(graph: Graph, names: set[str]) -> Graph:
    """Return the graph without the named tensors and the outputs of the named operators."""
    kept = [
        name
        for name in graph
        if name not in names
        and ((producer := producer_of(graph, name)) is None or producer.label not in names)
    ]
    return graph.subgraph(kept)


def joint_bound(plan: Plan | None) -> int:
    """Return how many states are worth their time where axis by axis would do as well.

    Joint states may be products of single ones.
    """
    return 0 if plan is None else max(1000, 8 * len(plan.edges))


@allowance()
def state_graph(
    question: Question, axes: tuple[int, ...], plan: Plan | None, bound: int = MAX_STATES
) -> StateGraph:
    """Fold the paths of a question's plan, tracking the input axes `axes`.

    The last number of every shift counts windows with extent > 1. Raises BoundError if there are
    more than `bound` states.
    """
    made = StateGraph(axes)
    return made if plan is None else _Folder(question, plan, made, bound).fold()


# States of a tensor by what was passed and, by identity, their tracks.
States: TypeAlias = dict[tuple[int, ...], int]


class _Folder:
    """Builds a state graph, tensor by tensor."""

    def __init__(self, question: Question, plan: Plan, made: StateGraph, bound: int) -> None:
        self.question, self.plan, self.made, self.bound = question, plan, made, bound
        # The tracks of this graph, by identity: the plan holds one for each pattern.
        self.held: set[int] = set()
        self.entries = 0
        # Edges whose own paths are wanted, and the ones that stand for tensors.
        origins = {number for numbers in plan.apart.values() for number in numbers}
        wanted = [plan.numbered[number].edge for number in origins]
        self.wanted = set(map(id, wanted))
        self.own = {edge.target: id(edge) for edge in wanted if not edge.source}
        self.wholes: dict[tuple[str, int], Lines] = {}
        self.at: dict[str, States] = {}
        self.origins: dict[int, States] = {}

    def fold(self) -> StateGraph:
        made, plan = self.made, self.plan
        first, *others = plan.edges
        self._begin(first)
        for name in others:
            here = self.at.setdefault(name, {})
            for edge in plan.whole[name]:
                self._follow(self.at.get(edge.source, {}), edge.relation, (edge,), name, here)
            if name in plan.apart:
                self._from_origins(name, here)
            self._keep_origins(name)
            if len(made.tracks) > self.bound:
                raise BoundError(f"the path count takes more states than MAX_STATES ({self.bound})")
        flags = (1 << len(self.question.through)) - 1
        ends = self.at.get(self.question.target, {})
        made.ends = [state for (passed, *_), state in ends.items() if passed == flags]
        return made

    def _begin(self, name: str) -> None:
        tracks = []
        for axis in self.made.axes:
            pattern = normal(own_position(axis))
            tracks.append(Track(Scope.LOCAL, pattern.key, pattern.piece))
        if not tracks:
            tracks.append(presence(Scope.GLOBAL, Mapped(None, constant((0, 0)))))
        begun = tuple(map(self._only, tracks))
        here = self.at.setdefault(name, {})
        self.made.start = self._state(self._flags(name, 0, ()), begun, here)
        self._keep_origins(name)

    def _state(self, flags: int, tracks: tuple[Track, ...], here: States) -> int:
        state = here.setdefault((flags, *map(id, tracks)), len(self.made.tracks))
        if state == len(self.made.tracks):
            self.made.tracks.append(tracks)
        return state

    def _flags(self, tensor: str, flags: int, edges: tuple[Edge, ...]) -> int:
        """Mark what edges into a tensor pass."""
        for bit, name in enumerate(self.question.through):
            if name == tensor or any(one.operator.label == name for one in edges):
                flags |= 1 << bit
        return flags

    def _follow(
        self,
        sources: States,
        relation: Relation,
        edges: tuple[Edge, ...],
        name: str,
        here: States,
    ) -> None:
        """Carry all states of a tensor over one edge, or over a walk of edges as one relation."""
        window = int(relation.is_window)
        for (flags, *_), state in sources.items():
            carried = self._carry(self.made.tracks[state], relation, name)
            if carried is not None:
                tracks, shift = carried
                after = self._state(self._flags(name, flags, edges), tracks, here)
                grown = (*shift[: len(self.made.axes)], window)
                self.made.arcs.append(Arc(state, after, grown, edges))

    def _carry(
        self, tracks: tuple[Track, ...], relation: Relation, name: str
    ) -> tuple[tuple[Track, ...], tuple[int, ...]] | None:
        moved: list[Track] = []
        shifts: list[int] = []
        for axis, track in zip(self.made.axes or (0,), tracks, strict=True):
            if relation.is_identity and not self._drops(track, name):
                moved.append(track)
                shifts.append(0)
                continue
            result = self._carry_track(track, relation, name)
            if result is None:
                return None
            moved.append(self._mend(result[0], name, axis))
            shifts.append(result[1])
        return tuple(moved), tuple(shifts)

    def _drops(self, track: Track, name: str) -> bool:
        support, needed = support_of(track), self.plan.needed[name]
        return bool(support) and any(axis not in needed for axis, _ in support)

    def _carry_track(self, track: Track, relation: Relation, name: str) -> tuple[Track, int] | None:
        needed, carried = self.plan.needed[name], self.plan.carried
        key = id(relation), needed, id(track)
        if key not in carried:
            made = carry_track(track, relation, needed)
            carried[key] = relation, made and (self._only(made[0]), made[1])
        _, made = carried[key]
        if made is not None and id(made[0]) not in self.held:
            self._hold(made[0])
        return made

    def _mend(self, track: Track, name: str, axis: int) -> Track:
        """Return a track as whole if, at this tensor, its carrier stands for all of the axis."""
        if track.piece.cut is None or not self.made.axes:
            return track
        key = name, axis
        if key not in self.wholes:
            self.wholes[key] = self._lines(name, axis)
        piece = uncut(track.piece, self.wholes[key])
        if piece is track.piece:
            return track
        return self._only(Track(track.scope, normal(piece).key, piece))

    def _lines(self, name: str, axis: int) -> Lines:
        """Return what maps a crop at this tensor may have been made to fit: it joins them here."""
        state = self.question.form.get(name)
        joins = len(self.plan.edges[name]) > 1
        if state is None or not (joins or is_one_path(state, axis)):
            return frozenset()
        return lines_of(state, axis)

    def _only(self, track: Track) -> Track:
        """Return the one track of its pattern: tables that are the same are held once."""
        return self.plan.patterns.setdefault(track.same(), track)

    def _hold(self, track: Track) -> None:
        self.held.add(id(track))
        if isinstance(track.piece, Tabled):
            self.entries += track.piece.table.lo.size
        bound = self.question.max_patterns
        if self.entries > bound:
            raise BoundError(
                f"the patterns of the paths take more entries than MAX_PATTERNS ({bound})"
            )

    def _from_origins(self, name: str, here: States) -> None:
        """Carry the own paths of origins over the transparent walks that lead from them."""
        for number, walk in walks_to(self.plan, name).items():
            steps = [step for edge in walk for step in edge.relation.steps]
            relation = Relation(walk[0].relation.in_shape, tuple(steps))
            origin = self.plan.numbered[number].edge
            self._follow(self.origins[id(origin)], relation, walk, name, here)

    def _keep_origins(self, name: str) -> None:
        """Give the edges whose paths are wanted on their own states of their own."""
        if not self.wanted:
            return
        if name in self.own:
            self.origins[self.own[name]] = dict(self.at[name])
        for edge in self.plan.whole[name]:
            if id(edge) in self.wanted:
                own = self.origins[id(edge)] = {}
                self._follow(self.at.get(edge.source, {}), edge.relation, (edge,), name, own)


def successors(made: StateGraph) -> list[list[Arc]]:
    """Return the arcs that leave each state."""
    leaving: list[list[Arc]] = [[] for _ in made.tracks]
    for arc in made.arcs:
        leaving[arc.source].append(arc)
    return leaving
