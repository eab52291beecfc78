"""Constant operands of a file's nodes, fetched one by one when they are asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.errors import BoundError
from rfgraph.onnxfile.building import fold
from rfgraph.onnxfile.building.fetching import ConstantFetcher, Deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.ops.node import Array, Value
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.operator import Operator


# Elements of one operand, and of all that one question fetches, with what each costs at least.
MAX_OPERAND = 1 << 27
MAX_OPERANDS = 1 << 32
LEAST = 1 << 12
# Smaller arrays are kept, in bytes.
SMALL = 1 << 10

_QUANTIZING = {"DequantizeLinear", "QuantizeLinear"}


class Operands(ConstantFetcher):
    """The constant operands of the nodes of one graph, noted while it is built."""

    foldable = fold.FOLDABLE | _QUANTIZING
    again = True

    def __init__(self, restored: Callable[[onnx.TensorProto], Array | None]) -> None:
        super().__init__(restored)
        self._values: dict[Operator, Sequence[Value | None]] = {}

    def note(self, operator: Operator, values: Sequence[Value | None]) -> None:
        """Note what the inputs of a node stand for."""
        if any(value is not None and value.constant for value in values):
            self._values[operator] = values

    def __call__(self, operator: Operator, slot: int) -> Array | None:
        """Return the value of a node's input, None if it is no constant, or not in the file.

        Nothing of it is kept. Raises ModelError for a tensor that is malformed, BoundError where
        too much is fetched.
        """
        values = self._values.get(operator, ())
        value = values[slot] if slot < len(values) else None
        if value is None or not value.constant:
            return None
        array = value.fetched()
        if isinstance(value.stored, Deferred):
            value.stored.forget(SMALL)
        return array

    def with_computed(self, call: Call, value: Value) -> Value:
        """Return the value of a node of constants, which may not grow past MAX_OPERAND."""
        if value.shape is not None and math.prod(value.shape) > MAX_OPERAND:
            return value
        return super().with_computed(call, value)

    def version(self, call: Call) -> int:
        """Return that of the node; the first that ONNX evaluates means what those before it do."""
        version = super().version(call)
        return max(version, 19) if call.operator.op_type in _QUANTIZING else version

    def fits(self, shape: Shape | None) -> bool:
        """Whether there are elements; how many, is asked when they are fetched."""
        return shape is not None and math.prod(shape) > 0

    def affords(self, size: int) -> bool:
        """Count elements that are about to be made; BoundError beyond the bounds."""
        self._fetched += size + LEAST
        if size > MAX_OPERAND:
            raise BoundError(f"weights of {size} elements exceed MAX_OPERAND ({MAX_OPERAND})")
        if self._fetched > MAX_OPERANDS:
            raise BoundError(f"weights exceed MAX_OPERANDS ({MAX_OPERANDS}) elements in all")
        return True
