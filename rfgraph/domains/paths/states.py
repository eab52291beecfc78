"""The state graph: paths folded by what matters to their sizes, with a shift on every arc.

A state is a tensor and, per tracked input axis, the pattern of the paths that reach it or how they
were lost. An arc carries the paths of one state on to another and adds a constant to their bases.
All counting, the moments and the enumeration run on this graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rfgraph.domains.fields.carry import carry
from rfgraph.domains.fields.pattern import excess, normal
from rfgraph.domains.fields.pieces import Blur, Lost, Mapped, Piece, Tabled, own_position
from rfgraph.domains.paths.liveness import needed_axes
from rfgraph.domains.paths.routes import Plan, Walks, every_path, routes
from rfgraph.domains.periodic import constant
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Shift
from rfgraph.relations.bounds import allowance
from rfgraph.relations.graph import Edge, entering, relevant
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.fields.support import Support
    from rfgraph.domains.paths.moments import Survey
    from rfgraph.relations.graph import Graph


MAX_STATES = 200_000
# Entries of all tables that patterns without a closed form take: 16 bytes each.
MAX_PATTERNS = 1 << 24

Growth: TypeAlias = tuple[int, ...]


class Kind(Enum):
    """How a path stands to an input axis."""

    LOCAL = "local"
    ONE_SIDED = "one_sided"
    GLOBAL = "global"
    UNKNOWN = "unknown"


class Track(NamedTuple):
    """One axis of a state: its kind, its pattern's key, and the piece that stands for it."""

    kind: Kind
    key: object
    piece: Piece

    def same(self) -> tuple[Kind, object]:
        """Return what tells tracks apart."""
        return self.kind, self.key


class Arc(NamedTuple):
    """Paths of state `source` go on to state `target`, their bases grown by `shift`.

    `edges` are the graph's: one, or a transparent walk from an origin's tensor.
    """

    source: int
    target: int
    shift: Growth
    edges: tuple[Edge, ...]


