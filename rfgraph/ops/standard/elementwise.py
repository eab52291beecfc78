"""Operators whose output reads the same index of each input, with numpy broadcasting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError, Value, broadcast, normal_axis
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import kept_steps, own_link, scalar_link, scalar_links, trim_outputs
from rfgraph.relations.how import GATE, MAX, SELECT, SUM, How, Scaling
from rfgraph.relations.steps import Pointwise, Regroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape


@rule(
    """Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Log Neg Reciprocal Round
    Sigmoid Sign Sin Sinh Softsign Sqrt Tan Tanh Not Identity Relu IsNaN Mish HardSwish
    BitwiseNot Softplus MemcpyFromHost MemcpyToHost""",
    ignores="consumed_inputs",
)
def unary(node: OpNode) -> Outcome:
    """An output reads the same index of the input.

    Exact. All versions.
    """
    shape = node.shape(0)
    return Outcome((shape,), (own_link(shape, how=_function(node)),))


_MOVES = "BitCast Cast CastLike Identity MemcpyFromHost MemcpyToHost".split()
# The parameters of activations, in order, with their defaults.
_PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "Celu": {"alpha": 1.0},
    "Elu": {"alpha": 1.0},
    "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
    "LeakyRelu": {"alpha": 0.01},
    "ParametricSoftplus": {"alpha": 1.0, "beta": 1.0},
    "ScaledTanh": {"alpha": 1.0, "beta": 1.0},
    "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
    "Shrink": {"bias": 0.0, "lambd": 0.5},
    "Swish": {"alpha": 1.0},
    "ThresholdedRelu": {"alpha": 1.0},
}


def _function(node: OpNode) -> How:
    """Return how a function of one element combines: which one, and its parameters."""
    if node.op_type in _MOVES:
        return SELECT
    named = _PARAMETERS.get(node.op_type, {})
    return How("activation", node.op_type, tuple(node.float(*item) for item in named.items()))


@rule(
    """Affine BitCast Cast Celu Elu Gelu HardSigmoid ImageScaler IsInf LeakyRelu ParametricSoftplus
    Scale ScaledTanh Selu Shrink Swish ThresholdedRelu Bernoulli""",
    ignores="""approximate consumed_inputs detect_negative detect_positive dtype round_mode saturate
    scale seed to""",
)
def parametric(node: OpNode) -> Outcome:
    """An output reads the same index of the input; the attributes change its value only.

    Exact. All versions.
    """
    return unary(node)


@rule("CastLike", ignores="round_mode saturate")
def cast_like(node: OpNode) -> Outcome:
    """An output reads the same index of the first input; of the second only the type matters.

    Exact. All versions.
    """
    return unary(node)


@rule(
    """Add Sub Mul Div Pow And Or Xor Equal Greater Less GreaterOrEqual LessOrEqual Mod BitShift
    BitwiseAnd BitwiseOr BitwiseXor""",
    ignores="consumed_inputs direction fmod",
)
def binary(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs; an axis of length 1 is read at 0.

    Exact. Versions: before 7 the shapes are equal or, with attribute broadcast, the second input
    lies along the axes of the first from attribute axis on (without it: along the last ones).
    """
    first, second = node.shape(0), node.shape(1)
    if node.version < 7:
        return _limited_outcome(node, first, second)
    shape = broadcast(first, second)
    links = (own_link(shape, slot, how=_operand(node, slot)) for slot in (0, 1))
    return Outcome((shape,), tuple(links))


def _operand(node: OpNode, slot: int) -> How | None:
    """Return how one of two operands enters the result, None where no word says it."""
    other = node.value(1 - slot)
    if not other.constant:
        words = {"Add": SUM, "Sub": SUM, "Mul": GATE, "Div": How("quotient", _SIDES[slot])}
        return words.get(node.op_type)
    number = _number(other)
    match node.op_type:
        case "Add" | "Sub":
            sign = -1 if node.op_type == "Sub" and slot == 0 else 1
            return How("shift", values=() if number is None else (sign * number,))
        case "Div" if slot == 1:
            return How("activation", "Reciprocal")
        case "Div" | "Mul":
            if number is None or (number == 0 and node.op_type == "Div"):
                return How("scale", stored=_scale_of(node, 1 - slot))
            return How("scale", values=(number if node.op_type == "Mul" else 1 / number,))
        case "Pow" if slot == 0 and number is not None:
            return How("activation", "Pow", (number,))
    return None


