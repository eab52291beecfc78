"""What chosen units read of the tensors before them: unions of products of position sets.

Carried backward, for one index: where steps treat axes apart one product mostly does. What is
chosen is exact; where it would take too many products there is an error, and only a table tells.
Axis by axis one product always does: where a Reshape mixes axes it may hold an element too many.
"""

from __future__ import annotations

import math
from itertools import product as cartesian
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.positions import ends, flags, is_within, positions, read_by, union
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import OwnRule, Rows, Shape, inverse
from rfgraph.relations.bounds import check_size
from rfgraph.relations.graph import input_shape, shape_of
from rfgraph.relations.interpretation import Domain
from rfgraph.relations.steps import regroup_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from rfgraph.relations.graph import Edge, Graph
    from rfgraph.relations.reading import Mask
    from rfgraph.relations.steps import Everything, Places


# So many products are carried at once.
MAX_PRODUCTS = 64

# Of each axis the positions, increasing, or a bit for each position.
Product: TypeAlias = "tuple[range | int, ...]"


def boxes_read(
    graph: Graph,
    target: str,
    index: Sequence[int | tuple[int, int] | None],
    sources: Collection[str],
    over: Mapping[str, Sequence[Edge]] | None = None,
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the tight boxes that the units of `target` at `index` read of those of `sources`.

    An entry is a unit, the first and the end of a range, or None for a whole axis. `over` are edges
    in place of the graph's. Raises BoundError beyond MAX_PRODUCTS, and where an axis is too long to
    be gone through.
    """
    chosen = chosen_at(index, input_shape(graph, target))
    return {
        name: tuple(
            (min(ends(here)[0] for here in along), max(ends(here)[1] for here in along))
            for along in zip(*read, strict=True)
        )
        for name, read in ReadUnits(over).from_target(graph, target, (chosen,))
        if name in sources
    }


def read_positions(
    graph: Graph,
    source: str,
    target: str,
    index: Sequence[int | None] | None = None,
    over: Mapping[str, Sequence[Edge]] | None = None,
) -> tuple[Mask, ...] | None:
    """Return per axis of graph input `source` which positions the units of `target` read.

    `index` restricts the units (None on an axis: all of it); `over` are edges in place of the
    graph's. None if nothing is read. Raises BoundError for axes too long to tabulate.
    """
    return masks_of(graph, source, products_read(graph, target, index, over))


def products_read(
    graph: Graph,
    target: str,
    index: Sequence[int | None] | None = None,
    over: Mapping[str, Sequence[Edge]] | None = None,
) -> dict[str, Product]:
    """Return by graph input, per axis, which positions the units of `target` read, if any."""
    lengths = shape_of(graph, target) or ()
    chosen = chosen_at(index or (None,) * len(lengths), lengths)
    walk = ReadUnits(over, by_axis=True).from_target(graph, target, (chosen,) * all(chosen))
    return {name: read[0] for name, read in walk if read and not graph.pred[name]}


def masks_of(graph: Graph, source: str, read: Mapping[str, Product]) -> tuple[Mask, ...] | None:
    """Return what is read of one input as flags per axis, None for nothing; else BoundError."""
    shape = input_shape(graph, source)
    for length in shape:
        check_size(length)
    return tuple(map(flags, read[source], shape)) if source in read else None


def chosen_at(index: Sequence[int | tuple[int, int] | None], lengths: Shape) -> Product:
    """Return the units at an index, of a tensor that has `lengths`."""
    return tuple(
        range(length) if at is None else range(*at) if isinstance(at, tuple) else range(at, at + 1)
        for at, length in zip(index, lengths, strict=True)
    )


class ReadUnits(Domain[tuple[Product, ...]]):
    """Which elements of a tensor are read; `by_axis`: at most one product of them is carried."""

    backward = True

    def __init__(
        self, over: Mapping[str, Sequence[Edge]] | None = None, *, by_axis: bool = False
    ) -> None:
        super().__init__(over)
        self._by_axis = by_axis

    def pointwise(self, value: tuple[Product, ...], old: Shape, new: Shape) -> tuple[Product, ...]:
        """Return what a broadcast reads."""
        more = len(new) - len(old)
        return self._unite(
            tuple(
                here if length == new[axis + more] else range(1)
                for axis, (here, length) in enumerate(zip(one[more:], old, strict=True))
            )
            for one in value
        )

    def permute(
        self, value: tuple[Product, ...], perm: tuple[int, ...], old: Shape
    ) -> tuple[Product, ...]:
        """Turn the axes back."""
        return tuple(tuple(one[axis] for axis in inverse(perm)) for one in value)

    def regroup(self, value: tuple[Product, ...], old: Shape, new: Shape) -> tuple[Product, ...]:
        """Return the same elements under the shape before."""
        return self._unite(made for one in value for made in self._regroup(one, old, new))

    def gather(
        self, value: tuple[Product, ...], places: Places, old: Shape, new: Shape
    ) -> tuple[Product, ...]:
        """Return the elements that are taken."""
        return self._unite(
            made for one in value for made in self._products(_elements_taken(one, places, old))
        )

    def along(
        self, value: tuple[Product, ...], axis: int, rule: OwnRule, shape: Shape
    ) -> tuple[Product, ...]:
        """Return what a rule reads."""
        return self._unite(
            (*one[:axis], read_by(rule, one[axis]), *one[axis + 1 :]) for one in value
        )

    def rows(
        self, value: tuple[Product, ...], axis: int, rule: Rows, shape: Shape
    ) -> tuple[Product, ...]:
        """Return what each chosen row reads, beside the row itself."""
        return self._unite(made for one in value for made in self._rows(one, axis, rule))

    def everything(
        self, value: tuple[Product, ...], step: Everything, old: Shape
    ) -> tuple[Product, ...]:
        """Return all elements."""
        return (tuple(map(range, old)),)

    def join(self, first: tuple[Product, ...], second: tuple[Product, ...]) -> tuple[Product, ...]:
        """Return the union."""
        return self._unite((*first, *second))

    def is_nothing(self, value: tuple[Product, ...]) -> bool:
        """Whether nothing is read."""
        return not value

    def _unite(self, products: Iterable[Product]) -> tuple[Product, ...]:
        """Return a union in few products: those that differ along one axis are one."""
        kept: list[Product] = []
        for one in products:
            if all(one):
                if self._by_axis and kept:
                    one = tuple(map(union, kept.pop(), one))
                _add(kept, one)
        _check(len(kept))
        return tuple(kept)

    def _products(self, mask: Mask) -> Iterable[Product]:
        """Return the products whose union a mask is."""
        if not self._by_axis:
            return _products(mask)
        axes = range(mask.ndim)
        along = (np.asarray(mask.any(axis=(*axes[:k], *axes[k + 1 :]))) for k in axes)
        return (tuple(map(positions, along)),)

    def _regroup(self, one: Product, old: Shape, new: Shape) -> Iterator[Product]:
        """Yield the products of the same elements under the shape before a reshape."""
        plan = regroup_plan(old, new)
        groups = [list(self._group(one, before, after, old, new)) for before, after in plan]
        _check(math.prod(map(len, groups)))
        axes = [axis for before, _ in plan for axis in before]
        for parts in cartesian(*groups):
            sets = dict(zip(axes, (here for part in parts for here in part), strict=True))
            yield tuple(sets[axis] for axis in range(len(old)))

    def _group(
        self, one: Product, before: tuple[int, ...], after: tuple[int, ...], old: Shape, new: Shape
    ) -> Iterable[Product]:
        """Return the products of the axes before that stand for those after."""
        if len(before) == len(after) == 1:
            return ((one[after[0]],),)
        if all(one[axis] == range(new[axis]) for axis in after):
            return (tuple(range(old[axis]) for axis in before),)
        joint = _joint([one[axis] for axis in after], [new[axis] for axis in after])
        return self._products(joint.reshape([old[axis] for axis in before]))

    def _rows(self, one: Product, axis: int, rule: Rows) -> Iterator[Product]:
        """Yield the products of what each chosen row reads, beside the row itself."""
        rows = _joint([one[place] for place in rule.axes], rule.lengths)
        kept = rule.flags().reshape((*rule.lengths, rule.in_len)) & rows[..., None]
        for made in self._products(kept):
            sets = dict(zip((*rule.axes, axis), made, strict=True))
            yield tuple(sets.get(place, here) for place, here in enumerate(one))


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


def _joint(sets: Sequence[range | int], lengths: Sequence[int]) -> Mask:
    """Return a flag for each element of a product on axes of `lengths`."""
    # A flag takes a sixteenth of what an entry of a table does.
    check_size(math.prod(lengths) // 16)
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


def _elements_taken(one: Product, places: Places, old: Shape) -> Mask:
    """Return a flag for each element that a rearrangement takes."""
    check_size(math.prod(old) // 16)
    chosen = []
    for axis, here in enumerate(one):
        # Along an axis along which no place varies all positions are as good as one.
        length = max(place.shape[axis] for place in places)
        chosen.append(np.flatnonzero(flags(here, length)) if length > 1 else np.zeros(1, np.int64))
    check_size(math.prod(map(len, chosen)) // 16)
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
    return read
