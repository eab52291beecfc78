"""How an operator combines what it reads: data on an edge, beside the relation that says what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Word: TypeAlias = Literal[
    "activation",
    "attention",
    "gate",
    "max",
    "mean",
    "norm",
    "product",
    "quotient",
    "recurrent",
    "scale",
    "select",
    "shift",
    "softmax",
    "sum",
    "weighted",
]


class Scaling(NamedTuple):
    """Stored numbers that multiply what is read: those of the operator's input `slot`.

    In `shape` they broadcast to the result; each counts with `plus` added, to the power `power`.
    """

    slot: int
    shape: tuple[int, ...]
    power: float = 1.0
    plus: float = 0.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """Stored weights of a sum: those of the operator's input `slot`, times `scale`.

    In `shape` they lie by group, by channel of the result within it, by channel of what is read,
    and by tap along each axis that has a window; `transposed` changes the two channels. These lie
    on axis `reads` of what is read and on axis `gives` of the result; other axes keep their order.
    """

    slot: int
    shape: tuple[int, ...]
    reads: int
    gives: int
    transposed: bool = False
    scale: float = 1.0


class How(NamedTuple):
    """One word for how what an edge reads enters the result, and the parameters of that.

    activation: a function of one element; `name` is the operator's, `values` its parameters.
    attention: `name` is "value", or "query" or "key" and "own" or "statistics", the part of the
    softmax by which it enters; `values` are the number of keys and the length of one.
    gate: a product, element by element, with other data. quotient: `name` says "over" or "under".
    max, mean, sum: the extreme, mean, sum of all that is read; a mean also of `values[0]` operands.
    A mean named "inside" leaves out the padding.
    norm: `name` is "stored" (stored mean and variance), "own" (an element beside its statistics) or
    "statistics"; `values` are how many elements are normalised together, and 1 where each channel
    has statistics of its own.
    product: a sum of products with other data. weighted: a sum with stored weights.
    recurrent: a recurrence with stored weights. select: at most one element, unchanged.
    scale, shift: times, plus a number, `values[0]`; where that is none, by stored parameters.
    softmax: `name` is "own" or "statistics"; `values[0]` elements share a sum of one.
    `stored` says where numbers that take part lie in the file; None where that is not said.
    """

    word: Word
    name: str = ""
    values: tuple[float, ...] = ()
    stored: Kernel | tuple[Scaling, ...] | None = None


SELECT, SUM, MEAN, MAX = How("select"), How("sum"), How("mean"), How("max")
GATE, WEIGHTED, PRODUCT, RECURRENT = How("gate"), How("weighted"), How("product"), How("recurrent")

# By word and name, how many numbers there may be; an activation has those of its function.
_ONLY, _OR_ONE, _ONE, _TWO = (0,), (0, 1), (1,), (2,)
_SCORED = ("query own", "query statistics", "key own", "key statistics")
PARAMETERS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "attention": dict.fromkeys(("value", *_SCORED), _TWO),
    "mean": {"": _OR_ONE, "inside": _OR_ONE},
    "norm": {"stored": _ONLY, "own": _TWO, "statistics": _TWO},
    "quotient": {"over": _ONLY, "under": _ONLY},
    "scale": {"": _OR_ONE},
    "shift": {"": _OR_ONE},
    "softmax": {"own": _ONE, "statistics": _ONE},
    **{
        word: {"": _ONLY}
        for word in ("gate", "max", "product", "recurrent", "select", "sum", "weighted")
    },
}
# The least that a number may be which counts something.
LEAST: Mapping[str, int] = {"attention": 1, "mean": 1, "norm": 0, "softmax": 1}
