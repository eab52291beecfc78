"""Which units padding touches, at any depth, from each side of an input axis.

A unit is touched from the left if it reads, or anything that it reads does, before the first
position of a tensor on the way; from the right likewise behind the last. What lies there is
whatever the operator pads with, or nothing: what goes round, or turns back, is not what would
follow if the input went on. By slices and a Concat an axis is padded as by one operator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import tables
from rfgraph.domains.positions import flags
from rfgraph.domains.read_units import ReadUnits, chosen_at
from rfgraph.domains.regions import Clipped, table_of
from rfgraph.domains.regroup import Regrouped, regrouped_axes
from rfgraph.domains.tables import Table
from rfgraph.relations.axis_rules import (
    Band,
    Resample,
    Shift,
    Transposed,
    Whole,
    Window,
    along_axis,
    progressions,
)
from rfgraph.relations.bounds import allowance, check_size
from rfgraph.relations.graph import input_shape
from rfgraph.relations.interpretation import Domain, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.domains.read_units import Product
    from rfgraph.domains.regions import Held
    from rfgraph.relations.axis_rules import OwnRule, Rows, Shape
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.reading import Mask
    from rfgraph.relations.steps import Everything, Places


# The axes that carry an axis of an input: of a tensor, or where that was reshaped, before.
Carriers: TypeAlias = "frozenset[int] | Regrouped[frozenset[int]]"


class Padding:
    """What padding along an axis of an input touches of the units of a tensor.

    Each answer has a side before the input's first position, and one behind its last. `over` are
    edges in place of the graph's.
    """

    def __init__(
        self, graph: Graph, source: str, axis: int, tensor: str, over: Mapping[str, Sequence[Edge]]
    ) -> None:
        self._graph, self._source, self._tensor, self._over = graph, source, tensor, over
        start: Carriers = frozenset((axis,))
        walk = _Carrying(over)
        self._carriers = dict(walk.from_source(graph, source, start, [tensor]))
        self._parted = frozenset(
            name
            for name in self._carriers
            if len({edge.slot for edge in walk.edges_into(graph, name)}) > 1
        )

    def at(self, index: Sequence[int | tuple[int, int] | None]) -> tuple[bool, bool]:
        """Return whether padding touches some of the units at `index`.

        An entry is a unit, the first and the end of a range, or None for a whole axis. Raises
        BoundError as `boxes_read` does.
        """
        touching = _Touching(self._over, self._carriers, self._parted)
        chosen = chosen_at(index, input_shape(self._graph, self._tensor))
        for _ in touching.from_target(self._graph, self._tensor, (chosen,)):
            if touching.left and touching.right:
                break
        return touching.left, touching.right

    @allowance()
    def flags(self) -> tuple[Mask, Mask] | None:
        """Return a flag for each unit; of length 1 along axes that do not matter.

        None if the input does not reach the tensor. BoundError where tables grow too large.
        """
        zero = np.zeros((1,) * len(input_shape(self._graph, self._source)), dtype=np.int64)
        domain = _Tabulated(self._over, self._carriers, self._parted)
        walk = domain.from_source(self._graph, self._source, (Table(zero, zero),), [self._tensor])
        for name, (held,) in walk:
            if name == self._tensor:
                table = table_of(held)
                return table.lo == -1, table.hi == 1
        return None


def touched_counts(found: tuple[Mask, Mask], axis: int) -> tuple[int, int]:
    """Return how many positions along a tensor's axis padding touches, from each side."""
    left, right = (
        int(side.any(axis=tuple(at for at in range(side.ndim) if at != axis)).sum())
        for side in found
    )
    return left, right


# -- which axes carry an input's -------------------------------------------------------------------


def _axes_held(value: Carriers) -> frozenset[int]:
    return value.held if isinstance(value, Regrouped) else value


def _here(value: Carriers) -> frozenset[int]:
    """Return the axes of the tensor as it stands."""
    if isinstance(value, Regrouped):
        return regrouped_axes(value.held, value.shape, value.now)
    return value