@dataclass(slots=True)
class StateGraph:
    """States numbered in topological order; `arcs` in the order in which to follow them."""

    axes: tuple[int, ...]
    tensors: list[str] = field(default_factory=list)
    tracks: list[tuple[Track, ...]] = field(default_factory=list)
    arcs: list[Arc] = field(default_factory=list)
    start: int = 0
    ends: list[int] = field(default_factory=list)
    # What is known of the end states, by how the arcs move a column: Survey, and histograms.
    surveys: dict[tuple[int, ...], Survey] = field(default_factory=dict)
    counted: dict[tuple[int, ...], dict[int, dict[int, int]]] = field(default_factory=dict)

    def kinds(self, state: int) -> tuple[Kind, ...]:
        """Return how the paths of a state stand to the tracked axes."""
        return tuple(track.kind for track in self.tracks[state])

    def sizes(self, state: int, base: Sequence[int]) -> tuple[int | None, ...]:
        """Return the sizes of a path that ends in `state` with `base`; None if not local."""
        return tuple(
            number + excess(track.piece) + 1 if track.kind is Kind.LOCAL else None
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

    def plan(self) -> Plan | None:
        """Return which edges to count, None if no walk leads to the tensor."""
        graph = self.view()
        if self.form.input not in graph or self.target not in graph:
            return None
        within = relevant(graph, self.form.input, self.target)
        if not within:
            return None
        # A view of a graph need not keep the order.
        tensors = [name for name in self.graph if name in within]
        edges = entering(graph, tensors)
        if self.count == "paths":
            return every_path(tensors, edges)
        return routes(tensors, edges, self.form, frozenset(self.through))


def _without(graph: Graph, names: set[str]) -> Graph:
    """Return the graph without the named tensors and the outputs of the named operators."""
    kept = [
        name
        for name, data in graph.nodes(data=True)
        if name not in names and (data["producer"] is None or data["producer"].label not in names)
    ]
    return graph.subgraph(kept)


@allowance()
def state_graph(question: Question, axes: tuple[int, ...], plan: Plan | None) -> StateGraph:
    """Fold the paths of a question's plan, tracking the input axes `axes`.

    The last number of every shift counts windows with extent > 1. Raises BoundError if there are
    too many states.
    """
    made = StateGraph(axes)
    return made if plan is None else _Folder(question, plan, made).fold()


class _Folder:
    """Builds a state graph, tensor by tensor."""

    def __init__(self, question: Question, plan: Plan, made: StateGraph) -> None:
        self.question, self.plan, self.made = question, plan, made
        self.nodes = question.graph.nodes
        self.needed = needed_axes(plan.tensors, plan.edges)
        # Joint states may be products of single ones: beyond this many, count axis by axis.
        alone = len(made.axes) <= 1
        self.bound = MAX_STATES if alone else max(1000, 8 * len(plan.tensors))
        # Whether a state's tracks read nothing at some positions, which a tensor may not need.
        self.partial: list[bool] = []
        self.cache: dict[object, tuple[Track, int] | None] = {}
        self.kept: list[object] = []
        self.patterns: dict[object, Track] = {}
        self.entries = 0
        self.wanted = {number for arrival in plan.arrivals.values() for number in arrival.origins}
        self.numbers = {id(edge): k for k, edge in enumerate(plan.numbered) if k in self.wanted}
        self.walks = Walks(plan)
        # Tensors that are origins themselves.
        self.own = {plan.numbered[k].target: k for k in self.wanted if not plan.numbered[k].source}
        self.at: dict[str, dict[object, int]] = {}
        self.origins: dict[int, dict[object, int]] = {}

    def fold(self) -> StateGraph:
        made, plan = self.made, self.plan
        self._begin(plan.tensors[0])
        for name in plan.tensors[1:]:
            here = self.at.setdefault(name, {})
            arrival = plan.arrivals[name]
            for edge in arrival.edges:
                self._follow(self.at.get(edge.source, {}), edge.relation, (edge,), name, here)
            if arrival.origins:
                self._from_origins(name, here)
            self._keep_origins(name)
            if len(made.tracks) > self.bound:
                raise BoundError(f"the path count takes more states than MAX_STATES ({self.bound})")
        flags = (1 << len(self.question.through)) - 1
        ends = self.at.get(self.question.target, {})
        made.ends = [state for key, state in ends.items() if key[0] == flags]  # type: ignore[index]
        return made

    def _begin(self, name: str) -> None:
        tracks = []
        for axis in self.made.axes:
            pattern = normal(own_position(axis))
            tracks.append(Track(Kind.LOCAL, pattern.key, pattern.piece))
        if not tracks:
            tracks.append(_presence(Kind.GLOBAL, Mapped(None, constant((0, 0)))))
        key = (self._flags(name, 0, ()), *(track.same() for track in tracks))
        self.made.start = self._state(name, key, tuple(tracks), self.at.setdefault(name, {}))
        self._keep_origins(name)

    def _state(
        self, name: str, key: object, tracks: tuple[Track, ...], here: dict[object, int]
    ) -> int:
        found = here.get(key)
        if found is None:
            found = here[key] = len(self.made.tracks)
            self.made.tracks.append(tracks)
            self.made.tensors.append(name)
            self.partial.append(any(_support(track) for track in tracks))
        return found

    def _spend(self, entries: int) -> None:
        self.entries += entries
        bound = self.question.max_patterns
        if self.entries > bound:
            raise BoundError(
                f"the patterns of the paths take more entries than MAX_PATTERNS ({bound})"
            )

    def _flags(self, tensor: str, flags: int, edges: tuple[Edge, ...]) -> int:
        """Mark what edges into a tensor pass."""
        for bit, name in enumerate(self.question.through):
            if name == tensor or any(one.operator.label == name for one in edges):
                flags |= 1 << bit
        return flags

    def _follow(
        self,
        sources: dict[object, int],
        relation: Relation,
        edges: tuple[Edge, ...],
        name: str,
        here: dict[object, int],
    ) -> None:
        """Carry all states of a tensor over one edge, or over a walk of edges as one relation."""
        window = int(relation.is_window)
        still = (0,) * len(self.made.axes) + (window,)
        keeps = relation.is_identity and not self.question.through
        arcs, tracks_of = self.made.arcs, self.made.tracks
        for key, state in sources.items():
            if keeps and not self._any_drops(state, name):
                found = self._state(name, key, tracks_of[state], here)
                arcs.append(Arc(state, found, still, edges))
                continue
            carried = self._carry(tracks_of[state], relation, name)
            if carried is None:
                continue
            tracks, shift = carried
            flags = self._flags(name, key[0], edges)  # type: ignore[index]
            found = self._state(name, (flags, *(t.same() for t in tracks)), tracks, here)
            grown = (*shift[: len(self.made.axes)], window)
            arcs.append(Arc(state, found, grown, edges))

    def _any_drops(self, state: int, name: str) -> bool:
        return self.partial[state] and any(
            self._drops(track, name) for track in self.made.tracks[state]
        )

    def _carry(
        self, tracks: tuple[Track, ...], relation: Relation, name: str
    ) -> tuple[tuple[Track, ...], Growth] | None:
        moved: list[Track] = []
        shifts: list[int] = []
        for track in tracks:
            if relation.is_identity and not self._drops(track, name):
                moved.append(track)
                shifts.append(0)
                continue
            result = self._carry_track(track, relation, name)
            if result is None:
                return None
            moved.append(result[0])
            shifts.append(result[1])
        return tuple(moved), tuple(shifts)

    def _drops(self, track: Track, name: str) -> bool:
        return any(axis not in self.needed[name] for axis, _ in _support(track))

    def _carry_track(self, track: Track, relation: Relation, name: str) -> tuple[Track, int] | None:
        needed = self.needed[name]
        key = (id(relation), needed, track.same())
        if key in self.cache:
            return self.cache[key]
        self.kept.append(relation)
        result = _carry_track(track, relation, needed)
        if result is not None:
            result = self._only(result[0]), result[1]
        self.cache[key] = result
        return result

    def _only(self, track: Track) -> Track:
        """Return the one track of its pattern: tables that are the same are held once."""
        found = self.patterns.setdefault(track.same(), track)
        if found is track and isinstance(track.piece, Tabled):
            self._spend(track.piece.table.lo.size)
        return found

    def _from_origins(self, name: str, here: dict[object, int]) -> None:
        """Carry the own paths of origins over the transparent walks that lead from them."""
        for number, walk in self.walks.to(name).items():
            steps = [step for edge in walk for step in edge.relation.steps]
            relation = Relation(walk[0].relation.in_shape, tuple(steps))
            self.kept.append(relation)
            self._follow(self.origins[number], relation, walk, name, here)

    def _keep_origins(self, name: str) -> None:
        """Give the edges whose paths are wanted on their own states of their own."""
        if not self.wanted:
            return
        if name in self.own:
            self.origins[self.own[name]] = dict(self.at[name])
        for edge in self.plan.arrivals[name].edges:
            number = self.numbers.get(id(edge))
            if number is not None:
                own: dict[object, int] = {}
                self._follow(self.at.get(edge.source, {}), edge.relation, (edge,), name, own)
                self.origins[number] = own


def _support(track: Track) -> Support:
    return track.piece.support if isinstance(track.piece, Mapped) else ()


def _presence(kind: Kind, piece: Piece) -> Track:
    """Return a track that only says where there is something to read."""
    pattern = normal(piece)
    return Track(kind, pattern.key, pattern.piece)


def _carry_track(
    track: Track, relation: Relation, needed: frozenset[int]
) -> tuple[Track, int] | None:
    """Carry one axis of a state; None if nothing is left to read."""
    if _passes_by(track.piece, relation, needed):
        return track, 0
    result = carry(track.piece, relation)
    if result is Lost.EMPTY:
        return None
    if track.kind in (Kind.GLOBAL, Kind.UNKNOWN) or isinstance(result, Lost):
        kind = track.kind
        if isinstance(result, Lost) and track.kind in (Kind.LOCAL, Kind.ONE_SIDED):
            kind = Kind.UNKNOWN if result is Lost.UNKNOWN else Kind.GLOBAL
        left = _where(track.piece, relation) if isinstance(result, Lost) else result
        piece = _trimmed(left, needed)
        if piece is None:
            return None
        return _presence(kind, piece), 0
    pattern = normal(_trimmed_piece(result, needed))
    if result.open_lo or result.open_hi:
        return Track(Kind.ONE_SIDED, pattern.key, pattern.piece), 0
    if isinstance(result, Blur):
        return _presence(Kind.UNKNOWN, Mapped(None, constant((0, 0)))), 0
    return Track(Kind.LOCAL, pattern.key, pattern.piece), pattern.hi - pattern.lo


def _passes_by(piece: Piece, relation: Relation, needed: frozenset[int]) -> bool:
    """Whether a relation leaves a piece as it is: it moves along other axes, which nobody needs."""
    if not isinstance(piece, Mapped) or piece.support:
        return False
    return all(
        isinstance(step, Select)
        and all(
            axis not in needed | {piece.carrier} and isinstance(rule, Shift) and _reads(rule)
            for axis, rule in step.rules
        )
        for step in relation.steps
    )


def _reads(rule: Shift) -> bool:
    """Whether some output position of a shift reads a position that exists."""
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    return abs(rule.step) == 1 and max(ends) >= 0 and min(ends) < rule.in_len


def _where(piece: Piece, relation: Relation) -> Piece | None:
    """Return where a path that was lost on an axis still reads something."""
    support = piece.support if isinstance(piece, Mapped) else ()
    result = carry(Mapped(None, constant((0, 0)), support), relation)
    if result is Lost.EMPTY:
        return None
    return Mapped(None, constant((0, 0))) if isinstance(result, Lost) else result


def _trimmed(piece: Piece | None, needed: frozenset[int]) -> Piece | None:
    return None if piece is None else _trimmed_piece(piece, needed)


def _trimmed_piece(piece: Piece, needed: frozenset[int]) -> Piece:
    if isinstance(piece, Mapped) and piece.support:
        support = tuple(pair for pair in piece.support if pair[0] in needed)
        if len(support) != len(piece.support):
            return piece._replace(support=support)
    return piece


def successors(made: StateGraph) -> list[list[Arc]]:
    """Return the arcs that leave each state."""
    leaving: list[list[Arc]] = [[] for _ in made.tracks]
    for arc in made.arcs:
        leaving[arc.source].append(arc)
    return leaving
