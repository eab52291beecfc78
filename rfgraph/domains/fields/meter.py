"""The fields of a model's tensors on one graph input, as they are reported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.domains.fields.alignment import are_aligned
from rfgraph.domains.fields.axis import Axis
from rfgraph.domains.fields.numbers import axis_of
from rfgraph.domains.fields.parts import parted_tensors
from rfgraph.domains.positions import bits_of
from rfgraph.domains.read_units import read_positions
from rfgraph.errors import BoundError
from rfgraph.frozen import FrozenDict
from rfgraph.relations.graph import input_shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.domains.fields.layout import ClosedForm, Fields, Loss, State
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph
    from rfgraph.relations.operator import Operator
    from rfgraph.relations.reading import Mask


# Whether local paths are aligned (None: there are none, or it cannot be told), and the axes.
Measured: TypeAlias = "tuple[bool | None, Mapping[int, Axis]]"
# By the identity of classes, the shape, and what is said of the input: what was measured, and its
# axes as they are explained, by the losses on the way. The form holds the classes.
Seen: TypeAlias = "dict[tuple[object, ...], tuple[Measured, dict[object, Mapping[int, Axis]]]]"
# The oldest are dropped: tensors that share a state lie near each other.
MAX_SEEN = 1 << 14
# How many of the operators that made an axis global are named.
MAX_THROUGH = 4


@dataclass(slots=True)
class Meter:
    """Measures the fields of tensors on one graph input; tensors that share a state share the work.

    `seen` is shared by the inputs of a model, for these may share states as well. `probed` are the
    input's axes whose lengths were chosen for want of any; `takes_range` says whether an operator
    takes the range of a tensor that it reads, for dynamic quantization; `longer` gives the meter of
    the same model with those lengths doubled, None where there is none.
    """

    graph: Graph
    form: ClosedForm
    probed: Collection[int]
    takes_range: Callable[[Graph, str, Operator], bool]
    seen: Seen = field(default_factory=dict, repr=False)
    longer: Callable[[], Meter | None] | None = None
    _read: dict[str, tuple[Mask, ...] | None] = field(default_factory=dict, repr=False)
    _parted: set[str] | None = field(default=None, repr=False)
    # Whether losses are numbered in the order of their operators in the file.
    _ordered: bool | None = field(default=None, repr=False)

    def measure(self, tensor: str) -> Measured:
        """Return alignment and axes of the field of a tensor that the input reaches."""
        state = self.form[tensor]
        shape = shape_of(self.graph, tensor)
        key = (id(state.classes), shape, *self._said)
        if key not in self.seen:
            self.seen[key] = self._measure_state(tensor, state, shape), {}
            if len(self.seen) > MAX_SEEN:
                del self.seen[next(iter(self.seen))]
        (agree, axes_of), explained = self.seen[key]
        axes = explained.get(state.through)
        if axes is None:
            axes = FrozenDict({n: self._explain(axes_of[n], state.through[n]) for n in axes_of})
            explained[state.through] = axes
        if not self.probed or self.longer is None or not self._has_parts(tensor):
            return agree, axes
        wider = self.longer()
        if wider is None or tensor not in wider.form:
            return agree, axes
        _, later = wider.measure(tensor)
        return agree, FrozenDict({n: _at_two_lengths(axes[n], later[n]) for n in axes})

    @property
    def _said(self) -> tuple[object, ...]:
        """What the fields depend on beside the states."""
        lengths = input_shape(self.graph, self.form.input)
        return lengths, tuple(sorted(self.probed)), self.form.spatial_axes

    def _has_parts(self, tensor: str) -> bool:
        """Whether a tensor comes by parts of an axis, whose length may depend on the input's."""
        if self._parted is None:
            self._parted = parted_tensors(self.graph)
        return tensor in self._parted

    def _measure_state(self, tensor: str, state: State, shape: Shape | None) -> Measured:
        form = self.form
        axes: dict[int, Axis] = {}
        for number, length in enumerate(input_shape(self.graph, form.input)):
            axis = axis_of(number, state, shape, length, form.spatial_axes)
            if axis.scope in ("one-sided", "global") and _is_cut_since(number, state):
                axis = self._part(tensor, number, length)
            if number in self.probed:
                axis = _of_open_length(axis)
            axes[number] = axis
        local = state.local(form.spatial_axes)
        agree = _agreement(local.values(), form.spatial_axes, shape or ()) if local else None
        return agree, axes

    def _explain(self, axis: Axis, losses: int) -> Axis:
        """Return an axis with the operators that made it so, and whether all of it is read."""
        if axis.scope in ("local", "none"):
            return axis
        covers = None
        if axis.scope == "global" and axis.axis not in self.probed:
            covers = self._is_covered(losses, axis.axis)
        through, ranges = self._through(losses)
        return replace(axis, through=through, ranges=ranges, covers_input=covers)

    def _part(self, tensor: str, axis: int, length: int) -> Axis:
        """Return the axis of a part of what was one-sided: what its units read."""
        from rfgraph.domains.regions import clipped_tables

        try:
            tables = clipped_tables(self.graph, self.form.input, [tensor])[tensor]
        except BoundError:
            return Axis(axis, "local", regular=False)
        there = reduce(np.logical_and, (table.lo <= table.hi for table in tables))
        sizes = np.where(there, tables[axis].hi - tables[axis].lo + 1, 0)
        size, size_min = int(sizes.max()), int(sizes.min())
        return Axis(axis, "local", size, size_min, covers_input=size_min >= length, regular=False)

    def _through(self, losses: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the first operators of a set of losses, and which take a range."""
        first: dict[Operator, str] = {}
        for tensor, operator in self._in_file_order(losses):
            if len(first) == MAX_THROUGH and operator not in first:
                break
            first[operator] = tensor
        ranges = [one for one in first if self.takes_range(self.graph, first[one], one)]
        return tuple(one.label for one in first), tuple(one.label for one in ranges)

    def _in_file_order(self, losses: int) -> Iterator[Loss]:
        """Yield a set of losses in the order of their operators in the file."""
        every = self.form.losses
        if self._ordered is None:
            indices = [loss.operator.index for loss in every]
            self._ordered = indices == sorted(indices)
        numbers: Iterable[int] = bits_of(losses)
        if not self._ordered:
            numbers = sorted(numbers, key=lambda number: every[number].operator.index)
        return (every[number] for number in numbers)

    def _is_covered(self, losses: int, axis: int) -> bool | None:
        """Whether the global paths of a set of losses read every position of an input axis.

        None where the axis is too long to tabulate.
        """
        read: NDArray[np.bool_] | None = None
        for number in bits_of(losses):
            masks = self._positions(self.form.losses[number].tensor)
            if masks is None:
                return None
            if axis < len(masks):
                read = masks[axis] if read is None else read | masks[axis]
            if read is not None and read.all():
                return True
        return False

    def _positions(self, tensor: str) -> tuple[Mask, ...] | None:
        if tensor not in self._read:
            try:
                form = self.form
                masks = read_positions(self.graph, form.input, tensor, None, form.continued) or ()
            except BoundError:
                masks = None
            self._read[tensor] = masks
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
    sizes = (axis.size, longer.size), (axis.size_min, longer.size_min)
    grows = any(later is None or (now is not None and later > now) for now, later in sizes)
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
        are_aligned(
            [field.spread for fields in listed if (field := fields[axis]) is not None], shape
        )
        for axis in axes
    ]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _of_open_length(axis: Axis) -> Axis:
    """Return an axis of the input whose length was chosen: whether all of it is read is open."""
    local = None if axis.local is None else replace(axis.local, covers_input=None)
    return replace(axis, covers_input=None, local=local)


def _is_cut_since(axis: int, state: State) -> bool:
    """Whether all that was one-sided was cut afterwards, so that it no longer grows."""
    along = [fields[axis] for fields in state.classes.values()]
    pieces = [piece for field in along if field is not None for piece in field.pieces]
    lost = any(layout.scopes[axis].is_lost for layout in state.classes)
    return not lost and all(piece.cut for piece in pieces if piece.open_lo or piece.open_hi)
