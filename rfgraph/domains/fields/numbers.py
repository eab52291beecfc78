"""The numbers of a closed-form field: size, stride, start, reach, period; whether paths agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains import regions as exact
from rfgraph.domains.fields.alignment import aligned
from rfgraph.domains.fields.axis import Axis
from rfgraph.domains.fields.axis_field import AxisField, merge_pieces
from rfgraph.domains.fields.interior import Interior, Irregular, irregular
from rfgraph.domains.fields.parts import parted
from rfgraph.domains.fields.pieces import Mapped, Piece, Regrouped, tabulate
from rfgraph.domains.fields.sizes import path_sizes, sizes_of_phases, sizes_of_units, united_map
from rfgraph.domains.fields.spread import merge_spreads
from rfgraph.domains.fields.stacking import placed
from rfgraph.domains.periodic import PeriodicMap, Span, join_spans
from rfgraph.domains.read_positions import read_positions
from rfgraph.errors import BoundError
from rfgraph.frozen import FrozenDict
from rfgraph.relations.graph import input_shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.fields.layout import ClosedForm, Layout, State
    from rfgraph.domains.read_positions import Masks
    from rfgraph.domains.tables import Table
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph, Operator


# Whether local paths are aligned (None: there are none, or it cannot be told), and the axes.
Measured: TypeAlias = "tuple[bool | None, Mapping[int, Axis]]"
Fields: TypeAlias = "tuple[AxisField | None, ...]"
# How many of the operators that made an axis global are named.
MAX_THROUGH = 4


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a local field measures along one input axis; None is not known or not defined."""

    size: int | None = None
    size_min: int | None = None
    stride: Fraction | None = None
    start: int | None = None
    center: Fraction | None = None
    before: Fraction | None = None
    after: Fraction | None = None
    period: tuple[int, int] | None = None
    regular: bool = False
    shortest: int | None = None
    longest: int | None = None
    interior: Interior | None = None


def measure(
    field: AxisField, shape: Shape, length: int, *, shared: bool = False, moving: bool = False
) -> Numbers:
    """Return the numbers of a local field on a tensor of `shape`, along an input axis of `length`.

    `shared`: another input axis lies on the same tensor axis (a Reshape merged them), so that the
    field is irregular. `moving`: it is irregular unless it moves on from period to period.
    """
    shortest, longest = path_sizes(field.spread)
    pieces = placed(field.pieces, shape)
    united = None if shared else united_map(pieces, shape)
    if united is None or (moving and not united.q):
        table = tabulate(pieces, shape)
        size, size_min = sizes_of_units(pieces, shape, table)
        found = Irregular() if shared else _irregular(pieces, table, length)
        return Numbers(
            size,
            size_min,
            before=found.before,
            after=found.after,
            shortest=shortest,
            longest=longest,
            interior=found.interior,
        )
    size, size_min = sizes_of_phases(pieces, shape)
    rate, first = united.rate, united.spans[0]
    before, after = reach(united)
    return Numbers(
        size,
        size_min,
        rate,
        None if first is None else first[0],
        None if first is None else Fraction(first[0] + first[1], 2),
        before,
        after,
        (united.p, united.q),
        regular=True,
        shortest=shortest,
        longest=longest,
    )


def _irregular(pieces: Sequence[Piece], table: Table | None, length: int) -> Irregular:
    """Return what can be said of the reach of pieces, given as a table of the units that exist.

    Nothing where they depend on several axes of the tensor.
    """
    if table is None:
        return Irregular()
    carriers = table.axes & frozenset().union(*(piece.axes for piece in pieces))
    return irregular(table, min(carriers), length) if len(carriers) == 1 else Irregular()


def _closed(piece: Piece) -> Piece:
    """Return a piece as if it were bounded on both sides."""
    if isinstance(piece, Regrouped):
        return piece._replace(piece=piece.piece._replace(open_lo=False, open_hi=False))
    return piece._replace(open_lo=False, open_hi=False)


def bounded_reach(
    field: AxisField, shape: Shape, length: int
) -> tuple[Fraction | None, Fraction | None]:
    """Return before and after of a field with one-sided paths, None where it is unbounded."""
    closed = placed([_closed(piece) for piece in field.pieces], shape)
    united = united_map(closed, shape)
    if united is None:
        _, before, after = _irregular(closed, tabulate(closed, shape), length)
    else:
        before, after = reach(united)
    opened_lo = any(piece.open_lo for piece in field.pieces)
    opened_hi = any(piece.open_hi for piece in field.pieces)
    return (None if opened_lo else before), (None if opened_hi else after)


def reach(united: PeriodicMap) -> tuple[Fraction | None, Fraction | None]:
    """Return how far the field goes before and after stride * o, at most over the phases.

    None where it stays in one place whatever the unit, which then has no position.
    """
    if not united.q:
        return None, None
    there = [(r, span) for r, span in enumerate(united.spans) if span is not None]
    rate = united.rate
    before = max(rate * r - span[0] for r, span in there)
    after = max(span[1] - rate * r for r, span in there)
    return before, after


