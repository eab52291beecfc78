"""Whether the steps of a caller's own rule fit each other and the shapes they are applied to."""

from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from rfgraph.arguments import describe
from rfgraph.errors import UsageError
from rfgraph.ops.steps import broadcasts
from rfgraph.relations.axis_rules import (
    AxisRule,
    Band,
    Blocks,
    Filter,
    Listed,
    Outside,
    Pick,
    ReduceRule,
    Rows,
    SelectRule,
    Shape,
    TapRule,
    Transposed,
    Window,
)
from rfgraph.relations.steps import (
    Gathered,
    Permute,
    Pointwise,
    Prefix,
    Reduce,
    Regroup,
    Select,
    Step,
    Taps,
    step_shape,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_ALONG: dict[type, tuple[type, ...]] = {
    Taps: get_args(TapRule),
    Select: get_args(SelectRule),
    Reduce: get_args(ReduceRule),
    Prefix: (Band,),
}


def check_steps(what: str, shape: Shape, steps: Sequence[object]) -> None:
    """Raise UsageError, which begins with `what`, for the first step that does not fit."""
    for number, step in enumerate(steps):
        where = f"{what}, step {number}"
        if not isinstance(step, get_args(Step)):
            raise UsageError(f"{where} requires a step such as Taps, found {describe(step)}")
        where = f"{where} ({type(step).__name__})"
        if isinstance(step, Taps | Select | Reduce | Prefix):
            _check_along(where, step, shape)
        else:
            _check_plain(where, step)
            _check_moved(where, step, shape)
        shape = step_shape(step, shape)


def _check_moved(where: str, step: Step, shape: Shape) -> None:
    if isinstance(step, Permute) and sorted(step.perm) != list(range(len(shape))):
        raise UsageError(
            f"{where} requires each axis of shape {list(shape)} once, found {list(step.perm)}"
        )
    if isinstance(step, Regroup) and math.prod(step.shape) != math.prod(shape):
        raise UsageError(
            f"{where} requires as many elements as shape {list(shape)} has, "
            f"found {list(step.shape)}"
        )
    if isinstance(step, Pointwise) and not broadcasts(shape, step.shape):
        raise UsageError(
            f"{where} requires a shape that {list(shape)} broadcasts to, found {list(step.shape)}"
        )
    if isinstance(step, Gathered):
        _check_places(where, step, shape)


def _check_places(where: str, step: Gathered, shape: Shape) -> None:
    """Check that each element is one that exists, or nothing along all axes."""
    if not shape or not _are_places(step, len(shape)):
        raise UsageError(
            f"{where}, places, requires for each axis of shape {list(shape)} an array of integers "
            f"that broadcasts to {list(step.shape)}, with as many axes"
        )
    outside = [
        int(at)
        for place, length in zip(step.places, shape, strict=True)
        for at in (place.min(), place.max())
        if not -1 <= at < length
    ]
    if outside:
        raise UsageError(
            f"{where}, places, requires positions of shape {list(shape)} or -1, found {outside[0]}"
        )
    if any(bool(((place < 0) != (step.places[0] < 0)).any()) for place in step.places):
        raise UsageError(f"{where}, places, requires -1 on all axes where nothing is read")


def _are_places(step: Any, axes: int) -> bool:
    return len(step.places) == axes and all(
        isinstance(place, np.ndarray)
        and np.issubdtype(place.dtype, np.integer)
        and place.size > 0
        and place.ndim == len(step.shape)
        and broadcasts(place.shape, step.shape)
        for place in step.places
    )


def _check_along(where: str, step: Taps | Select | Reduce | Prefix, shape: Shape) -> None:
    """Check the rules of a step that works along some axes."""
    rules: Any = step.rules
    if not isinstance(rules, tuple) or not all(
        isinstance(pair, tuple) and len(pair) == 2 for pair in rules
    ):
        raise UsageError(f"{where} requires a tuple of pairs of axis and rule")
    axes = [axis for axis, _ in rules]
    there = all(isinstance(axis, int) and 0 <= axis < len(shape) for axis in axes)
    if not there or len(set(axes)) != len(axes):
        raise UsageError(f"{where} requires distinct axes of shape {list(shape)}, found {axes}")
    kinds: Any = _ALONG[type(step)]
    for axis, rule in rules:
        at = f"{where}, axis {axis}"
        if not isinstance(rule, kinds):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{at} requires one of {names}, found {describe(rule)}")
        _check_plain(at, rule)
        _check_rule(at, rule, axis, shape)


def _check_rule(where: str, rule: AxisRule, axis: int, shape: Shape) -> None:
    if rule.in_len != shape[axis]:
        raise UsageError(f"{where} requires in_len {shape[axis]}, found {rule.in_len}")
    if rule.out_len < 0:
        raise UsageError(f"{where} requires an out_len from 0, found {rule.out_len}")
    if isinstance(rule, Window | Transposed) and min(rule.kernel, rule.stride, rule.dilation) < 1:
        raise UsageError(f"{where} requires kernel, stride and dilation from 1, found {rule}")
    if isinstance(rule, Blocks) and not _divides(rule):
        raise UsageError(f"{where} requires groups that divide the lengths, found {rule}")
    if isinstance(rule, Rows) and rule.lengths != tuple(shape[other] for other in rule.axes):
        raise UsageError(f"{where} requires the lengths of axes {list(rule.axes)}, found {rule}")
    positions = _positions_of(rule)
    # A negative index of a Pick reads nothing.
    least = min(positions, default=0) if isinstance(rule, Listed) else 0
    most = max(positions, default=-1)
    if least < 0 or most >= rule.in_len:
        raise UsageError(
            f"{where} requires positions below {rule.in_len}, found {most if least >= 0 else least}"
        )


def _divides(rule: Blocks) -> bool:
    return rule.groups > 0 and rule.in_len % rule.groups == rule.out_len % rule.groups == 0


def _positions_of(rule: AxisRule) -> Sequence[int]:
    if isinstance(rule, Listed):
        return [at for taps in rule.lists for at in taps]
    return rule.indices if isinstance(rule, Pick) else ()


def _check_plain(where: str, item: Any) -> None:
    """Check the fields of a step or a rule by the types that they are declared with."""
    for field in fields(item):
        required = _REQUIRED.get(str(field.type))
        value = getattr(item, field.name)
        if required is not None and not required[0](value):
            raise UsageError(
                f"{where}, {field.name}, requires {required[1]}, found {describe(value)}"
            )


def _integral(value: object) -> bool:
    return isinstance(value, int)


def _rational(value: object) -> bool:
    return isinstance(value, int | Fraction)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _integers(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_integral, value))


def _lists(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_integers, value))


def _or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


_REQUIRED: dict[str, tuple[Callable[[object], bool], str]] = {
    "int": (_integral, "an integer"),
    "int | None": (_or_none(_integral), "an integer or None"),
    "float": (_finite, "a finite number"),
    "Fraction": (_rational, "an integer or a Fraction"),
    "Fraction | None": (_or_none(_rational), "an integer, a Fraction or None"),
    "Shape": (_integers, "a tuple of integers"),
    "tuple[int, ...]": (_integers, "a tuple of integers"),
    "tuple[tuple[int, ...], ...]": (_lists, "a tuple of tuples of integers"),
    "Filter": (get_args(Filter).__contains__, f"one of {', '.join(get_args(Filter))}"),
    "Outside": (get_args(Outside).__contains__, f"one of {', '.join(get_args(Outside))}"),
}