_SIDES = ("over", "under")


def _scale_of(node: OpNode, slot: int) -> tuple[Scaling, ...]:
    """Return how a constant operand multiplies the other, or divides it."""
    shape = _broadcast_shape(node) if slot == 1 and node.version < 7 else node.shape(slot)
    return (Scaling(slot, shape, -1.0 if node.op_type == "Div" else 1.0),)


def _number(value: Value) -> float | None:
    """Return the one finite number that a constant holds, None if it holds more or is not known."""
    if value.data is None or value.data.size != 1 or value.data.dtype.kind not in "iuf":
        return None
    number = float(value.data.reshape(-1)[0])
    return number if math.isfinite(number) else None


def _limited_outcome(node: OpNode, first: Shape, second: Shape) -> Outcome:
    """Return the outcome under the limited broadcasting of the first operator sets."""
    placed = Chain(second).regroup(_broadcast_shape(node)).broadcast(first)
    links = own_link(first, how=_operand(node, 0)), placed.link(1, how=_operand(node, 1))
    return Outcome((first,), links)


def _broadcast_shape(node: OpNode) -> Shape:
    """Return the shape in which the second operand broadcasts to the first."""
    first, second = node.shape(0), node.shape(1)
    allowed = node.int("broadcast", 0) != 0
    at = node.attribute("axis")
    if first == second:
        placed = second
    elif not allowed:
        raise RuleError(f"requires inputs of equal shape, found {list(first)} and {list(second)}")
    elif math.prod(second) == 1:
        placed = (1,) * len(first)
    else:
        start = (
            len(first) - len(second) if at is None else normal_axis(node.int("axis"), len(first))
        )
        placed = (*second, *(1,) * (len(first) - start - len(second)))
        if start < 0 or first[start : start + len(second)] != second:
            raise RuleError(
                f"requires the shape of input 1 within that of input 0 from axis {start} on, "
                f"found {list(second)} and {list(first)}"
            )
    return placed


@rule("Max Min Sum Mean", ignores="consumed_inputs")
def variadic(node: OpNode) -> Outcome:
    """An output reads the same index of every input; an axis of length 1 is read at 0.

    Exact. Versions: before 8 all shapes are equal.
    """
    slots = node.data_inputs()
    if not slots:
        raise RuleError("requires at least one input, found none")
    shapes = [node.shape(slot) for slot in slots]
    if node.version < 8 and len(set(shapes)) > 1:
        raise RuleError(f"requires inputs of equal shape, found {_shapes_text(shapes)}")
    shape = broadcast(*shapes)
    words = {"Max": MAX, "Min": MAX, "Sum": SUM, "Mean": How("mean", values=(len(slots),))}
    how = words[node.op_type]
    return Outcome((shape,), tuple(own_link(shape, slot, how=how) for slot in slots))


def _shapes_text(shapes: Sequence[Shape]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes[:4])


@rule("SwiGLU", ignores="alpha", how=GATE)
def swiglu(node: OpNode) -> Outcome:
    """An output reads the same index of both inputs, which have the same shape.

    Exact. All versions.
    """
    first, second = node.shape(0), node.shape(1)
    if first != second:
        raise RuleError(f"requires inputs of equal shape, found {_shapes_text([first, second])}")
    return Outcome((first,), (own_link(first), own_link(first, 1)))


