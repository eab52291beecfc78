"""Values of constants that were not kept, fetched when they are asked for, within bounds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rfgraph.onnxfile.building import fold
from rfgraph.onnxfile.building.attributes import resolve, tensor_value
from rfgraph.ops.registry import normal_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import onnx

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.ops.node import Array, Value
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.operator import Operator


# Elements of a constant that is fetched, or of a level; and of all in one model.
MAX_FETCHED = 1 << 24
MAX_FETCHED_IN_ALL = 1 << 27


class ConstantFetcher:
    """Fetches constants: stored ones from the file by `restored`, computed ones by evaluation."""

    foldable = fold.FOLDABLE
    # Whether values are let go once they were looked at, and got again.
    again = False

    def __init__(self, restored: Callable[[onnx.TensorProto], Array | None]) -> None:
        self._restored = restored
        self._fetched = 0

    def note(self, operator: Operator, values: Sequence[Value | None]) -> None:
        """Note what the inputs of a node stand for, where that is asked for."""

    def value_of(self, tensor: onnx.TensorProto) -> Value:
        """Return a stored tensor's value with the way to fetch what was not kept of it."""
        return self._with_stored(tensor, tensor_value(tensor))

    def _with_stored(self, tensor: onnx.TensorProto, value: Value) -> Value:
        if value.data is not None or not self.fits(value.shape):
            return value
        return replace(value, stored=Deferred(lambda: self._fetch(tensor), again=self.again))

    def with_computed(self, call: Call, value: Value) -> Value:
        """Return the value of a node of constants with the way to get what was not kept of it."""
        if value.data is not None or not self.fits(value.shape):
            return value
        operator = call.operator
        if operator.op_type == "Constant":
            outer = call.scope.attributes
            values = [given for item in call.node.attribute if (given := resolve(item, outer))]
            return self._with_stored(values[0].t, value) if len(values) == 1 else value
        if operator.op_type not in self.foldable or normal_domain(operator.domain):
            return value
        sources = [source.stored for source in call.values if source is not None]
        made = Deferred(lambda: self._compute(call), sources, again=self.again)
        return replace(value, stored=made)

    def _compute(self, call: Call) -> Array | None:
        inputs = [None if value is None else value.fetched() for value in call.values]
        for value, array in zip(call.values, inputs, strict=True):
            if value is not None and (array is None or array.dtype.kind not in "biuf"):
                return None
        if not self.affords(sum(array.size for array in inputs if array is not None)):
            return None
        made = fold.evaluate(fold.plain(call), self.version(call), inputs)
        return made[0] if made else None

    def version(self, call: Call) -> int:
        """Return the operator version by which a node is evaluated."""
        return call.scope.opsets.get("", 1)

    def fits(self, shape: Shape | None) -> bool:
        """Whether there are elements, and few enough to be fetched."""
        return shape is not None and 0 < math.prod(shape) <= MAX_FETCHED

    def _fetch(self, tensor: onnx.TensorProto) -> Array | None:
        return self._restored(tensor) if self.affords(math.prod(tensor.dims)) else None

    def affords(self, size: int) -> bool:
        """Count elements that are about to be made; whether they are within the bounds."""
        self._fetched += size
        return size <= MAX_FETCHED and self._fetched <= MAX_FETCHED_IN_ALL


class Deferred:
    """Something that is got when it is first asked for, from others that may have to be got.

    With `again` it can be forgotten, and keeps from what it is got.
    """

    def __init__(
        self, make: Callable[[], Any], sources: Sequence[object] = (), *, again: bool = False
    ) -> None:
        self._make: Callable[[], Any] | None = make
        self._made, self._again = False, again
        self._sources = [source for source in sources if isinstance(source, Deferred)]
        self._value: Any = None

    def __call__(self) -> Any:
        """Return it, first getting what it waits for, without recursion."""
        stack = [self]
        while stack:
            last = stack[-1]
            waiting = [source for source in last._sources if not (last._made or source._made)]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if last._make is not None and not last._made:
                last._value, last._made = last._make(), True
            if not last._again:
                last._settle()
        return self._value

    def forget(self, least: int) -> None:
        """Let go arrays of more than `least` bytes, of this and of all that it was got from.

        What is smaller is kept for good.
        """
        stack = [self]
        while stack:
            last = stack.pop()
            if not last._made:
                continue
            stack.extend(last._sources)
            if isinstance(last._value, np.ndarray) and last._value.nbytes > least:
                last._value, last._made = None, False
            else:
                last._settle()

    def _settle(self) -> None:
        """Keep what was got, and nothing that it takes to get it again."""
        self._make, self._sources = None, []
