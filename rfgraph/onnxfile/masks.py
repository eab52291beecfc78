"""Stored masks, where they are asked for: their values, and what they make of what they meet.

A mask is a constant that is added to scores, or put in their place, before a softmax. Two facts are
carried from node to node: the constant that is part of an element, and that an element is zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.graph import MaskCut, StoredMasks
from rfgraph.onnxfile import fold
from rfgraph.onnxfile.attributes import resolve
from rfgraph.ops.masks import compacted, constant_level, masked_weights
from rfgraph.ops.node import Marks, OpNode, Value
from rfgraph.relations import product

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.graph import Operator
    from rfgraph.onnxfile.scope import Entry, Scope
    from rfgraph.relations import Shape

    Array = NDArray[Any]

# Elements of a constant that is fetched, or of what is known of a tensor; and of all in one model.
MAX_FETCHED = 1 << 24
MAX_FETCHED_IN_ALL = 1 << 27

_SAME = ("Identity", "Cast", "CastLike", "Dropout")
_MOVED = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice")


class Masks:
    """What stored masks make of one graph; `restored` gives a tensor its payload from the file."""

    def __init__(self, restored: Callable[[onnx.TensorProto], Array | None]) -> None:
        self._restored = restored
        self._cut: list[MaskCut] = []
        self._left: dict[Operator, str] = {}
        self._fetched = 0

    def restart(self) -> None:
        """Forget what was reported: the graph is built anew."""
        self._cut.clear()
        self._left.clear()

    def report(self) -> StoredMasks:
        """Return what was cut, and what could not be."""
        return StoredMasks(tuple(self._cut), tuple(self._left.items()))

    # -- values of constants ---------------------------------------------------------------------

    def stored(self, tensor: onnx.TensorProto, value: Value) -> Value:
        """Return a stored tensor's value with the way to fetch what was not kept of it."""
        if value.data is not None or not self._fits(value.shape):
            return value
        return replace(value, stored=_Later(lambda: self._fetch(tensor)))

    def computed(
        self, node: onnx.NodeProto, scope: Scope, entries: Sequence[Entry | None], value: Value
    ) -> Value:
        """Return the value of a node of constants with the way to get what was not kept of it."""
        if value.data is not None or not self._fits(value.shape):
            return value
        if node.op_type == "Constant":
            tensors = [
                found for item in node.attribute if (found := resolve(item, scope.attributes))
            ]
            return self.stored(tensors[0].t, value) if len(tensors) == 1 else value
        if node.op_type not in fold.FOLDABLE or node.domain not in ("", "ai.onnx"):
            return value
        values = [None if entry is None else entry.value for entry in entries]
        return replace(value, stored=_Later(lambda: self._compute(node, scope, values), values))

    def _compute(
        self, node: onnx.NodeProto, scope: Scope, values: Sequence[Value | None]
    ) -> Array | None:
        inputs = [None if value is None else value.fetched() for value in values]
        for value, array in zip(values, inputs, strict=True):
            if value is not None and (array is None or array.dtype.kind not in "biuf"):
                return None
        if not self._affords(sum(array.size for array in inputs if array is not None)):
            return None
        made = fold.evaluate(fold.plain(node, scope), scope.opsets.get("", 1), inputs)
        return made[0] if made else None

    def _fits(self, shape: Shape | None) -> bool:
        return shape is not None and 0 < product(shape) <= MAX_FETCHED

    def _fetch(self, tensor: onnx.TensorProto) -> Array | None:
        return self._restored(tensor) if self._affords(product(tensor.dims)) else None

    def _affords(self, size: int) -> bool:
        self._fetched += size
        return size <= MAX_FETCHED and self._fetched <= MAX_FETCHED_IN_ALL

    # -- marks -----------------------------------------------------------------------------------

    def marked(
        self, operator: Operator, op: OpNode, node: onnx.NodeProto, made: list[Entry], scope: Scope
    ) -> list[Entry]:
        """Return what a node made, its first output with what is known of its elements."""
        if op.cut is not None:
            self._cut.append(MaskCut(operator, op.cut))
        if op.left:
            self._left[operator] = op.left
        first = made[0] if made else None
        if op.domain or first is None or first.tensor is None or first.value.shape is None:
            return made
        shape = first.value.shape
        marks = self._marks(op, node, shape, scope)
        if marks is None or not _speaks(marks, shape):
            return made
        return [replace(first, value=replace(first.value, marks=marks)), *made[1:]]

    def _marks(self, op: OpNode, node: onnx.NodeProto, shape: Shape, scope: Scope) -> Marks | None:
        if op.op_type == "Softmax":
            return _normalized(op, len(shape))
        if op.op_type in _SAME:
            return op.value(0).marks
        if op.op_type in _MOVED:
            return self._moved(op, node, scope)
        transfer = _TRANSFERS.get(op.op_type)
        if transfer is None or op.version < 7:
            return None
        return transfer([value for value in op.inputs if value is not None])

    def _moved(self, op: OpNode, node: onnx.NodeProto, scope: Scope) -> Marks | None:
        """Return the marks moved as the node moves the elements."""
        source = op.value(0)
        shape, marks = source.shape, source.marks
        rest = [None if value is None else value.data for value in op.inputs[1:]]
        if marks is None or shape is None or not self._fits(shape):
            return None
        if any(v is not None and d is None for v, d in zip(op.inputs[1:], rest, strict=True)):
            return None
        moved = []
        for array in (marks.level, marks.zero):
            whole = None if array is None else np.ascontiguousarray(np.broadcast_to(array, shape))
            made = None
            if whole is not None:
                made = fold.evaluate(fold.plain(node, scope), op.version, [whole, *rest])
            moved.append(compacted(made[0]) if made else None)
        return Marks(moved[0], moved[1], missing=marks.missing)


