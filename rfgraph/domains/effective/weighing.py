"""By how much each edge counts: one for paths, its even share, or what is expected of squares.

Expected squares need what is expected of values, which is carried forward as three numbers for each
tensor. Operators with stored weights give values of mean zero and variance one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.effective import interpolation
from rfgraph.domains.effective.activations import (
    STANDARD,
    Expected,
    Moments,
    Op,
    Program,
    expected,
    largest,
    open_share,
    rectified,
)
from rfgraph.domains.effective.adjoint import Key, Kind, Weighing
from rfgraph.domains.effective.functions import Curves, curves_of, fused
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Resample,
    Rows,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.graph import ancestors, edges_into
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Everything, Prefix, Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from rfgraph.relations.axis_rules import AxisRule
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.how import How
    from rfgraph.relations.relation import Relation

# Below this a variance counts as none.
LEAST = 1e-12


class State(NamedTuple):
    """What is expected of a tensor's elements.

    `opened` are the moments of what a Relu read that made it; `shares` of how many elements a
    softmax made it.
    """

    moments: Moments
    opened: Moments | None = None
    shares: float | None = None


class Counted(NamedTuple):
    """A weighing, and what is known only in part: edges left out, by guess, or approximately."""

    weighing: Weighing
    unknown: tuple[Edge, ...]
    assumed: tuple[Edge, ...]
    approximate: tuple[Edge, ...]


def weigh(graph: Graph, targets: Collection[str], kind: Kind) -> Counted:
    """Return how much each edge counts that leads to `targets`."""
    within = ancestors(graph, targets)
    names = [name for name in graph if name in within]
    edges, programs, unknown = _edges(graph, names)
    if kind != "random":
        factors = {}
        if kind == "uniform":
            factors = {
                edge.key: 1 / fan(edge.relation)
                for many in edges.values()
                for edge in many
                if _spreads(edge.relation)
            }
        return Counted(Weighing(kind, edges, factors, {}), tuple(unknown), (), ())
    walk = _Expectations(names, edges, programs)
    weighing = Weighing(kind, walk.edges, walk.factors, walk.fading)
    return Counted(weighing, tuple(unknown), tuple(walk.assumed), tuple(walk.approximate))


def _edges(
    graph: Graph, names: Iterable[str]
) -> tuple[dict[str, tuple[Edge, ...]], dict[str, Program], list[Edge]]:
    """Return the edges into each tensor, one for each function written out, and its program."""
    found: dict[str, tuple[Edge, ...]] = {}
    programs: dict[str, Program] = {}
    curves: dict[str, Curves] = {}
    unknown: list[Edge] = []
    for name in names:
        every = [edge for edge in edges_into(graph, name) if not edge.relation.is_void]
        known = [edge for edge in every if not _is_unknown(edge.relation)]
        unknown.extend(edge for edge in every if _is_unknown(edge.relation))
        curves[name] = curves_of(known, curves)
        one = fused(known, curves[name])
        if one is not None:
            known, programs[name] = [one[0]], one[1]
        found[name] = tuple(known)
    return found, programs, unknown


def _is_unknown(relation: Relation) -> bool:
    return any(
        step.unknown
        if isinstance(step, Everything)
        else isinstance(step, Reduce)
        and any(isinstance(rule, Whole) and rule.unknown for _, rule in step.rules)
        for step in relation.steps
    )


# -- how many are read -----------------------------------------------------------------------------


def _rules(relation: Relation) -> Iterator[AxisRule]:
    for step in relation.steps:
        if isinstance(step, Taps | Reduce | Prefix):
            yield from (rule for _, rule in step.rules)


def _spreads(relation: Relation) -> bool:
    kinds = (Window, Transposed, Whole, Blocks, Rows, Band)
    return any(isinstance(rule, kinds) for rule in _rules(relation))


def fan(relation: Relation) -> float:
    """Return how many elements an output reads, by the rules that sum; on average over phases."""
    return math.prod(_width(rule) for rule in _rules(relation))


def _width(rule: AxisRule) -> float:
    if isinstance(rule, Window):
        return rule.kernel
    if isinstance(rule, Transposed):
        return rule.kernel / rule.stride
    if isinstance(rule, Whole):
        return rule.in_len
    if isinstance(rule, Blocks):
        return rule.in_len / rule.groups
    if isinstance(rule, Rows):
        return max(float(rule.flags().sum(axis=1).mean()), 1.0)
    return _band_width(rule) if isinstance(rule, Band) else 1.0


def _band_width(rule: Band) -> float:
    if rule.before is not None and rule.after is not None:
        return max(rule.before + rule.after + 1, 1)
    if rule.before is None and rule.after is None:
        return rule.in_len
    bounded = rule.after if rule.before is None else rule.before
    return max((rule.in_len + 1) / 2 + (bounded or 0), 1.0)


# -- expectations ----------------------------------------------------------------------------------


class _Expectations:
    """The forward walk: states of tensors, and from them the factors of edges."""

    def __init__(
        self,
        names: Sequence[str],
        edges: Mapping[str, tuple[Edge, ...]],
        programs: Mapping[str, Program],
    ) -> None:
        self.edges = dict(edges)
        self.factors: dict[Key, float] = {}
        self.fading: dict[Key, float] = {}
        self.assumed: list[Edge] = []
        self.approximate: list[Edge] = []
        self._programs = programs
        self._states: dict[str, State] = {}
        self._places = {name: place for place, name in enumerate(names)}
        for name in names:
            self._states[name] = self._state(name)

    def _state(self, name: str) -> State:
        reads = [_Read(edge, self._states[edge.source]) for edge in self.edges[name]]
        if not reads:
            return State(STANDARD)
        for read in reads:
            factor = self._factor(read, reads)
            if factor != 1.0:
                self.factors[read.edge.key] = factor
            self._note(read, reads)
        word = next((read.word for read in reads if read.word), "")
        if word == "sum":
            self._merge_doubles(name, reads)
        return self._result(word, [read for read in reads if read.word == word])

    def _factor(self, read: _Read, reads: Sequence[_Read]) -> float:
        if read.word == "activation":
            found = self._expected(read)
            return 1.0 if found is None else found.slope
        return FACTORS[read.word](read, reads) if read.word else 1 / fan(read.edge.relation)

    def _expected(self, read: _Read) -> Expected | None:
        how = read.how
        if how.name == "Relu":
            return rectified(read.state.moments)
        program = self._programs.get(read.edge.target) or (Op(how.name, how.values, (0,)),)
        return expected(program, read.state.moments)

    def _result(self, word: str, reads: Sequence[_Read]) -> State:
        if word != "activation":
            return RESULTS[word](reads)
        (read, *_) = reads
        found = self._expected(read)
        if found is None:
            return State(read.state.moments)
        return State(found.moments, read.state.moments if read.how.name == "Relu" else None)

    def _note(self, read: _Read, reads: Sequence[_Read]) -> None:
        """Note what is only assumed or approximate of an edge, and what fades over it."""
        edge, moments = read.edge, read.state.moments
        known = read.word != "activation" or self._expected(read) is not None
        if not read.word or not known:
            self.assumed.append(edge)
        elif _is_approximate(read) or self._is_rectified_branch(read, reads):
            self.approximate.append(edge)
        if read.word == "max":
            self.fading[edge.key] = 0.0
        elif read.how.name == "Relu":
            share = min(moments.channels / max(moments.square, LEAST), 1.0)
            self.fading[edge.key] = 0.5 + math.asin(share) / math.pi

    def _is_rectified_branch(self, read: _Read, reads: Sequence[_Read]) -> bool:
        """Whether a Relu's output is added to what comes before it."""
        if read.word != "sum" or read.state.opened is None:
            return False
        own = self._places[read.edge.source]
        return any(self._places[other.edge.source] < own for other in reads)

    def _merge_doubles(self, name: str, reads: Sequence[_Read]) -> None:
        """Count the same tensor added k times as one edge, whose amplitude is k times as large."""
        kept: dict[tuple[str, Relation], Edge] = {}
        for read in reads:
            first = kept.setdefault((read.edge.source, read.edge.relation), read.edge)
            if first is not read.edge:
                root = math.sqrt(self.factors.get(first.key, 1.0)) + 1
                self.factors[first.key] = root**2
        self.edges[name] = tuple(kept.values())


