"""Why a graph refuses some lengths: the node, what it was given and what it may ask for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnx

    from rfgraph.errors import ModelError
    from rfgraph.ops.node import Value


# Of a constant that may state lengths, and of what is made of attributes.
MAX_STATED = 16


class Refusal(NamedTuple):
    """The error of a build, how many operators were built before it, and the node at which.

    `found` are the lengths of what data reaches of the node's inputs, and their numbers of
    elements; `stated` are the lengths of its constants, and the numbers in them and its attributes.
    """

    error: ModelError
    operators: int
    node: str = ""
    found: tuple[int, ...] = ()
    stated: tuple[int, ...] = ()

    @property
    def asked(self) -> tuple[int, ...]:
        """The lengths of which the node may ask for one: a constant's, or another input's."""
        return tuple(dict.fromkeys((*self.stated, *self.found)))


def lengths_at(
    node: onnx.NodeProto, values: Sequence[Value | None]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the lengths that a node is given by data, and those that it states itself."""
    given: list[int] = []
    stated: list[int] = []
    for value in values:
        if value is None or value.shape is None:
            continue
        if value.constant:
            stated.extend(stated_by(value))
        else:
            given.extend([*value.shape, math.prod(value.shape)])
    attributes = [number for item in node.attribute for number in (item.i, *item.ints)]
    attributes = attributes[:MAX_STATED]
    groups = [number for number in attributes if number > 1]
    stated.extend([length * number for number in groups for length in stated])
    stated.extend(_with_combinations(attributes))
    return tuple(given), tuple(dict.fromkeys(number for number in stated if number > 0))


def stated_by(value: Value) -> Iterator[int]:
    """Yield the lengths of a constant and, of one of few integers, what it holds."""
    yield from value.shape or ()
    yield math.prod(value.shape or ())
    data = value.data
    if data is not None and data.dtype.kind in "iu" and data.size <= MAX_STATED:
        yield from _with_combinations([int(number) for number in data.reshape(-1)])


def _with_combinations(numbers: Sequence[int]) -> Iterator[int]:
    """Yield numbers, and what they make together: a shape, or the parts of an axis."""
    positive = [number for number in numbers if number > 0]
    yield from positive
    if len(positive) > 1:
        yield math.prod(positive)
        yield sum(positive)
