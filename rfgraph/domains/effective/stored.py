"""The weights of a file, squared, in place of expected squares: what an edge passes on by channel.

The expectation is then over the signs of the weights alone. Of what is multiplied element by
element each has its own factor; a sum with weights passes on, from every channel of its result to
every channel that it reads, the square of the weight between them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.domains.effective import lags, spreading
from rfgraph.domains.effective.mass import Mass, expand
from rfgraph.errors import BoundError, ModelError
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.bounds import check_size
from rfgraph.relations.how import Kernel
from rfgraph.relations.steps import Taps
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.relations.axis_rules import TapRule
    from rfgraph.relations.graph import Edge, Fetch
    from rfgraph.relations.how import Scaling
    from rfgraph.relations.relation import Relation

# Of weights and values, in all sums of one question.
MAX_MULTIPLIED = 1 << 38
# Beyond it sums of squares may leave the range of a float; no number of 32 bits comes near.
LARGEST = 2.0**400
_FLOATS = ("bfloat16", "float16", "float32", "float64")
_WORDS = ("norm", "recurrent", "scale", "weighted")


def takes_numbers(edge: Edge) -> bool:
    """Whether numbers of the file multiply what an edge reads."""
    how = edge.how
    return how is not None and how.word in _WORDS and not (how.word == "scale" and how.values)


class Numbers:
    """What `fetch` gives of a file, an edge at a time, of which nothing is kept.

    `missing` are the edges of which it gave nothing that could be used.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.missing: dict[object, Edge] = {}
        self._fetch = fetch
        self._multiplied = 0

    def pass_on(self, value: Mass, edge: Edge, *, clipped: bool) -> Mass | None:
        """Return the mass times the squares of what multiplies it; None where that is not known.

        Behind an edge that sums with weights that is all; any other is still to be carried over.
        """
        how = edge.how
        if how is None or not takes_numbers(edge) or how.stored == ():
            return None
        squares = None if how.stored is None else self._squares(edge, how.stored)
        if squares is None:
            self.missing[edge.key] = edge
            return None
        if not isinstance(how.stored, Kernel):
            return _times(value, squares, clipped=clipped)
        value = _written_out(value, edge.relation, how.stored)
        self._multiplied += squares.size * (value.values.size // value.shape[how.stored.gives])
        if self._multiplied > MAX_MULTIPLIED:
            raise BoundError(f"weights times values exceed MAX_MULTIPLIED ({MAX_MULTIPLIED})")
        return _contract(value, edge.relation, how.stored, squares, clipped=clipped)

    def _squares(self, edge: Edge, stored: Kernel | Sequence[Scaling]) -> Floats | None:
        """Return the squares of a kernel, taps first, or of all that scales; None if not there."""
        if isinstance(stored, Kernel):
            numbers = self._numbers(edge, stored.slot, stored.shape)
            if numbers is None:
                return None
            if stored.transposed:
                numbers = numbers.swapaxes(1, 2)
            taps = range(3, numbers.ndim)
            numbers = numbers.transpose(*taps, 0, 1, 2)
            with np.errstate(all="ignore"):
                squares = np.square(numbers, dtype=np.float64, order="C")
                if stored.scale != 1:
                    squares *= stored.scale**2
            return _power_of(edge, stored.slot, numbers, squares, 2)
        factors: Floats = np.ones(())
        for item in stored:
            numbers = self._numbers(edge, item.slot, item.shape)
            if numbers is None:
                return None
            numbers = numbers.astype(np.float64) + item.plus
            power = 2 * item.power
            with np.errstate(all="ignore"):
                squares = numbers**power
            factors = factors * _power_of(edge, item.slot, numbers, squares, power)
        return factors

    def _numbers(self, edge: Edge, slot: int, shape: Sequence[int]) -> NDArray[Any] | None:
        numbers = self._fetch(edge.operator, slot)
        if numbers is None or numbers.dtype.name not in _FLOATS or numbers.size != math.prod(shape):
            return None
        return (numbers if numbers.dtype.isbuiltin else numbers.astype(np.float32)).reshape(shape)


def _power_of(
    edge: Edge, slot: int, numbers: NDArray[Any], squares: Floats, power: float
) -> Floats:
    """Return what `numbers` are to a power; ModelError if that is below zero, or too large."""
    if squares.min(initial=0) >= 0 and squares.max(initial=0) < LARGEST:
        return squares
    number = float(numbers[~((squares >= 0) & (squares < LARGEST))].flat[0])
    what = {-1: "a variance above 0", -2: "divisors other than 0"}.get(
        int(power), "numbers up to 1e60"
    )
    label = f"node {quote(edge.operator.label)} ({edge.operator.op_type})"
    raise ModelError(f"{label}: input {slot} requires {what}, found {number:g}")


def _times(value: Mass, factors: Floats, *, clipped: bool) -> Mass:
    """Return a mass times factors that broadcast to its tensor."""
    rank = len(value.shape)
    factors = factors.reshape((1,) * (rank - factors.ndim) + factors.shape)
    varying = [axis for axis in range(rank) if factors.shape[axis] > 1]
    for axis in varying:
        value = expand(value, axis)
    lost = value.lost if clipped else value.lost | frozenset(varying)
    return value._replace(values=value.values * factors, lost=lost)


def _rules(relation: Relation) -> dict[int, TapRule]:
    """Return the windows of a relation by the axis of what is read."""
    steps = (step for step in relation.steps if isinstance(step, Taps))
    return {axis: rule for step in steps for axis, rule in step.rules}


def _others(relation: Relation, kernel: Kernel) -> dict[int, int]:
    """Return the axes of the result by those of what is read, but for the channels."""
    inner = [axis for axis in range(len(relation.in_shape)) if axis != kernel.reads]
    outer = [axis for axis in range(len(relation.out_shape)) if axis != kernel.gives]
    return dict(zip(inner, outer, strict=True))


def _written_out(value: Mass, relation: Relation, kernel: Kernel) -> Mass:
    """Return a mass whose channels are all there, and that is constant along no window."""
    others = _others(relation, kernel)
    for axis in _rules(relation):
        if value.origin[others[axis]] is None:
            value = expand(value, others[axis])
    return expand(value, kernel.gives)


def _contract(
    value: Mass, relation: Relation, kernel: Kernel, squares: Floats, *, clipped: bool
) -> Mass:
    """Return what a sum with weights passes on; `squares` by tap, group, result, what is read."""
    rules, others = _rules(relation), _others(relation, kernel)
    lines = [_line(rules.get(axis), value, other) for axis, other in others.items()]
    origin: list[int | None] = [0] * len(relation.in_shape)
    kept = {
        axis: lag for axis, other in others.items() if (lag := value.lags.get(other)) is not None
    }
    cut = [slice(None)] * len(relation.in_shape)
    for (axis, other), line in zip(others.items(), lines, strict=True):
        origin[axis] = value.origin[other]
        if line is None:
            continue
        kept = lags.at(kept, axis, lags.lags_before(rules[axis], kept.get(axis)))
        least = max(-line.first, 0) if clipped else 0
        most = relation.in_shape[axis] - line.first if clipped else line.length
        cut[axis], origin[axis] = slice(least, max(most, 0)), line.first + least
    values = np.moveaxis(value.values, kernel.gives, 0)
    values = np.moveaxis(_spread(values, squares, lines), 0, kernel.reads)[tuple(cut)]
    lost = frozenset(axis for axis, other in others.items() if other in value.lost)
    return Mass(values, tuple(origin), relation.in_shape, value.exponent, kept, lost)


def _line(rule: TapRule | None, value: Mass, axis: int) -> spreading.Taps | None:
    """Return where a rule puts the values along an axis, None for one that stays as it is."""
    first, count = value.origin[axis] or 0, value.values.shape[axis]
    if isinstance(rule, Window):
        return spreading.window_taps(rule, first, count)
    return spreading.transposed_taps(rule, first, count) if isinstance(rule, Transposed) else None


def _spread(
    values: NDArray[Any], squares: Floats, lines: Sequence[spreading.Taps | None]
) -> Floats:
    """Return what is read, channels first, of values that have them first as well."""
    *taps, groups, gives, reads = squares.shape
    lengths = zip(values.shape[1:], lines, strict=True)
    shape = (groups * reads, *(n if line is None else line.length for n, line in lengths))
    check_size(math.prod(shape))
    spread: Floats = np.zeros(shape)
    values = np.ascontiguousarray(values)
    for tap in np.ndindex(*taps):
        source, target = [slice(None)], [slice(None)]
        numbers = iter(tap)
        for line in lines:
            move = (slice(None),) * 2 if line is None else line.moves[next(numbers)]
            source.append(move[0])
            target.append(move[1])
        part = values[tuple(source)]
        if part.size:
            made = squares[tap].swapaxes(1, 2) @ part.reshape(groups, gives, -1)
            spread[tuple(target)] += made.reshape(-1, *part.shape[1:])
    return spread
