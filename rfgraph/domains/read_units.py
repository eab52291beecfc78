"""What chosen units read of the tensors before them: unions of products of position sets.

Carried backward, for one index: where steps treat axes apart one product mostly does. What is
chosen is exact; where it would take too many products there is an error, and only a table tells.
"""

from __future__ import annotations

import math
from itertools import product as cartesian
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.continued import continued
from rfgraph.domains.joined import Joining, put_together
from rfgraph.domains.padding import Carriers, Carrying, ends_outside, has_parts, ways_to
from rfgraph.domains.positions import ends, flags, is_within, positions, read_by, union
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import OwnRule, Rows, Shape, inverse
from rfgraph.relations.bounds import bounded
from rfgraph.relations.graph import edges_into, input_shape
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.domains.padding import Ways
    from rfgraph.domains.positions import Positions
    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.reading import Mask
    from rfgraph.relations.relation import Relation
    from rfgraph.relations.steps import Everything, Places


# So many products are carried at once.
MAX_PRODUCTS = 64

Product: TypeAlias = "tuple[Positions, ...]"
Products: TypeAlias = "tuple[Product, ...]"


def boxes_read(
    graph: Graph, target: str, index: Sequence[int | tuple[int, int] | None]
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the tight boxes that the units of `target` at `index` read of what leads to it.

    An entry is a unit, the first and the end of a range, or None for a whole axis. Raises
    BoundError beyond MAX_PRODUCTS, and where an axis is too long to be gone through.
    """
    lengths = input_shape(graph, target)
    chosen = tuple(_chosen(at, length) for at, length in zip(index, lengths, strict=True))
    over = continued(graph, put_together({name: tuple(edges_into(graph, name)) for name in graph}))
    return {
        name: tuple(
            (min(ends(one[axis])[0] for one in read), max(ends(one[axis])[1] for one in read))
            for axis in range(len(read[0]))
        )
        for name, read in _ReadUnits({}, over).from_target(graph, target, (chosen,))
    }


def _chosen(at: int | tuple[int, int] | None, length: int) -> range:
    if at is None:
        return range(length)
    return range(*at) if isinstance(at, tuple) else range(at, at + 1)


def carry_back(products: Products, relation: Relation) -> Products:
    """Return which elements of the relation's input the given ones of its output read."""
    return _ReadUnits({}).carry(products, relation)


class TouchedUnits:
    """What padding along an axis of an input touches of the units of a tensor that it reaches."""

    def __init__(self, graph: Graph, source: str, axis: int, tensor: str) -> None:
        self._graph, self._tensor = graph, tensor
        self._ways = ways_to(graph, tensor)
        start = Carriers(frozenset((axis,)))
        carrying = Carrying(*self._ways)
        self._carriers = dict(carrying.from_source(graph, source, start, [tensor]))

    def at(self, index: Sequence[int | tuple[int, int] | None]) -> tuple[bool, bool]:
        """Return whether padding touches some of the units at `index`, from each side.

        An entry is a unit, the first and the end of a range, or None for a whole axis. Raises
        BoundError as `boxes_read` does.
        """
        lengths = input_shape(self._graph, self._tensor)
        chosen = tuple(_chosen(at, length) for at, length in zip(index, lengths, strict=True))
        touching = _Touching(self._ways, self._carriers)
        for _ in touching.from_target(self._graph, self._tensor, (chosen,)):
            if touching.left and touching.right:
                break
        return touching.left, touching.right


class _ReadUnits(Joining[Products]):
    backward = True

    def pointwise(self, value: Products, old: Shape, new: Shape) -> Products:
        more = len(new) - len(old)
        return _united(
            tuple(
                here if length == new[axis + more] else range(1)
                for axis, (here, length) in enumerate(zip(one[more:], old, strict=True))
            )
            for one in value
        )

    def permute(self, value: Products, perm: tuple[int, ...], old: Shape) -> Products:
        return tuple(tuple(one[axis] for axis in inverse(perm)) for one in value)

    def regroup(self, value: Products, old: Shape, new: Shape) -> Products:
        return _united(made for one in value for made in _regrouped(one, old, new))

    def gathered(self, value: Products, places: Places, old: Shape, new: Shape) -> Products:
        return _united(made for one in value for made in _gathered(one, places, old))

    def along(self, value: Products, axis: int, rule: OwnRule, shape: Shape) -> Products:
        return _united((*one[:axis], read_by(rule, one[axis]), *one[axis + 1 :]) for one in value)

    def rows(self, value: Products, axis: int, rule: Rows, shape: Shape) -> Products:
        return _united(made for one in value for made in _rows(one, axis, rule))

    def everything(self, value: Products, step: Everything, old: Shape) -> Products:
        return (tuple(map(range, old)),)

    def join(self, first: Products, second: Products) -> Products:
        return _united((*first, *second))

    def is_nothing(self, value: Products) -> bool:
        return not value


class _Touching(_ReadUnits):
    """Notes on the way from chosen units back where positions lie outside of what is read."""

    _in_part = False
    _here: frozenset[int] = frozenset()

    def __init__(self, ways: Ways, carriers: Mapping[str, Carriers]) -> None:
        super().__init__(*ways)
        self._carrying, self._carriers = Carrying(*ways), carriers
        self.left = self.right = False

    def edges_into(self, graph: Graph, tensor: str) -> Iterable[Edge]:
        """Return the edges from what the input reaches."""
        edges = tuple(super().edges_into(graph, tensor))
        self._in_part = has_parts(edges)
        return (edge for edge in edges if edge.source in self._carriers)

    def across(self, value: Products, edge: Edge) -> Products:
        """Carry what is read over an edge, with what carries the input's axis before each step."""
        steps = []
        carriers = self._carriers[edge.source]
        for step, shape in edge.relation.plan:
            steps.append((step, shape, carriers.here))
            carriers = self._carrying.step(carriers, step, shape)
        for step, shape, self._here in reversed(steps):
            if self.is_nothing(value):
                break
            value = self.step(value, step, shape)
        return value

    def along(self, value: Products, axis: int, rule: OwnRule, shape: Shape) -> Products:
        found = ends_outside(rule, in_part=self._in_part) if axis in self._here else None
        if found is not None:
            for one in value:
                chosen = flags(one[axis], rule.out_len)
                self.left = self.left or bool(found.left[chosen].any())
                self.right = self.right or bool(found.right[chosen].any())
        return super().along(value, axis, rule, shape)


def _united(products: Iterable[Product]) -> Products:
    """Return a union in few products: those that differ along one axis are one."""
    kept: list[Product] = []
    for one in products:
        if all(one):
            _add(kept, one)
    _check(len(kept))
    return tuple(kept)


def _check(count: int) -> None:
    if count > MAX_PRODUCTS:
        raise BoundError(f"what is read takes more products than MAX_PRODUCTS ({MAX_PRODUCTS})")


def _add(kept: list[Product], one: Product) -> None:
    at = 0
    while at < len(kept):
        both = _either(kept[at], one)
        if both is None:
            at += 1
        else:
            del kept[at]
            one, at = both, 0
    kept.append(one)


def _either(first: Product, second: Product) -> Product | None:
    """Return the union of two products if it is one."""
    differing = [
        axis for axis, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]
    ]
    if len(differing) == 1:
        (axis,) = differing
        return (*first[:axis], union(first[axis], second[axis]), *first[axis + 1 :])
    if all(is_within(first[axis], second[axis]) for axis in differing):
        return second
    return first if all(is_within(second[axis], first[axis]) for axis in differing) else None


