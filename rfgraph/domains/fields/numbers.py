"""The numbers of a closed-form field: size, stride, start, reach, period; whether paths agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.domains.fields.alignment import aligned
from rfgraph.domains.fields.axis import Axis, Scope
from rfgraph.domains.fields.axis_field import AxisField, merge_pieces
from rfgraph.domains.fields.layout import is_local, sharing
from rfgraph.domains.fields.pieces import Lost, Mapped, Piece
from rfgraph.domains.fields.sizes import _sizes_of_phases, _sizes_of_units, path_sizes
from rfgraph.domains.fields.spread import merge_spreads
from rfgraph.domains.periodic import PeriodicMap, Span, join, join_spans
from rfgraph.domains.read_positions import read_positions
from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rfgraph.domains.fields.layout import ClosedForm, Layout, State
    from rfgraph.domains.read_positions import Masks
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


def measure(
    field: AxisField, shape: Shape, *, shared: bool = False, moving: bool = False
) -> Numbers:
    """Return the numbers of a local field on a tensor of `shape`.

    `shared`: another input axis lies on the same tensor axis (a Reshape merged them), so that the
    field is irregular. `moving`: it is irregular unless it moves on from period to period.
    """
    shortest, longest = path_sizes(field.spread)
    united = None if shared else _united(field.pieces, shape)
    if united is None or (moving and not united.q):
        size, size_min = _sizes_of_units(field.pieces, shape)
        return Numbers(size, size_min, shortest=shortest, longest=longest)
    size, size_min = _sizes_of_phases(field.pieces, shape)
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


def bounded_reach(field: AxisField, shape: Shape) -> tuple[Fraction | None, Fraction | None]:
    """Return before and after of a field with one-sided paths, None where it is unbounded."""
    closed = [piece._replace(open_lo=False, open_hi=False) for piece in field.pieces]
    united = _united(tuple(closed), shape)
    if united is None:
        return None, None
    before, after = reach(united)
    opened_lo = any(piece.open_lo for piece in field.pieces)
    opened_hi = any(piece.open_hi for piece in field.pieces)
    return (None if opened_lo else before), (None if opened_hi else after)


def reach(united: PeriodicMap) -> tuple[Fraction, Fraction]:
    """Return how far the field goes before and after stride * o, at most over the phases."""
    there = [(r, span) for r, span in enumerate(united.spans) if span is not None]
    rate = united.rate
    before = max(rate * r - span[0] for r, span in there)
    after = max(span[1] - rate * r for r, span in there)
    return before, after


def _united(pieces: Sequence[Piece], shape: Shape) -> PeriodicMap | None:
    """Return the union as one map, None where it is not regular."""
    maps: list[PeriodicMap] = []
    carriers = set()
    for piece in pieces:
        if not isinstance(piece, Mapped):
            return None
        maps.append(piece.map)
        carriers.add(piece.carrier)
    if len(carriers) != 1:
        return None
    united: PeriodicMap | None = maps[0]
    for other in maps[1:]:
        if united is None or united.q * other.p != other.q * united.p:
            return None
        united = join(united, other)
    (carrier,) = carriers
    length = 1 if carrier is None else shape[carrier]
    return united if united is not None and united.p <= max(length, 1) else None


# -- single units ----------------------------------------------------------------------------------


def unclipped_span(
    pieces: Sequence[Piece], shape: Shape, index: Sequence[int | tuple[int, int] | None]
) -> Span:
    """Return the hull of what mapped pieces read at `index`, unclipped.

    An entry is a unit, the first and the end of a range, or None for a whole axis.
    """
    units = [_units(at, length) for at, length in zip(index, shape, strict=True)]
    spans: list[Span] = []
    for piece in pieces:
        if isinstance(piece, Mapped) and _active(piece, units):
            at = range(1) if piece.carrier is None else units[piece.carrier]
            spans.append(piece.map.hull(at))
    return join_spans(spans)


def _units(at: int | tuple[int, int] | None, length: int) -> range:
    if at is None:
        return range(length)
    return range(*at) if isinstance(at, tuple) else range(at, at + 1)


def _active(piece: Mapped, units: Sequence[range]) -> bool:
    return all(
        bits >> units[axis].start & ((1 << len(units[axis])) - 1) for axis, bits in piece.support
    )


@dataclass(slots=True)
class Meter:
    """Measures the fields of tensors on one graph input; tensors that share a state share the work.

    `probed` are the input's axes whose lengths were chosen for want of any; `takes_range` says
    whether an operator takes the range of a tensor that it reads, for dynamic quantization.
    """

    graph: Graph
    form: ClosedForm
    probed: Collection[int]
    takes_range: Callable[[Graph, str, Operator], bool]
    _seen: dict[tuple[int, Shape | None], Measured] = field(default_factory=dict, repr=False)
    _read: dict[str, Masks | None] = field(default_factory=dict, repr=False)

    def measured(self, tensor: str) -> Measured:
        """Return alignment and axes of the field of a tensor that the input reaches."""
        state = self.form.states[tensor]
        shape: Shape | None = self.graph.nodes[tensor]["shape"]
        key = (id(state), shape)
        if key not in self._seen:
            self._seen[key] = self._measure(state, shape)
        return self._seen[key]

    def _measure(self, state: State, shape: Shape | None) -> Measured:
        form = self.form
        local = {
            layout: fields
            for layout, fields in state.classes.items()
            if is_local(layout, form.spatial_axes)
        }
        source_shape: Shape = self.graph.nodes[form.input]["shape"]
        axes: dict[int, Axis] = {}
        for axis, length in enumerate(source_shape):
            known = None if axis in self.probed else length
            found = _axis(axis, state, local, shape, known, form.spatial_axes)
            if found.scope not in ("local", "none"):
                covers = None
                if found.scope == "global" and known is not None:
                    covers = self._covered(state.through[axis], axis)
                through, ranges = self._through(state.through[axis])
                found = replace(found, through=through, ranges=ranges, covers_input=covers)
            axes[axis] = found
        agree = _agreement(local.values(), form.spatial_axes) if local else None
        return agree, MappingProxyType(axes)

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


def _agreement(local: Iterable[Fields], axes: Sequence[int]) -> bool | None:
    """Whether local paths are aligned on all axes; None if that could not be told on some."""
    listed = list(local)
    verdicts = [
        aligned([field.spread for fields in listed if (field := fields[axis]) is not None])
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


def _axis(
    axis: int,
    state: State,
    local: Mapping[Layout, Fields],
    shape: Shape | None,
    length: int | None,
    spatial: Sequence[int],
) -> Axis:
    scope = _scope([layout[axis] for layout in state.classes])
    if scope == "none" or shape is None:
        return Axis(axis, scope, regular=scope == "none")
    if scope == "local":
        return _local_axis(axis, state.classes, shape, length, spatial)
    before = after = None
    if scope == "one-sided":
        united = _united_field(axis, state.classes, shape)
        if united is not None:
            before, after = bounded_reach(united, shape)
    inner = None
    if local and all(isinstance(layout[axis], frozenset) for layout in local):
        inner = _local_axis(axis, local, shape, length, spatial)
    found = Axis(axis, scope, before=before, after=after, local=inner)
    return (
        found if inner is None else replace(found, shortest=inner.shortest, longest=inner.longest)
    )


def _scope(statuses: Sequence[object]) -> Scope:
    if not statuses:
        return "none"
    if Lost.UNKNOWN in statuses:
        return "unknown"
    if Lost.GLOBAL in statuses or ("before" in statuses and "after" in statuses):
        return "global"
    return "one-sided" if "before" in statuses or "after" in statuses else "local"


def _local_axis(
    axis: int,
    classes: Mapping[Layout, Fields],
    shape: Shape,
    length: int | None,
    spatial: Sequence[int],
) -> Axis:
    united = _united_field(axis, classes, shape)
    if united is None:
        return Axis(axis, "none")
    others = sharing(axis, classes)
    shared = bool(others.intersection(spatial) if axis in spatial else others)
    numbers = measure(united, shape, shared=shared, moving=bool(others))
    covers = None
    if length is not None and numbers.size_min is not None:
        covers = numbers.size_min >= length
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
    )


def _united_field(axis: int, classes: Mapping[Layout, Fields], shape: Shape) -> AxisField | None:
    fields = [found for fields in classes.values() if (found := fields[axis]) is not None]
    if len(fields) <= 1:
        return fields[0] if fields else None
    pieces = merge_pieces((piece for item in fields for piece in item.pieces), shape)
    return AxisField(pieces, merge_spreads([item.spread for item in fields]))