class _Carrying(Domain[Carriers]):
    def pointwise(self, value: Carriers, old: Shape, new: Shape) -> Carriers:
        return frozenset(axis + len(new) - len(old) for axis in _here(value))

    def permute(self, value: Carriers, perm: tuple[int, ...], old: Shape) -> Carriers:
        return frozenset(perm.index(axis) for axis in _here(value))

    def regroup(self, value: Carriers, old: Shape, new: Shape) -> Carriers:
        if not isinstance(value, Regrouped):
            return Regrouped(value, old, new)
        return value.held if value.shape == new else Regrouped(value.held, value.shape, new)

    def gather(self, value: Carriers, places: Places, old: Shape, new: Shape) -> Carriers:
        return frozenset(
            behind
            for axis in _here(value)
            for behind, length in enumerate(places[axis].shape)
            if length > 1
        )

    def along(self, value: Carriers, axis: int, rule: OwnRule, shape: Shape) -> Carriers:
        # What reads all of an axis has no position on it any more.
        return _here(value) - ({axis} if isinstance(rule, Whole) else set())

    def rows(self, value: Carriers, axis: int, rule: Rows, shape: Shape) -> Carriers:
        return _here(value)

    def everything(self, value: Carriers, step: Everything, old: Shape) -> Carriers:
        return frozenset()

    def join(self, first: Carriers, second: Carriers) -> Carriers:
        if not _axes_held(first):
            first, second = second, first
        if not _axes_held(second):
            return first
        shape = second.shape if isinstance(second, Regrouped) else None
        if isinstance(first, Regrouped) and first.shape == shape:
            return replace(first, held=first.held | _axes_held(second))
        return _here(first) | _here(second)


# -- what lies outside -----------------------------------------------------------------------------


def _ends_outside(rule: OwnRule, *, in_part: bool) -> tuple[Mask, Mask] | None:
    """Return which positions of a rule lie outside, from each side; None of one that has none."""
    if isinstance(rule, Band):
        if rule.window is None:
            return None
        rule = rule.window
    check_size(rule.out_len)
    if isinstance(rule, Shift):
        if in_part and rule.outside == "absent":
            return None
        first = rule.start + rule.step * np.arange(rule.out_len, dtype=np.int64)
        last = first
    elif isinstance(rule, (Window, Transposed, Resample)):
        first, step, count = progressions(rule, rule.out_len)
        last = np.where(count > 0, first + (count - 1) * step, 0)
        first = np.where(count > 0, first, 0)
    else:
        return None
    return first < 0, last >= rule.in_len


class _Outside(Domain[Value]):
    """A walk over edges from what the input reaches that knows where its axis lies.

    The edges into the tensors `parted` bring parts, of which each is absent from the others.
    """

    _in_part = False
    _here: frozenset[int] = frozenset()

    def __init__(
        self,
        over: Mapping[str, Sequence[Edge]],
        carriers: Mapping[str, Carriers],
        parted: frozenset[str],
    ) -> None:
        super().__init__(over)
        self._carrying, self._carriers, self._parted = _Carrying(), carriers, parted

    def edges_into(self, graph: Graph, tensor: str) -> Iterable[Edge]:
        edges = super().edges_into(graph, tensor)
        return (edge for edge in edges if edge.source in self._carriers)

    def across(self, value: Value, edge: Edge) -> Value:
        """Carry a value over an edge, with the axes that carry the input's before each step."""
        self._in_part = edge.target in self._parted
        steps = []
        carriers = self._carriers[edge.source]
        for step, shape in edge.relation.plan:
            steps.append((step, shape, _here(carriers)))
            carriers = self._carrying.step(carriers, step, shape)
        for step, shape, here in reversed(steps) if self.backward else steps:
            self._here = here
            if self.is_nothing(value):
                break
            value = self.step(value, step, shape)
        return value

    def outside(self, axis: int, rule: OwnRule) -> tuple[Mask, Mask] | None:
        """Return which positions of a rule lie outside, from each side; None where none can."""
        return _ends_outside(rule, in_part=self._in_part) if axis in self._here else None


class _Tabulated(_Outside[tuple["Held", ...]], Clipped):
    """A table whose lo is -1 where padding touches from the left, and hi 1 where from the right."""

    def along(
        self, value: tuple[Held, ...], axis: int, rule: OwnRule, shape: Shape
    ) -> tuple[Held, ...]:
        (made,) = super().along(value, axis, rule, shape)
        outside = self.outside(axis, rule)
        if outside is not None:
            dims = along_axis(rule.out_len, axis, len(shape))
            left, right = (side.reshape(dims).astype(np.int64) for side in outside)
            made = tables.join(table_of(made), Table(-left, right))
        return (made,)


class _Touching(_Outside[tuple["Product", ...]], ReadUnits):
    """Notes on the way from chosen units back where positions lie outside of what is read."""

    left = right = False

    def along(
        self, value: tuple[Product, ...], axis: int, rule: OwnRule, shape: Shape
    ) -> tuple[Product, ...]:
        outside = self.outside(axis, rule)
        if outside is not None:
            for one in value:
                chosen = flags(one[axis], rule.out_len)
                self.left = self.left or bool(outside[0][chosen].any())
                self.right = self.right or bool(outside[1][chosen].any())
        return super().along(value, axis, rule, shape)