class _Read(NamedTuple):
    """An edge with the state of what it reads."""

    edge: Edge
    state: State

    @property
    def how(self) -> How:
        """How it enters; where no rule says, as the rest of its operator's does: unchanged."""
        return self.edge.how or SELECT

    @property
    def word(self) -> str:
        """The word for how it enters, "" where no rule says."""
        return self.edge.how.word if self.edge.how else ""


def _is_approximate(read: _Read) -> bool:
    if read.word == "norm":
        return read.how.name != "stored"
    return read.word in ("attention", "gate", "max", "product", "quotient", "recurrent", "softmax")


# Factors, by word: of squares, from an edge and all edges into its tensor.


def _weighted(read: _Read, reads: Sequence[_Read]) -> float:
    return 1 / (fan(read.edge.relation) * max(read.state.moments.within, LEAST))


def _recurrent(read: _Read, reads: Sequence[_Read]) -> float:
    return 1 / fan(read.edge.relation)


def _product(read: _Read, reads: Sequence[_Read]) -> float:
    other = next((o for o in reads if o is not read and o.word == "product"), None)
    if other is not None and (read.state.shares or other.state.shares):
        return other.state.moments.square
    return 1 / (fan(read.edge.relation) * max(read.state.moments.square, LEAST))


def _one(read: _Read, reads: Sequence[_Read]) -> float:
    return 1.0