class _Later:
    """A constant that is got when it is first asked for, from others that may have to be got."""

    def __init__(
        self, make: Callable[[], Array | None], sources: Sequence[Value | None] = ()
    ) -> None:
        self._make: Callable[[], Array | None] | None = make
        self._sources = tuple(sources)
        self._value: Array | None = None

    def __call__(self) -> Array | None:
        stack = [self]
        while stack:
            waiting = stack[-1]._waiting()
            if waiting:
                stack.extend(waiting)
                continue
            last = stack.pop()
            if last._make is not None:
                last._value, last._make, last._sources = last._make(), None, ()
        return self._value

    def _waiting(self) -> list[_Later]:
        """Return which sources are still to be got."""
        found = [value.stored for value in self._sources if value is not None]
        return [item for item in found if isinstance(item, _Later) and item._make is not None]


def _speaks(marks: Marks, shape: Shape) -> bool:
    """Whether there is anything in the marks; a level that does not fit the shape is none."""
    arrays = [array for array in (marks.level, marks.zero) if array is not None]
    if any(np.broadcast_shapes(array.shape, shape) != shape for array in arrays):
        return False
    return bool(arrays) or marks.missing


# -- what an operator makes of marks ---------------------------------------------------------------


def _level(value: Value) -> Array | None:
    if value.constant:
        return constant_level(value)
    return None if value.marks is None else value.marks.level


def _zero(value: Value) -> Array | None:
    """Return where a value is zero whatever the data: by its marks, or a constant 0."""
    if not value.constant:
        return None if value.marks is None else value.marks.zero
    if value.shape is None or product(value.shape) != 1:
        return None
    data = value.fetched()
    return None if data is None or data.reshape(-1)[0] != 0 else np.ones(data.shape, dtype=bool)


def _is_missing(value: Value) -> bool:
    if value.constant:
        return value.fetched() is None
    return value.marks is not None and value.marks.missing


def _combined(join: Callable[..., Array], *arrays: Array | None, absent: Any = 0.0) -> Array | None:
    """Return arrays of which one at least is there joined, None if that were too large."""
    if all(array is None for array in arrays):
        return None
    given = [np.asarray(absent) if array is None else array for array in arrays]
    if product(np.broadcast_shapes(*(array.shape for array in given))) > MAX_FETCHED:
        return None
    with np.errstate(all="ignore"):
        return join(*given)


def _normalized(op: OpNode, rank: int) -> Marks | None:
    """Return the weights of a softmax that are zero."""
    marks = op.value(0).marks
    if marks is None:
        return None
    axis = op.axis("axis", -1 if op.version >= 13 else 1, rank)
    axes = range(axis, axis + 1 if op.version >= 13 else rank)
    return Marks(zero=masked_weights(marks.level, rank, axes))


def _added(values: Sequence[Value]) -> Marks:
    level = _level(values[0])
    for value in values[1:]:
        level = _combined(np.add, level, _level(value))
    return Marks(level, missing=any(map(_is_missing, values)))


def _subtracted(values: Sequence[Value]) -> Marks:
    level = _combined(np.subtract, _level(values[0]), _level(values[1]))
    return Marks(level, missing=any(map(_is_missing, values)))


def _extreme(join: Callable[..., Array]) -> Callable[[Sequence[Value]], Marks]:
    def extreme(values: Sequence[Value]) -> Marks:
        level = _level(values[0])
        for value in values[1:]:
            level = _combined(join, level, _level(value))
        return Marks(level, missing=any(map(_is_missing, values)))

    return extreme


def _scaled(values: Sequence[Value], divided: bool = False) -> Marks:
    """A product is zero where a factor is; a constant factor scales a level."""
    first, second = values
    zero = _zero(first)
    if not divided:
        zero = _combined(np.logical_or, zero, _zero(second), absent=False)
    if first.constant and not divided:
        first, second = second, first
    level = None if first.marks is None else first.marks.level
    if level is not None:
        factor = second.fetched() if second.constant else None
        join = np.divide if divided else np.multiply
        level = None if factor is None else _combined(join, level, factor.astype(np.float64))
    return Marks(level, zero, missing=first.marks is not None and first.marks.missing)


def _divided(values: Sequence[Value]) -> Marks:
    return _scaled(values, divided=True)


def _chosen(values: Sequence[Value]) -> Marks:
    """Each element is of one alternative; of which, a condition that depends on data hides."""
    condition, *others = values
    chosen = condition.fetched() if condition.constant else None
    levels, zeros = [_level(value) for value in others], [_zero(value) for value in others]
    missing = any(map(_is_missing, others))
    if chosen is None or chosen.dtype.kind != "b":
        return Marks(zero=_combined(np.logical_and, *zeros, absent=False), missing=missing)

    def choose(*given: Array) -> Array:
        return np.where(chosen, *given)

    if product(np.broadcast_shapes(chosen.shape, *(v.shape or () for v in others))) > MAX_FETCHED:
        return Marks(missing=True)
    return Marks(
        _combined(choose, *levels), _combined(choose, *zeros, absent=False), missing=missing
    )


_TRANSFERS: dict[str, Callable[[Sequence[Value]], Marks]] = {
    "Add": _added,
    "Sum": _added,
    "Sub": _subtracted,
    "Mul": _scaled,
    "Div": _divided,
    "Max": _extreme(np.maximum),
    "Min": _extreme(np.minimum),
    "Where": _chosen,
}
