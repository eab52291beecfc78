"""What an edge passes on, expected in squares, and what is expected of the values behind it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.domains.effective import interpolation
from rfgraph.domains.effective.activations import (
    ARGUMENT,
    STANDARD,
    Moments,
    Op,
    expected_moments,
    largest,
    open_share,
    rectified_moments,
)
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Resample,
    Rows,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.how import SELECT
from rfgraph.relations.steps import Prefix, Reduce, Taps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.relations.axis_rules import AxisRule
    from rfgraph.relations.graph import Edge
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


# -- how many are read -----------------------------------------------------------------------------


def _rules(relation: Relation) -> Iterator[AxisRule]:
    for step in relation.steps:
        if isinstance(step, (Taps, Reduce, Prefix)):
            yield from (rule for _, rule in step.rules)


def spreads(relation: Relation) -> bool:
    """Whether a relation has a rule that sums."""
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
    if rule.window is not None:
        return max(rule.window.kernel, 1)
    if rule.before is None and rule.after is None:
        return rule.in_len
    bounded = rule.after if rule.before is None else rule.before
    return max((rule.in_len + 1) / 2 + (bounded or 0), 1.0)


class Read(NamedTuple):
    """An edge with the state of what it reads, and the number of that tensor.

    `program` is what it does to an element, where that is written out in several operators.
    """

    edge: Edge
    state: State
    place: int
    program: Op | None

    @property
    def how(self) -> How:
        """How it enters; where no rule says, as the rest of its operator's does: unchanged."""
        return self.edge.how or SELECT

    @property
    def word(self) -> str:
        """The word for how it enters, "" where no rule says."""
        return self.edge.how.word if self.edge.how else ""

    @property
    def expected(self) -> tuple[Moments, float] | None:
        """What is expected behind a function of one element, and of its squared slope."""
        if self.how.name == "Relu":
            return rectified_moments(self.state.moments)
        program = self.program or Op(self.how.name, self.how.values, (ARGUMENT,))
        return expected_moments(program, self.state.moments)


def is_approximate(read: Read) -> bool:
    """Whether the factor of an edge is not exact."""
    if read.word == "norm":
        return read.how.name != "stored"
    return read.word in ("attention", "gate", "max", "product", "quotient", "recurrent", "softmax")


# Factors, by word: of squares, from an edge and all edges into its tensor.


def _weights(read: Read, reads: Sequence[Read]) -> float:
    return 1 / (fan(read.edge.relation) * max(read.state.moments.within, LEAST))


def _product(read: Read, reads: Sequence[Read]) -> float:
    other = next((o for o in reads if o is not read and o.word == "product"), None)
    if other is not None and (read.state.shares or other.state.shares):
        return other.state.moments.square
    return 1 / (fan(read.edge.relation) * max(read.state.moments.square, LEAST))


def _shared_evenly(read: Read, reads: Sequence[Read]) -> float:
    return 1 / fan(read.edge.relation)


def _activation(read: Read, reads: Sequence[Read]) -> float:
    moments_and_slope = read.expected
    return 1.0 if moments_and_slope is None else moments_and_slope[1]


def _one(read: Read, reads: Sequence[Read]) -> float:
    return 1.0


def _scale(read: Read, reads: Sequence[Read]) -> float:
    return _value(read, 1.0) ** 2


def _gate(read: Read, reads: Sequence[Read]) -> float:
    return math.prod(other.state.moments.square for other in reads if other is not read)


def _quotient(read: Read, reads: Sequence[Read]) -> float:
    over, under = (_side(reads, side) for side in ("over", "under"))
    below = max(under.square, LEAST)
    if read.how.name == "over":
        return 1 / below
    return over.square / below**2


def _mean(read: Read, reads: Sequence[Read]) -> float:
    return 1 / (fan(read.edge.relation) * _value(read, 1.0)) ** 2


def _max(read: Read, reads: Sequence[Read]) -> float:
    count = fan(read.edge.relation)
    if count <= 1:
        return 1 / len(reads)
    opened = read.state.opened
    return (1.0 if opened is None else open_share(opened, round(count))) / count


def _norm(read: Read, reads: Sequence[Read]) -> float:
    how = read.how
    if how.name == "stored":
        return 1 / max(read.state.moments.within, LEAST)
    count, by_channel = how.values
    if count <= 1:
        return 0.0
    own = [other.state.moments for other in reads if other.how.name == "own"]
    variance = max(sum(m.within if by_channel else m.square for m in own), LEAST)
    return (max(0.0, 1 - 4 / count) if how.name == "own" else 2 / count**2) / variance


def _softmax(read: Read, reads: Sequence[Read]) -> float:
    share = math.e / _value(read, 1.0) ** 2
    own = read.how.name == "own"
    return (share if own else share**2) / max(read.state.moments.square, LEAST)


def _attention(read: Read, reads: Sequence[Read]) -> float:
    """Return what products, softmax and weighted sum pass on together, summed over the keys."""
    name, (keys, size) = read.how.name, read.how.values
    share = math.e / keys**2
    if name == "value":
        return share
    part = share if name.endswith("own") else keys * share**2
    many = keys if name.startswith("query") else 1.0
    squares = size * max(read.state.moments.square, LEAST)
    return many * part * _values_attended_to(reads).square / squares