def _scale(read: _Read, reads: Sequence[_Read]) -> float:
    return _value(read, 1.0) ** 2


def _gate(read: _Read, reads: Sequence[_Read]) -> float:
    return math.prod(other.state.moments.square for other in reads if other is not read)


def _quotient(read: _Read, reads: Sequence[_Read]) -> float:
    over, under = (_side(reads, side) for side in ("over", "under"))
    below = max(under.square, LEAST)
    if read.how.name == "over":
        return 1 / below
    return over.square / below**2


def _mean(read: _Read, reads: Sequence[_Read]) -> float:
    return 1 / (fan(read.edge.relation) * _value(read, 1.0)) ** 2


def _max(read: _Read, reads: Sequence[_Read]) -> float:
    count = fan(read.edge.relation)
    if count <= 1:
        return 1 / len(reads)
    opened = read.state.opened
    return (1.0 if opened is None else open_share(opened, round(count))) / count


def _norm(read: _Read, reads: Sequence[_Read]) -> float:
    how = read.how
    if how.name == "stored":
        return 1 / max(read.state.moments.within, LEAST)
    count, by_channel = how.values
    if count <= 1:
        return 0.0
    own = [other.state.moments for other in reads if other.how.name == "own"]
    variance = max(sum(m.within if by_channel else m.square for m in own), LEAST)
    return (max(0.0, 1 - 4 / count) if how.name == "own" else 2 / count**2) / variance


def _softmax(read: _Read, reads: Sequence[_Read]) -> float:
    share = math.e / _value(read, 1.0) ** 2
    own = read.how.name == "own"
    return (share if own else share**2) / max(read.state.moments.square, LEAST)


def _attention(read: _Read, reads: Sequence[_Read]) -> float:
    """Return what products, softmax and weighted sum pass on together, summed over the keys."""
    name, (keys, size) = read.how.name, read.how.values
    share = math.e / keys**2
    if name == "value":
        return share
    part = share if name.endswith("own") else keys * share**2
    many = keys if name.startswith("query") else 1.0
    squares = size * max(read.state.moments.square, LEAST)
    return many * part * _attended(reads).square / squares


def _attended(reads: Sequence[_Read]) -> Moments:
    """Return the moments of the values that an attention weighs."""
    return _side(reads, "value")


def _value(read: _Read, default: float) -> float:
    return read.how.values[0] if read.how.values else default


def _side(reads: Sequence[_Read], side: str) -> Moments:
    found = [read.state.moments for read in reads if read.how.name == side]
    return found[0] if found else STANDARD


# Results, by word: from the edges of that word into a tensor.


def _standard(reads: Sequence[_Read]) -> State:
    return State(STANDARD)