@rule("PRelu", ignores="consumed_inputs")
def prelu(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and its slope.

    Exact. Versions: before 7 the slope is one value or one per channel (axis 1), since then it
    broadcasts to the input.
    """
    operand, slope = node.shape(0), node.shape(1)
    chain = Chain(slope)
    if node.version < 7 and len(slope) == 1 and len(operand) > 2:
        chain.reshape((*slope, *(1,) * (len(operand) - 2)))
    shape = broadcast(operand, chain.shape)
    # The slope is learned; 0.25 is where frameworks start.
    own = own_link(shape, how=How("activation", "LeakyRelu", (0.25,)))
    return Outcome((shape,), (own, chain.broadcast(shape).link(1)))


@rule("Clip", ignores="consumed_inputs")
def clip(node: OpNode) -> Outcome:
    """An output reads the same index of the input, and the bounds where these are computed.

    Exact. Versions: before 11 the bounds are attributes.
    """
    shape = node.shape(0)
    links = [own_link(shape, how=_clip_bounds(node))]
    links.extend(scalar_links(node, (1, 2), shape))
    return Outcome((shape,), tuple(links))


def _clip_bounds(node: OpNode) -> How | None:
    """Return between which bounds a Clip lets values through, None where these are not known."""
    bounds = [-math.inf, math.inf]
    for slot, name in ((1, "min"), (2, "max")):
        if node.version < 11:
            bounds[slot - 1] = node.float(name, bounds[slot - 1])
        elif node.has(slot):
            number = _number(node.value(slot))
            if number is None:
                return None
            bounds[slot - 1] = number
    return How("activation", "Clip", tuple(bounds))


@rule("Dropout", ignores="consumed_inputs is_test ratio seed")
def dropout(node: OpNode) -> Outcome:
    """An output reads the same index of the input; the mask reads nothing of it.

    While training, or where training_mode is computed, both outputs also read ratio and
    training_mode.

    Exact. Versions: since 12 ratio and training_mode are inputs.
    """
    shape = node.shape(0)
    links = [own_link(shape, how=SELECT)]
    mode = node.value(2) if node.has(2) else None
    if mode is not None and (mode.data is None or mode.data.any()):
        slots = [slot for slot in (1, 2) if node.has(slot)]
        links.extend(scalar_link(node, slot, shape, output) for slot in slots for output in (0, 1))
    return trim_outputs(node, (shape, shape), links)


@rule("Where")
def where(node: OpNode) -> Outcome:
    """An output reads the same index of the condition and of both alternatives.

    Of a condition whose value is known, only the chosen alternative is read.

    Exact; an upper bound where a known condition varies in an irregular way over more than 2^20
    positions. All versions.
    """
    shape = broadcast(*(node.shape(slot) for slot in range(3)))
    links = [own_link(shape)]
    chosen = node.value(0).data
    if chosen is not None and chosen.dtype.kind != "b":
        raise RuleError(f"input 0 requires booleans, found {chosen.dtype}")
    for slot in (1, 2):
        steps = () if chosen is None else kept_steps(chosen if slot == 1 else ~chosen, shape)
        if steps is not None:
            links.append(Link(slot, (Pointwise(shape), *steps), how=SELECT))
    return Outcome((shape,), tuple(links))


@rule("OneHot")
def one_hot(node: OpNode) -> Outcome:
    """An output reads the index at its position without the new axis, and both values.

    Exact. All versions.
    """
    indices, axis = node.shape(0), node.int("axis", -1)
    count = _depth(node)
    at = normal_axis(axis, len(indices) + 1)
    shape = (*indices[:at], count, *indices[at:])
    (values,) = node.ranked(2, 1, 1)
    if values != 2:
        raise RuleError(f"input 2 requires 2 elements, found {values}")
    own = (Regroup((*indices[:at], 1, *indices[at:])), Pointwise(shape))
    return Outcome((shape,), (Link(0, own), Chain((values,)).reduce([0]).broadcast(shape).link(2)))


def _depth(node: OpNode) -> int:
    depth = node.known(1)
    if depth is None or depth.size != 1 or depth.dtype.kind not in "iuf":
        raise RuleError("input 1 requires one number, the depth")
    number = depth.reshape(-1)[0]
    if not 1 <= number < 1 << 63:
        raise RuleError(f"input 1 requires a depth of at least 1, found {number}")
    return int(number)
