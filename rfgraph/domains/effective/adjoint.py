"""The adjoint: how much each position counts for a unit, carried backward over every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from rfgraph.domains.effective import interpolation, lags, spreading
from rfgraph.domains.effective.lags import smooth, smooths
from rfgraph.domains.effective.mass import (
    Mass,
    add,
    expand,
    kept_rows,
    rescale,
    sum_along,
    total,
    trim,
    unit_mass,
    with_line,
)
from rfgraph.relations.axis_rules import (
    Band,
    Blocks,
    Listed,
    Pick,
    Repeat,
    Resample,
    Shift,
    Transposed,
    Whole,
    Window,
)
from rfgraph.relations.graph import shape_of
from rfgraph.relations.how import Kernel
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.effective.statistics import Floats
    from rfgraph.domains.effective.stored import Numbers
    from rfgraph.relations.axis_rules import OwnRule, Rows, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.reading import Ints
    from rfgraph.relations.steps import Everything, Places

# What a map counts: paths; equal shares; squares expected over weights, or over their signs.
Kind: TypeAlias = Literal["paths", "uniform", "random", "stored"]
# Up to here a float holds every integer.
EXACT = 1 << 53
# Without borders, what counts less than 2 to minus this of the most is left out: in the map, which
# holds the roots of squares, it changes no digit that is shown.
NEGLIGIBLE: Mapping[Kind, int] = {"paths": 45, "uniform": 45, "random": 80, "stored": 80}


@dataclass(slots=True)
class Weighing:
    """The edges that count, by the tensor that reads, in topological order, and how much each does.

    By the keys of edges: `factors` multiply what one passes on, one where it has none; `fading` is
    the share of the correlation between neighbours that is left behind it. Where there are
    `numbers` of the file for an edge, these count in place of its factor, and with them the one of
    `beside`. Edges that are `unknown` are left out; how others share is `assumed` or `approximate`.
    """

    kind: Kind
    edges: dict[str, tuple[Edge, ...]]
    factors: dict[object, float] = field(default_factory=dict)
    fading: dict[object, float] = field(default_factory=dict)
    beside: dict[object, float] = field(default_factory=dict)
    numbers: Numbers | None = None
    unknown: list[Edge] = field(default_factory=list)
    assumed: list[Edge] = field(default_factory=list)
    approximate: list[Edge] = field(default_factory=list)

    @property
    def squares(self) -> bool:
        """Whether squares are expected."""
        return self.kind in ("random", "stored")


def mass_on(
    graph: Graph,
    weighing: Weighing,
    source: str,
    target: str,
    index: Sequence[int | None],
    *,
    clipped: bool = True,
) -> Mass | None:
    """Return how much each position of `source` counts for the units of `target` at `index`.

    None if nothing is read. Unclipped, windows go on past the border. Raises BoundError for tensors
    too large to tabulate.
    """
    shape = shape_of(graph, target) or ()

    def sweep(kind: type) -> Mass | None:
        domain = Adjoint(weighing, clipped=clipped, exact=kind is object)
        masses = domain.from_target(graph, target, unit_mass(shape, index, kind))
        return next((mass for name, mass in masses if name == source), None)

    try:
        return sweep(float)
    except OverflowError:
        return sweep(object)


class Adjoint(Domain[Mass]):
    """How much each element of a tensor counts; `exact` counts are no floats."""

    backward = True
    # Whether the edge that is carried over averages, which may correlate neighbours: "all", or
    # "inside" if padding is left out.
    _averaging = ""

    def __init__(self, weighing: Weighing, *, clipped: bool = True, exact: bool = False) -> None:
        super().__init__(weighing.edges)
        self._weighing = weighing
        self._squares = weighing.squares
        self._clipped = clipped
        self._exact = exact

    def across(self, value: Mass, edge: Edge) -> Mass:
        """Carry a mass over an edge and weigh it."""
        mass, factor = self._carry_edge(value, edge)
        if factor != 1.0:
            mass = mass._replace(values=mass.values * factor)
        if not self._clipped:
            mass = trim(mass, NEGLIGIBLE[self._weighing.kind])
        fading = self._weighing.fading.get(edge.key, 1.0)
        if fading != 1.0 and mass.lags:
            mass = mass._replace(lags=lags.fade(mass.lags, fading))
        if self._weighing.kind != "paths":
            return rescale(mass)
        if not self._exact and mass.values.sum() >= EXACT:
            raise OverflowError("counts of paths are too large for floats")
        return mass

    def _carry_edge(self, value: Mass, edge: Edge) -> tuple[Mass, float]:
        """Return a mass carried over an edge, and by what it is still to be multiplied."""
        numbers = self._weighing.numbers
        if numbers is not None:
            passed = numbers.pass_on(value, edge, clipped=self._clipped)
            if passed is not None:
                self._averaging = ""
                done = edge.how is not None and isinstance(edge.how.stored, Kernel)
                mass = passed if done else self.carry(passed, edge.relation)
                return mass, self._weighing.beside.get(edge.key, 1.0)
        how = edge.how
        self._averaging = (how.name or "all") if how is not None and how.word == "mean" else ""
        return self.carry(value, edge.relation), self._weighing.factors.get(edge.key, 1.0)

    def is_nothing(self, value: Mass) -> bool:
        """Whether no element counts."""
        return not value.values.any()

    def join(self, first: Mass, second: Mass) -> Mass:
        """Return the sum."""
        mass = add(first, second)
        if first.lags or second.lags:
            own, other = (
                float(total(each)) * 2.0 ** max(each.exponent - mass.exponent, -1000)
                for each in (first, second)
            )
            mass = mass._replace(lags=lags.average(first.lags, second.lags, own / (own + other)))
        return mass._replace(lost=first.lost | second.lost)

    def pointwise(self, value: Mass, old: Shape, new: Shape) -> Mass:
        """Sum over the axes that were broadcast."""
        less = len(new) - len(old)
        for axis, length in enumerate(new):
            if axis < less or old[axis - less] != length:
                value = sum_along(value, axis)
        return value._replace(
            values=value.values.reshape(value.values.shape[less:]),
            origin=value.origin[less:],
            shape=old,
            lags={axis - less: lag for axis, lag in value.lags.items()},
            lost=frozenset(axis - less for axis in value.lost if axis >= less),
        )

    def permute(self, value: Mass, perm: tuple[int, ...], old: Shape) -> Mass:
        """Turn the axes back."""
        inverse = [perm.index(axis) for axis in range(len(perm))]
        return value._replace(
            values=value.values.transpose(inverse),
            origin=tuple(value.origin[axis] for axis in inverse),
            shape=old,
            lags={perm[axis]: lag for axis, lag in value.lags.items()},
            lost=frozenset(perm[axis] for axis in value.lost),
        )

    def regroup(self, value: Mass, old: Shape, new: Shape) -> Mass:
        """Write out the axes that are regrouped, unless the mass is constant along all of them."""
        lengths: list[int] = []
        origin: list[int | None] = []
        kept: dict[int, Floats] = {}
        lost: set[int] = set()
        for before, after in regroup_plan(old, new):
            if len(before) == len(after) == 1:
                (axis,) = after
                lengths.append(value.values.shape[axis])
                origin.append(value.origin[axis])
                kept.update((before[0], lag) for at, lag in value.lags.items() if at == axis)
                lost.update(before if axis in value.lost else ())
                continue
            if all(value.origin[axis] is None for axis in after):
                lengths.extend([1] * len(before))
                origin.extend([None] * len(before))
                continue
            for axis in after:
                value = expand(value, axis)
            lengths.extend(old[axis] for axis in before)
            origin.extend(None if old[axis] == 1 else 0 for axis in before)
            lost.update(before)
        return value._replace(
            values=value.values.reshape(lengths),
            origin=tuple(origin),
            shape=old,
            lags=kept,
            lost=frozenset(lost),
        )

    def gather(self, value: Mass, places: Places, old: Shape, new: Shape) -> Mass:
        """Give each element what all that read it pass on."""
        for axis in range(len(new)):
            varies = any(place.shape[axis] > 1 for place in places)
            value = expand(value, axis) if varies else sum_along(value, axis)
        return value._replace(
            values=spreading.gather(places, value.values, old),
            origin=tuple(None if length == 1 else 0 for length in old),
            shape=old,
            lags={},
            lost=frozenset() if self._clipped else frozenset(range(len(old))),
        )

    def along(self, value: Mass, axis: int, rule: OwnRule, shape: Shape) -> Mass:
        """Give each position what the rule lets it pass on."""
        before, lag = self._constant(value, axis, rule), None
        if before is None:
            gain, lag = self._correlation(value, axis, rule)
            before = self._spread(value, axis, rule)
            if gain != 1.0:
                before = before._replace(values=before.values * gain)
        return before._replace(shape=shape, lags=lags.at(before.lags, axis, lag))

    def rows(self, value: Mass, axis: int, rule: Rows, shape: Shape) -> Mass:
        """Give each position what the rows that keep it pass on."""
        before = kept_rows(value, axis, rule)
        return before._replace(shape=shape, lags=lags.at(before.lags, axis, None))

    def _constant(self, value: Mass, axis: int, rule: OwnRule) -> Mass | None:
        """Return the mass where it is constant along the axis, None where it is not."""
        if isinstance(rule, Whole):
            return sum_along(value, axis)
        if value.origin[axis] is not None:
            return None
        if isinstance(rule, Blocks):
            return value._replace(values=value.values * (rule.out_len // rule.groups))
        if isinstance(rule, Repeat) and rule.out_len % rule.in_len == 0:
            return value._replace(values=value.values * (rule.out_len // rule.in_len))
        if isinstance(rule, Shift) and abs(rule.step) == 1 and _covers(rule):
            return value
        return None

    def _correlation(self, value: Mass, axis: int, rule: OwnRule) -> tuple[float, Floats | None]:
        if not self._squares:
            return 1.0, None
        lag = value.lags.get(axis)
        if self._averaging and isinstance(rule, (Window, Resample)) and smooths(rule):
            return smooth(rule, lag)
        if isinstance(rule, Shift) and abs(rule.step) == 1:
            return 1.0, lag
        return 1.0, lags.lags_before(rule, lag)

    def _spread(self, value: Mass, axis: int, rule: OwnRule) -> Mass:
        if value.origin[axis] is None:
            value = expand(value, axis)
        if isinstance(rule, Window) and self._averaging == "inside":
            value = self._shared_inside(value, axis, rule)
        line = self._spread_without_ends(value, axis, rule)
        if line is None:
            lost = value.lost if self._clipped else value.lost | {axis}
            value = expand(value, axis)._replace(lost=lost)
            values = self._spread_to_ends(rule, np.moveaxis(value.values, axis, 0))
            return with_line(value, axis, np.moveaxis(values, 0, axis), 0)
        values, first = line
        if self._clipped or (isinstance(rule, Shift) and rule.outside == "absent"):
            skipped = max(-first, 0)
            values = values[skipped : max(rule.in_len - first, 0)]
            first += skipped
        return with_line(value, axis, np.moveaxis(values, 0, axis), first)

    def _shared_inside(self, value: Mass, axis: int, rule: Window) -> Mass:
        """Return a mass of which windows at a border pass on more, for they average fewer."""
        if not self._clipped or not self._squares:
            return value
        count = value.values.shape[axis]
        more = (rule.kernel / spreading.count_inside(rule, value.origin[axis] or 0, count)) ** 2
        lengths = [count if a == axis else 1 for a in range(len(value.shape))]
        return value._replace(values=value.values * more.reshape(lengths))

    def _spread_without_ends(
        self, value: Mass, axis: int, rule: OwnRule
    ) -> tuple[NDArray[Any], int] | None:
        """Return what rules make of an axis that know no border; None for the others."""
        values, first = np.moveaxis(value.values, axis, 0), value.origin[axis] or 0
        if isinstance(rule, Band):
            rule = rule.window or rule
        if isinstance(rule, Window):
            return spreading.window(rule, values, first)
        if isinstance(rule, Transposed):
            return spreading.transposed_window(rule, values, first)
        simple = isinstance(rule, Shift) and (
            not self._clipped or rule.outside in ("pad", "absent")
        )
        if isinstance(rule, Shift) and simple:
            return spreading.shift(rule, values, first)
        return None

    def _spread_to_ends(self, rule: OwnRule, values: NDArray[Any]) -> NDArray[Any]:
        """Return what all other rules make of an axis; `values` are all there."""
        if isinstance(rule, Resample):
            return interpolation.spread(*self._taps(rule), values, rule.in_len)
        if isinstance(rule, Listed):
            return spreading.list_taps(rule, values, evenly=self._weighing.kind == "uniform")
        if isinstance(rule, Blocks):
            return spreading.blocks(rule, values)
        if isinstance(rule, Band):
            return spreading.band(rule, values)
        assert isinstance(rule, (Shift, Repeat, Pick))
        return spreading.single(rule, values)

    def _taps(self, rule: Resample) -> tuple[Ints, NDArray[Any]]:
        position, weight = interpolation.taps(rule)
        if self._squares:
            return position, weight**2
        return position, (weight != 0).astype(int) if self._weighing.kind == "paths" else weight

    def everything(self, value: Mass, step: Everything, old: Shape) -> Mass:
        """Give every element the sum of all."""
        rank = len(old)
        values = np.full((1,) * rank, total(value), dtype=value.values.dtype)
        return Mass(values, (None,) * rank, old, value.exponent, {})


def _covers(rule: Shift) -> bool:
    """Whether every position of the input is read, by a rule of step one."""
    ends = (rule.start, rule.start + (rule.out_len - 1) * rule.step)
    inside = rule.outside in ("pad", "absent")
    return inside and min(ends) <= 0 and max(ends) >= rule.in_len - 1
