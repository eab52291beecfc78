"""Stored masks, where they are asked for: their values, and what they make of what they meet.

A mask is a constant that is added to scores, or put in their place, before a softmax. Two facts are
carried from node to node: the constant that is part of each element, computed when a softmax asks
for it, and which elements are zero.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from rfgraph.onnxfile.building import fold
from rfgraph.onnxfile.building.attributes import resolve
from rfgraph.ops.masks import compacted, masked_weights
from rfgraph.ops.node import Marks, OpNode, Value
from rfgraph.relations.axis_rules import product
from rfgraph.relations.graph import MaskCut, StoredMasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

    from rfgraph.onnxfile.building.scope import Entry, Scope
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Operator


Array: TypeAlias = NDArray[Any]
# What is known of a level, and whether the value of a constant in it is missing.
Found: TypeAlias = "tuple[Array | None, bool]"

# Elements of a constant that is fetched, or of a level; and of all in one model.
MAX_FETCHED = 1 << 24
MAX_FETCHED_IN_ALL = 1 << 27

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_MOVED = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice")
_JOINED: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sum": np.add,
    "Sub": np.subtract,
    "Max": np.maximum,
    "Min": np.minimum,
}


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
            found = [a for item in node.attribute if (a := resolve(item, scope.attributes))]
            return self.stored(found[0].t, value) if len(found) == 1 else value
        if node.op_type not in fold.FOLDABLE or node.domain not in ("", "ai.onnx"):
            return value
        values = [None if entry is None else entry.value for entry in entries]
        sources = [value.stored for value in values if value is not None]
        return replace(value, stored=_Later(lambda: self._compute(node, scope, values), sources))

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
        marks = self._marks(op, node, scope)
        if marks.level is None and marks.zero is None:
            return made
        return [replace(first, value=replace(first.value, marks=marks)), *made[1:]]

    def _marks(self, op: OpNode, node: onnx.NodeProto, scope: Scope) -> Marks:
        values = [value for value in op.inputs if value is not None]
        if op.op_type == "Softmax":
            return _normalized(op)
        if op.op_type in _MOVED:
            return self._moved(op, node, scope)
        if op.op_type in ("Identity", "Cast", "CastLike", "Dropout"):
            found = op.value(0).marks or Marks()
            return found if _keeps_numbers(op) else Marks(zero=found.zero)
        if op.version < 7:
            return Marks()
        if op.op_type in _JOINED:
            return Marks(self._later(values, _JOINED[op.op_type]))
        if op.op_type in ("Mul", "Div"):
            return self._scaled(values, divided=op.op_type == "Div")
        return self._chosen(values) if op.op_type == "Where" else Marks()

    def _later(
        self, values: Sequence[Value], join: Callable[..., Array], absent: float | None = 0.0
    ) -> _Later | None:
        """Return the level of what joins others; without `absent` each of these must be known."""
        if not any(value.constant or _level_of(value) for value in values):
            return None

        def make() -> Found:
            parts = [_part(value) for value in values]
            missing = any(part[1] for part in parts)
            if all(part[0] is None for part in parts):
                return None, missing
            if absent is None and any(part[0] is None for part in parts):
                return None, missing
            arrays = [np.asarray(absent) if part[0] is None else part[0] for part in parts]
            if not self._affords(product(np.broadcast_shapes(*(a.shape for a in arrays)))):
                return None, True
            with np.errstate(all="ignore"):
                return compacted(np.asarray(reduce(join, arrays))), missing

        return _Later(make, [value.stored or _level_of(value) for value in values])

    def _scaled(self, values: Sequence[Value], *, divided: bool) -> Marks:
        """A product is zero where a factor is; a constant factor scales a level."""
        zeros = [_zero(value) for value in (values[:1] if divided else values)]
        zero = _together(np.logical_or, zeros)
        if sum(value.constant for value in values) != 1 or (divided and values[0].constant):
            return Marks(zero=zero)
        join = np.divide if divided else np.multiply
        dynamic = next(value for value in values if not value.constant)
        return Marks(self._later(values, join, None) if _level_of(dynamic) else None, zero)

    def _chosen(self, values: Sequence[Value]) -> Marks:
        """Each element is of one alternative; of which, a condition that depends on data hides."""
        condition, *others = values
        zeros = [_zero(value) for value in others]
        chosen = condition.fetched() if condition.constant else None
        if chosen is None or chosen.dtype.kind != "b":
            return Marks(zero=_together(np.logical_and, zeros))

        def choose(*given: Array) -> Array:
            return np.where(chosen, *given)

        sizes = [chosen.shape, *(value.shape or () for value in others)]
        if not self._affords(product(np.broadcast_shapes(*sizes))):
            return Marks()
        return Marks(self._later(others, choose), _together(choose, zeros))

    def _moved(self, op: OpNode, node: onnx.NodeProto, scope: Scope) -> Marks:
        """Return the marks moved as the node moves the elements."""
        source = op.value(0)
        shape, marks = source.shape, source.marks
        rest = [None if value is None else value.data for value in op.inputs[1:]]
        if marks is None or shape is None or not self._fits(shape):
            return Marks()
        if any(v is not None and d is None for v, d in zip(op.inputs[1:], rest, strict=True)):
            return Marks()
        plain, level = fold.plain(node, scope), marks.level

        def move(array: Array | None) -> Array | None:
            if array is None or not self._affords(product(shape)):
                return None
            whole = np.ascontiguousarray(np.broadcast_to(array, shape))
            made = fold.evaluate(plain, op.version, [whole, *rest])
            return compacted(made[0]) if made else None

        def make() -> Found:
            array, missing = level() if level is not None else (None, False)
            return move(array), missing

        return Marks(None if level is None else _Later(make, [level]), move(marks.zero))


class _Later:
    """Something that is got when it is first asked for, from others that may have to be got."""

    def __init__(self, make: Callable[[], Any], sources: Sequence[object] = ()) -> None:
        self._make: Callable[[], Any] | None = make
        self._sources = [source for source in sources if isinstance(source, _Later)]
        self._value: Any = None

    def __call__(self) -> Any:
        stack = [self]
        while stack:
            waiting = [source for source in stack[-1]._sources if source._make is not None]
            if waiting:
                stack.extend(waiting)
                continue
            last = stack.pop()
            if last._make is not None:
                last._value, last._make, last._sources = last._make(), None, []
        return self._value


def without_masks(op: OpNode) -> OpNode:
    """Return a node as it is where stored masks cut nothing."""
    values = [None if value is None else replace(value, marks=None) for value in op.inputs]
    made = OpNode(
        op.op_type, values, op.outputs, op.attributes, op.version, op.domain, op.name, masks=False
    )
    if op.cut is not None or any(value is not None and value.marks for value in op.inputs):
        made.left = "its mask is too large to list what it leaves"
    return made


# -- what is known of a value ----------------------------------------------------------------------


def _level_of(value: Value) -> Callable[[], Found] | None:
    return None if value.marks is None else value.marks.level


def _part(value: Value) -> Found:
    """Return the level of an operand: a constant is all of it."""
    if value.constant:
        data = value.fetched()
        usable = data is not None and data.dtype.kind in "iuf"
        return (data.astype(np.float64), False) if data is not None and usable else (None, True)
    level = _level_of(value)
    return (None, False) if level is None else level()


def _zero(value: Value) -> Array | None:
    """Return where a value is zero whatever the data: by its marks, or a constant 0."""
    if not value.constant:
        return None if value.marks is None else value.marks.zero
    if value.shape is None or product(value.shape) != 1:
        return None
    data = value.fetched()
    return None if data is None or data.reshape(-1)[0] != 0 else np.ones(data.shape, dtype=bool)


def _together(join: Callable[..., Array], zeros: Sequence[Array | None]) -> Array | None:
    """Return where several values together are zero; of an absent one nothing is."""
    if all(array is None for array in zeros):
        return None
    given = [np.asarray(False) if array is None else array for array in zeros]
    joined = compacted(np.asarray(reduce(join, given)))
    return joined if joined.any() else None


def _normalized(op: OpNode) -> Marks:
    """Return the weights of a softmax that are zero."""
    marks, rank = op.value(0).marks, len(op.shape(0))
    if marks is None or marks.level is None:
        return Marks()
    axis = op.axis("axis", -1 if op.version >= 13 else 1, rank)
    axes = range(axis, axis + 1 if op.version >= 13 else rank)
    return Marks(zero=masked_weights(marks.level()[0], rank, axes))


def _keeps_numbers(op: OpNode) -> bool:
    """Whether an operator that leaves zeros as they are does so with all numbers."""
    if op.op_type == "Cast":
        return op.attributes.get("to") in _FLOATS
    return op.op_type == "Identity" or (
        op.op_type == "Dropout" and op.version >= 7 and not op.has(2)
    )
