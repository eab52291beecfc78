"""Stored masks, where they are asked for: their values, and what they make of what they meet.

A mask is a constant that is added to scores, or put in their place, before a softmax. Two facts are
carried from node to node: the constant that is part of each element, computed when a softmax asks
for it, and which elements are zero.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from onnx import TensorProto

from rfgraph.onnxfile.building import fold
from rfgraph.onnxfile.building.fetching import Deferred
from rfgraph.ops.masked_scores import compact, masked_weights
from rfgraph.ops.node import Array, Marks, Value
from rfgraph.relations.beside import MaskCut, StoredMasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.onnxfile.building.fetching import ConstantFetcher
    from rfgraph.onnxfile.building.scope import Entry
    from rfgraph.ops.node import OpNode
    from rfgraph.relations.operator import Operator


# What is known of a level, and whether the value of a constant in it is missing.
Found: TypeAlias = "tuple[Array | None, bool]"

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_MOVES = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Slice")
_JOINS: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sum": np.add,
    "Sub": np.subtract,
    "Max": np.maximum,
    "Min": np.minimum,
}


class MaskTracker:
    """What stored masks make of one graph; `constants` fetches the values of constants."""

    def __init__(self, constants: ConstantFetcher) -> None:
        self.constants = constants
        self._cut: list[MaskCut] = []
        self._uncut: dict[Operator, str] = {}

    def report(self) -> StoredMasks:
        """Return what was cut, and what could not be."""
        return StoredMasks(tuple(self._cut), tuple(self._uncut.items()))

    def with_marks(self, call: Call, op: OpNode, made: list[Entry]) -> list[Entry]:
        """Return what a node made, its first output with what is known of its elements."""
        if op.cut is not None:
            self._cut.append(MaskCut(call.operator, op.cut))
        if op.uncut:
            self._uncut[call.operator] = op.uncut
        first = made[0] if made else None
        if op.domain or first is None or first.tensor is None or first.value.shape is None:
            return made
        marks = self._marks_of(call, op)
        if marks.level is None and marks.zero is None:
            return made
        return [first._replace(value=replace(first.value, marks=marks)), *made[1:]]

    def without_masks(self, op: OpNode) -> OpNode:
        """Return a node as it is where stored masks cut nothing."""
        values = [None if value is None else replace(value, marks=None) for value in op.inputs]
        made = replace(op, inputs=values, masks=False)
        if op.cut is not None or any(value is not None and value.marks for value in op.inputs):
            made.uncut = "its mask is too large to list what it leaves"
        return made

    def _marks_of(self, call: Call, op: OpNode) -> Marks:
        values = [value for value in op.inputs if value is not None]
        if op.op_type == "Softmax":
            return _marks_of_softmax(op)
        if op.op_type in _MOVES:
            return self._marks_of_move(call, op)
        if op.op_type in ("Identity", "Cast", "CastLike", "Dropout"):
            marks = op.value(0).marks or Marks()
            return marks if _keeps_numbers(op) else Marks(zero=marks.zero)
        if op.version < 7:
            return Marks()
        if op.op_type in _JOINS:
            return Marks(self._joined_level(values, _JOINS[op.op_type]))
        if op.op_type in ("Mul", "Div"):
            return self._marks_of_product(values, divided=op.op_type == "Div")
        return self._marks_of_choice(values) if op.op_type == "Where" else Marks()

    def _joined_level(
        self, values: Sequence[Value], join: Callable[..., Array], absent: float | None = 0.0
    ) -> Deferred | None:
        """Return the level of what joins others; without `absent` each of these must be known."""
        if not any(value.constant or _level_of(value) for value in values):
            return None

        def make() -> Found:
            parts = [_level_part(value) for value in values]
            missing = any(part[1] for part in parts)
            if all(part[0] is None for part in parts):
                return None, missing
            if absent is None and any(part[0] is None for part in parts):
                return None, missing
            arrays = [np.asarray(absent) if part[0] is None else part[0] for part in parts]
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
            if not self.constants.affords(math.prod(shape)):
                return None, True
            with np.errstate(all="ignore"):
                return compact(np.asarray(reduce(join, arrays))), missing

        return Deferred(make, [value.stored or _level_of(value) for value in values])

    def _marks_of_product(self, values: Sequence[Value], *, divided: bool) -> Marks:
        """A product is zero where a factor is; a constant factor scales a level."""
        zeros = [_zero_of(value) for value in (values[:1] if divided else values)]
        zero = _join_zeros(np.logical_or, zeros)
        if sum(value.constant for value in values) != 1 or (divided and values[0].constant):
            return Marks(zero=zero)
        join = np.divide if divided else np.multiply
        dynamic = next(value for value in values if not value.constant)
        return Marks(self._joined_level(values, join, None) if _level_of(dynamic) else None, zero)

    def _marks_of_choice(self, values: Sequence[Value]) -> Marks:
        """Each element is of one alternative; of which, a condition that depends on data hides."""
        condition, *others = values
        zeros = [_zero_of(value) for value in others]
        chosen = condition.fetched() if condition.constant else None
        if chosen is None or chosen.dtype.kind != "b":
            return Marks(zero=_join_zeros(np.logical_and, zeros))

        def choose(*given: Array) -> Array:
            return np.where(chosen, *given)

        sizes = [chosen.shape, *(value.shape or () for value in others)]
        if not self.constants.affords(math.prod(np.broadcast_shapes(*sizes))):
            return Marks()
        return Marks(self._joined_level(others, choose), _join_zeros(choose, zeros))

    def _marks_of_move(self, call: Call, op: OpNode) -> Marks:
        """Return the marks moved as the node moves the elements."""
        source = op.value(0)
        shape, marks = source.shape, source.marks
        rest = [None if value is None else value.data for value in op.inputs[1:]]
        if marks is None or shape is None or not self.constants.fits(shape):
            return Marks()
        if any(v is not None and d is None for v, d in zip(op.inputs[1:], rest, strict=True)):
            return Marks()
        plain, level = fold.plain(call), marks.level

        def move(array: Array | None) -> Array | None:
            if array is None or not self.constants.affords(math.prod(shape)):
                return None
            whole = np.ascontiguousarray(np.broadcast_to(array, shape))
            made = fold.evaluate(plain, op.version, [whole, *rest])
            return compact(made[0]) if made else None

        def make() -> Found:
            array, missing = level() if level is not None else (None, False)
            return move(array), missing

        return Marks(None if level is None else Deferred(make, [level]), move(marks.zero))


# -- what is known of a value ----------------------------------------------------------------------


def _level_of(value: Value) -> Callable[[], Found] | None:
    return None if value.marks is None else value.marks.level


def _level_part(value: Value) -> Found:
    """Return the level of an operand: a constant is all of it."""
    if value.constant:
        data = value.fetched()
        usable = data is not None and data.dtype.kind in "iuf"
        return (data.astype(np.float64), False) if data is not None and usable else (None, True)
    level = _level_of(value)
    return (None, False) if level is None else level()


def _zero_of(value: Value) -> Array | None:
    """Return where a value is zero whatever the data: by its marks, or a constant 0."""
    if not value.constant:
        return None if value.marks is None else value.marks.zero
    if value.shape is None or math.prod(value.shape) != 1:
        return None
    data = value.fetched()
    return None if data is None or data.reshape(-1)[0] != 0 else np.ones(data.shape, dtype=bool)


def _join_zeros(join: Callable[..., Array], zeros: Sequence[Array | None]) -> Array | None:
    """Return where several values together are zero; of an absent one nothing is."""
    if all(array is None for array in zeros):
        return None
    given = [np.asarray(False) if array is None else array for array in zeros]
    joined = compact(np.asarray(reduce(join, given)))
    return joined if joined.any() else None


def _marks_of_softmax(op: OpNode) -> Marks:
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