def _regrouped(one: Product, old: Shape, new: Shape) -> Iterator[Product]:
    """Yield the products of the same elements under the shape before a reshape."""
    plan = regroup_plan(old, new)
    groups = [_group(one, before, after, old, new) for before, after in plan]
    _check(math.prod(map(len, groups)))
    axes = [axis for before, _ in plan for axis in before]
    for parts in cartesian(*groups):
        sets = dict(zip(axes, (here for part in parts for here in part), strict=True))
        yield tuple(sets[axis] for axis in range(len(old)))


def _group(
    one: Product, before: tuple[int, ...], after: tuple[int, ...], old: Shape, new: Shape
) -> Sequence[Product]:
    """Return the products of the axes before that stand for those after."""
    if len(before) == len(after) == 1:
        return ((one[after[0]],),)
    if all(one[axis] == range(new[axis]) for axis in after):
        return (tuple(range(old[axis]) for axis in before),)
    joint = _joint([one[axis] for axis in after], [new[axis] for axis in after])
    return list(_products(joint.reshape([old[axis] for axis in before])))


def _joint(sets: Sequence[Positions], lengths: Sequence[int]) -> Mask:
    """Return a flag for each element of a product on axes of `lengths`."""
    # A flag takes a sixteenth of what an entry of a table does.
    bounded(math.prod(lengths) // 16)
    joint = np.ones((), dtype=bool)
    for here, length in zip(sets, lengths, strict=True):
        joint = np.logical_and.outer(joint, flags(here, length))
    return joint


def _products(mask: Mask) -> Iterator[Product]:
    """Yield the products whose union a mask is, one for each way to read beside the first axis."""
    if mask.ndim == 1:
        yield (positions(mask),)
        return
    rows: dict[bytes, list[int]] = {}
    for at, row in enumerate(np.packbits(mask.reshape(len(mask), -1), axis=1)):
        rows.setdefault(row.tobytes(), []).append(at)
    for alike in rows.values():
        if mask[alike[0]].any():
            here = np.zeros(len(mask), dtype=bool)
            here[alike] = True
            for rest in _products(mask[alike[0]]):
                yield positions(here), *rest


def _gathered(one: Product, places: Places, old: Shape) -> Iterator[Product]:
    """Yield the products of the elements that a rearrangement takes."""
    bounded(math.prod(old) // 16)
    chosen = []
    for axis, here in enumerate(one):
        # Along an axis along which no place varies all positions are as good as one.
        length = max(place.shape[axis] for place in places)
        chosen.append(np.flatnonzero(flags(here, length)) if length > 1 else np.zeros(1, np.int64))
    bounded(math.prod(map(len, chosen)) // 16)
    taken = [
        place[
            np.ix_(
                *(at if n > 1 else at[:1] * 0 for at, n in zip(chosen, place.shape, strict=True))
            )
        ]
        for place in places
    ]
    there = np.broadcast_arrays(*taken)
    read = np.zeros(old, dtype=bool)
    exists = there[0] >= 0
    read[tuple(at[exists] for at in there)] = True
    yield from _products(read)


def _rows(one: Product, axis: int, rule: Rows) -> Iterator[Product]:
    """Yield the products of what each chosen row reads, beside the row itself."""
    rows = _joint([one[place] for place in rule.axes], rule.lengths)
    kept = rule.flags().reshape((*rule.lengths, rule.in_len)) & rows[..., None]
    for made in _products(kept):
        sets = dict(zip((*rule.axes, axis), made, strict=True))
        yield tuple(sets.get(place, here) for place, here in enumerate(one))