# -- single units ----------------------------------------------------------------------------------


def unclipped_span(pieces: Sequence[Piece], shape: Shape, index: Sequence[int | None]) -> Span:
    """Return the hull of what mapped pieces read at `index` (None: a whole axis), unclipped."""
    spans: list[Span] = []
    for piece in pieces:
        if not isinstance(piece, Mapped) or not _active(piece, index):
            continue
        at = None if piece.carrier is None else index[piece.carrier]
        if piece.carrier is None or at is not None:
            spans.append(piece.map.at(at or 0))
        else:
            spans.append(piece.map.hull(range(shape[piece.carrier])))
    return join_spans(spans)


def _active(piece: Mapped, index: Sequence[int | None]) -> bool:
    return all(
        index[axis] is None or bits >> (index[axis] or 0) & 1 for axis, bits in piece.support
    )


@dataclass(slots=True)
class Meter:
    """Measures the fields of tensors on one graph input; tensors that share a state share the work.

    `probed` are the input's axes whose lengths were chosen for want of any; `takes_range` says
    whether an operator takes the range of a tensor that it reads, for dynamic quantization;
    `longer` gives the meter of the same model with those lengths doubled, None where there is none.
    """

    graph: Graph
    form: ClosedForm
    probed: Collection[int]
    takes_range: Callable[[Graph, str, Operator], bool]
    longer: Callable[[], Meter | None] | None = None
    _seen: dict[tuple[int, Shape | None], Measured] = field(default_factory=dict, repr=False)
    _read: dict[str, Masks | None] = field(default_factory=dict, repr=False)
    _parted: set[str] | None = field(default=None, repr=False)

    def measured(self, tensor: str) -> Measured:
        """Return alignment and axes of the field of a tensor that the input reaches."""
        state = self.form.states[tensor]
        shape = shape_of(self.graph, tensor)
        key = (id(state), shape)
        if key not in self._seen:
            self._seen[key] = self._measure(tensor, state, shape)
        agree, axes = self._seen[key]
        if not self.probed or self.longer is None or not self._has_parts(tensor):
            return agree, axes
        wider = self.longer()
        if wider is None or tensor not in wider.form.states:
            return agree, axes
        _, later = wider.measured(tensor)
        return agree, FrozenDict({n: _at_two_lengths(axes[n], later[n]) for n in axes})

    def _has_parts(self, tensor: str) -> bool:
        """Whether a tensor comes by parts of an axis, whose length may depend on the input's."""
        if self._parted is None:
            self._parted = parted(self.graph)
        return tensor in self._parted

    def _measure(self, tensor: str, state: State, shape: Shape | None) -> Measured:
        form = self.form
        local = {
            layout: fields
            for layout, fields in state.classes.items()
            if layout.is_local(form.spatial_axes)
        }
        source_shape = input_shape(self.graph, form.input)
        axes: dict[int, Axis] = {}
        for axis, length in enumerate(source_shape):
            found = _axis(axis, state, local, shape, length, form.spatial_axes)
            if found.scope in ("one-sided", "global") and _is_part(axis, state):
                found = self._part(tensor, axis, length)
            if axis in self.probed:
                found = _of_open_length(found)
            if found.scope not in ("local", "none"):
                covers = None
                if found.scope == "global" and axis not in self.probed:
                    covers = self._covered(state.through[axis], axis)
                through, ranges = self._through(state.through[axis])
                found = replace(found, through=through, ranges=ranges, covers_input=covers)
            axes[axis] = found
        agree = _agreement(local.values(), form.spatial_axes, shape or ()) if local else None
        return agree, FrozenDict(axes)

    def _part(self, tensor: str, axis: int, length: int) -> Axis:
        """Return the axis of a part of what was one-sided: what its units read."""
        try:
            tables = exact.clipped(self.graph, self.form.input, [tensor])[tensor]
        except BoundError:
            return Axis(axis, "local", regular=False)
        there = reduce(np.logical_and, (table.lo <= table.hi for table in tables))
        sizes = np.where(there, tables[axis].hi - tables[axis].lo + 1, 0)
        size, size_min = int(sizes.max()), int(sizes.min())
        return Axis(axis, "local", size, size_min, covers_input=size_min >= length, regular=False)

    def _through(self, losses: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the first operators of a set of losses, and which take a range."""
        found = {(loss := self.form.losses[k]).operator: loss.tensor for k in _bits(losses)}
        first = sorted(found.items(), key=lambda item: item[0].index)[:MAX_THROUGH]
        ranges = [one.label for one, tensor in first if self.takes_range(self.graph, tensor, one)]
        return tuple(operator.label for operator, _ in first), tuple(ranges)

    def _covered(self, losses: int, axis: int) -> bool | None:
        """Whether the global paths of a set of losses read every position of an input axis.

        None where the axis is too long to tabulate.
        """
        read: NDArray[np.bool_] | None = None
        for number in _bits(losses):
            masks = self._positions(self.form.losses[number].tensor)
            if masks is None:
                return None
            if axis < len(masks):
                read = masks[axis] if read is None else read | masks[axis]
            if read is not None and read.all():
                return True
        return False

    def _positions(self, tensor: str) -> Masks | None:
        if tensor not in self._read:
            try:
                found = read_positions(self.graph, self.form.input, tensor) or ()
            except BoundError:
                found = None
            self._read[tensor] = found
        return self._read[tensor]


def _at_two_lengths(axis: Axis, longer: Axis) -> Axis:
    """Return a local field as irregular, and as growing, if it is not the same on a longer input.

    What is local on the longer one only was not a whole axis, but as long as one by chance.
    """
    if axis.scope in ("global", "one-sided") and longer.scope == "local":
        return replace(longer, covers_input=None)
    if axis.local is not None and longer.local is not None:
        return replace(axis, local=_at_two_lengths(axis.local, longer.local))
    if axis.scope != "local" or (longer.scope == "local" and _numbers(axis) == _numbers(longer)):
        return axis
    grows = longer.size is None or (axis.size is not None and longer.size > axis.size)
    return Axis(
        axis.axis,
        "local",
        axis.size,
        axis.size_min,
        shortest=axis.shortest,
        longest=axis.longest,
        regular=False,
        grows=grows,
    )


def _numbers(axis: Axis) -> tuple[object, ...]:
    return axis.size, axis.size_min, axis.stride, axis.period, axis.regular


def _agreement(local: Iterable[Fields], axes: Sequence[int], shape: Shape) -> bool | None:
    """Whether local paths are aligned on all axes; None if that could not be told on some."""
    listed = list(local)
    verdicts = [
        aligned([field.spread for fields in listed if (field := fields[axis]) is not None], shape)
        for axis in axes
    ]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _bits(number: int) -> Iterator[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def _of_open_length(axis: Axis) -> Axis:
    """Return an axis of the input whose length was chosen: whether all of it is read is open."""
    local = None if axis.local is None else replace(axis.local, covers_input=None)
    return replace(axis, covers_input=None, local=local)


def _is_part(axis: int, state: State) -> bool:
    """Whether all that was one-sided was cut afterwards, so that it no longer grows."""
    found = [fields[axis] for fields in state.classes.values()]
    pieces = [piece for field in found if field is not None for piece in field.pieces]
    lost = any(layout.scope(axis).is_lost for layout in state.classes)
    return not lost and all(piece.cut for piece in pieces if piece.open_lo or piece.open_hi)


def _axis(
    axis: int,
    state: State,
    local: Mapping[Layout, Fields],
    shape: Shape | None,
    length: int,
    spatial: Sequence[int],
) -> Axis:
    scope = state.scope(axis).word
    if scope == "none" or shape is None:
        return Axis(axis, scope, regular=scope == "none")
    if scope == "local":
        return _local_axis(axis, state.classes, shape, length, spatial)
    before = after = None
    if scope == "one-sided":
        united = _united_field(axis, state.classes, shape)
        if united is not None:
            before, after = bounded_reach(united, shape, length)
    inner = None
    if local and all(layout.is_local([axis]) for layout in local):
        inner = _local_axis(axis, local, shape, length, spatial)
    found = Axis(axis, scope, before=before, after=after, local=inner)
    return (
        found if inner is None else replace(found, shortest=inner.shortest, longest=inner.longest)
    )


def _local_axis(
    axis: int,
    classes: Mapping[Layout, Fields],
    shape: Shape,
    length: int,
    spatial: Sequence[int],
) -> Axis:
    united = _united_field(axis, classes, shape)
    if united is None:
        return Axis(axis, "none")
    others = frozenset[int]().union(*(layout.sharing(axis) for layout in classes))
    shared = bool(others.intersection(spatial) if axis in spatial else others)
    numbers = measure(united, shape, length, shared=shared, moving=bool(others))
    covers = None if numbers.size_min is None else numbers.size_min >= length
    return _axis_of(axis, numbers, covers=covers)


def _axis_of(axis: int, numbers: Numbers, *, covers: bool | None) -> Axis:
    return Axis(
        axis,
        "local",
        numbers.size,
        numbers.size_min,
        numbers.stride,
        numbers.start,
        numbers.center,
        numbers.before,
        numbers.after,
        numbers.period,
        numbers.shortest,
        numbers.longest,
        covers,
        numbers.regular,
        numbers.interior,
    )


def _united_field(axis: int, classes: Mapping[Layout, Fields], shape: Shape) -> AxisField | None:
    fields = [found for fields in classes.values() if (found := fields[axis]) is not None]
    if len(fields) <= 1:
        return fields[0] if fields else None
    pieces = merge_pieces((piece for item in fields for piece in item.pieces), shape)
    return AxisField(pieces, merge_spreads([item.spread for item in fields]))