def _average(reads: Sequence[_Read]) -> State:
    if len(reads) == 1:
        return reads[0].state
    weights = [math.prod(read.edge.relation.in_shape) for read in reads]
    every = max(sum(weights), 1)
    parts = zip(*(read.state.moments for read in reads), strict=True)
    return State(
        Moments(*(sum(w * x for w, x in zip(weights, part, strict=True)) / every for part in parts))
    )


def _summed(reads: Sequence[_Read]) -> State:
    terms = [_times(read.state.moments, fan(read.edge.relation)) for read in reads]
    mean = sum(term.mean for term in terms)
    cross = mean**2 - sum(term.mean**2 for term in terms)
    square, channels = (
        sum(part) + cross for part in ((t.square for t in terms), (t.channels for t in terms))
    )
    return State(Moments(mean, square, channels))


def _times(moments: Moments, number: float) -> Moments:
    return Moments(moments.mean * number, moments.square * number**2, moments.channels * number**2)


def _scaled(reads: Sequence[_Read]) -> State:
    (read, *_) = reads
    return read.state._replace(moments=_times(read.state.moments, _value(read, 1.0)), opened=None)


def _shifted(reads: Sequence[_Read]) -> State:
    (read, *_) = reads
    mean, square, channels = read.state.moments
    by = _value(read, 0.0)
    more = 2 * by * mean + by**2
    return State(Moments(mean + by, square + more, channels + more))


def _gated(reads: Sequence[_Read]) -> State:
    parts = zip(*(read.state.moments for read in reads), strict=True)
    return State(Moments(*map(math.prod, parts)))


def _divided(reads: Sequence[_Read]) -> State:
    over, under = (_side(reads, side) for side in ("over", "under"))
    below = max(under.square, LEAST)
    return State(Moments(over.mean / math.sqrt(below), over.square / below, over.channels / below))


def _averaged(reads: Sequence[_Read]) -> State:
    (mean, square, channels), *_ = _average(reads)
    left = math.prod(_variance_left(rule) for rule in _rules(reads[0].edge.relation))
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _variance_left(rule: AxisRule) -> float:
    """Return what is left of the variance in an average; of a whole axis all, as of real data."""
    if isinstance(rule, Window):
        return 1 / rule.kernel
    return interpolation.mean_square(rule) if isinstance(rule, Resample) else 1.0


def _maximum(reads: Sequence[_Read]) -> State:
    count = fan(reads[0].edge.relation)
    if count <= 1:
        return _average(reads)
    opened = reads[0].state.opened
    given = reads[0].state.moments if opened is None else opened
    return State(largest(given, round(count), rectified_after=opened is not None))


def _multiplied(reads: Sequence[_Read]) -> State:
    weights = next((read.state for read in reads if read.state.shares), None)
    values = next((read.state for read in reads if not read.state.shares), None)
    if weights is None or values is None:
        return State(STANDARD)
    mean, square, channels = values.moments
    left = min(1.0, (weights.shares or 1.0) * weights.moments.square)
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _weighed(reads: Sequence[_Read]) -> State:
    mean, square, channels = _attended(reads)
    left = min(1.0, math.e / _value(reads[0], 1.0))
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _shared(reads: Sequence[_Read]) -> State:
    count = _value(reads[0], 1.0)
    return State(Moments(1 / count, math.e / count**2, 1 / count**2), shares=count)


FACTORS = {
    "attention": _attention,
    "gate": _gate,
    "max": _max,
    "mean": _mean,
    "norm": _norm,
    "product": _product,
    "quotient": _quotient,
    "recurrent": _recurrent,
    "scale": _scale,
    "select": _one,
    "shift": _one,
    "softmax": _softmax,
    "sum": _one,
    "weighted": _weighted,
}
RESULTS = {
    "": _average,
    "attention": _weighed,
    "gate": _gated,
    "max": _maximum,
    "mean": _averaged,
    "norm": _standard,
    "product": _multiplied,
    "quotient": _divided,
    "recurrent": _standard,
    "scale": _scaled,
    "select": _average,
    "shift": _shifted,
    "softmax": _shared,
    "sum": _summed,
    "weighted": _standard,
}