def _values_attended_to(reads: Sequence[Read]) -> Moments:
    """Return the moments of the values that an attention weighs."""
    return _side(reads, "value")


def _value(read: Read, default: float) -> float:
    return read.how.values[0] if read.how.values else default


def _side(reads: Sequence[Read], side: str) -> Moments:
    moments = [read.state.moments for read in reads if read.how.name == side]
    return moments[0] if moments else STANDARD


# Results, by word: from the edges of that word into a tensor.


def _standard_state(reads: Sequence[Read]) -> State:
    return State(STANDARD)


def _state_of_activation(reads: Sequence[Read]) -> State:
    (read, *_) = reads
    moments = read.state.moments
    moments_and_slope = read.expected
    if moments_and_slope is None:
        return State(moments)
    return State(moments_and_slope[0], moments if read.how.name == "Relu" else None)


def _average_state(reads: Sequence[Read]) -> State:
    if len(reads) == 1:
        return reads[0].state
    weights = [math.prod(read.edge.relation.in_shape) for read in reads]
    every = max(sum(weights), 1)
    parts = zip(*(read.state.moments for read in reads), strict=True)
    return State(
        Moments(*(sum(w * x for w, x in zip(weights, part, strict=True)) / every for part in parts))
    )


def _state_of_sum(reads: Sequence[Read]) -> State:
    terms = [_times(read.state.moments, fan(read.edge.relation)) for read in reads]
    mean = sum(term.mean for term in terms)
    cross = mean**2 - sum(term.mean**2 for term in terms)
    square, channels = (
        sum(part) + cross for part in ((t.square for t in terms), (t.channels for t in terms))
    )
    return State(Moments(mean, square, channels))


def _times(moments: Moments, number: float) -> Moments:
    return Moments(moments.mean * number, moments.square * number**2, moments.channels * number**2)


def _state_of_scale(reads: Sequence[Read]) -> State:
    (read, *_) = reads
    return read.state._replace(moments=_times(read.state.moments, _value(read, 1.0)), opened=None)


def _state_of_shift(reads: Sequence[Read]) -> State:
    (read, *_) = reads
    mean, square, channels = read.state.moments
    by = _value(read, 0.0)
    more = 2 * by * mean + by**2
    return State(Moments(mean + by, square + more, channels + more))


def _state_of_gate(reads: Sequence[Read]) -> State:
    parts = zip(*(read.state.moments for read in reads), strict=True)
    return State(Moments(*map(math.prod, parts)))


def _state_of_quotient(reads: Sequence[Read]) -> State:
    over, under = (_side(reads, side) for side in ("over", "under"))
    below = max(under.square, LEAST)
    return State(Moments(over.mean / math.sqrt(below), over.square / below, over.channels / below))


def _state_of_mean(reads: Sequence[Read]) -> State:
    (mean, square, channels), *_ = _average_state(reads)
    left = math.prod(_variance_left(rule) for rule in _rules(reads[0].edge.relation))
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _variance_left(rule: AxisRule) -> float:
    """Return what is left of the variance in an average; of a whole axis all, as of real data."""
    if isinstance(rule, Window):
        return 1 / rule.kernel
    return interpolation.mean_square(rule) if isinstance(rule, Resample) else 1.0


def _state_of_max(reads: Sequence[Read]) -> State:
    count = fan(reads[0].edge.relation)
    if count <= 1:
        return _average_state(reads)
    opened = reads[0].state.opened
    given = reads[0].state.moments if opened is None else opened
    return State(largest(given, round(count), rectified_after=opened is not None))


def _state_of_product(reads: Sequence[Read]) -> State:
    weights = next((read.state for read in reads if read.state.shares), None)
    values = next((read.state for read in reads if not read.state.shares), None)
    if weights is None or values is None:
        return State(STANDARD)
    mean, square, channels = values.moments
    left = min(1.0, (weights.shares or 1.0) * weights.moments.square)
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _state_of_attention(reads: Sequence[Read]) -> State:
    mean, square, channels = _values_attended_to(reads)
    left = min(1.0, math.e / _value(reads[0], 1.0))
    return State(Moments(mean, channels + (square - channels) * left, channels))


def _state_of_softmax(reads: Sequence[Read]) -> State:
    count = _value(reads[0], 1.0)
    return State(Moments(1 / count, math.e / count**2, 1 / count**2), shares=count)


FACTORS = {
    "": _shared_evenly,
    "activation": _activation,
    "attention": _attention,
    "gate": _gate,
    "max": _max,
    "mean": _mean,
    "norm": _norm,
    "product": _product,
    "quotient": _quotient,
    "recurrent": _shared_evenly,
    "scale": _scale,
    "select": _one,
    "shift": _one,
    "softmax": _softmax,
    "sum": _one,
    "weighted": _weights,
}
RESULTS = {
    "": _average_state,
    "activation": _state_of_activation,
    "attention": _state_of_attention,
    "gate": _state_of_gate,
    "max": _state_of_max,
    "mean": _state_of_mean,
    "norm": _standard_state,
    "product": _state_of_product,
    "quotient": _state_of_quotient,
    "recurrent": _standard_state,
    "scale": _state_of_scale,
    "select": _average_state,
    "shift": _state_of_shift,
    "softmax": _state_of_softmax,
    "sum": _state_of_sum,
    "weighted": _standard_state,
}
