"""What callers pass, checked: a value of the wrong type is a UsageError that says what is right."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from rfgraph.errors import UsageError
from rfgraph.wording.names import nearest, quote

if TYPE_CHECKING:
    from collections.abc import Callable


P = ParamSpec("P")
R = TypeVar("R")


def describe(value: object) -> str:
    """Return how a message calls a value that is not what was required."""
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    return quote(value) if isinstance(value, str) else f"a {type(value).__name__}"


def mapping(what: str, value: object) -> Mapping[Any, Any]:
    """Return a mapping, None being an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{what} requires a mapping, found {describe(value)}")
    return value


def text(what: str, value: object) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise UsageError(f"{what} requires a name, found {describe(value)}")
    return value


def texts(what: str, value: object) -> list[str]:
    """Return the strings of a sequence, which is not one string itself."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise UsageError(f"{what} requires a sequence of names, found {describe(value)}")
    return [text(what, item) for item in value]


def integer(what: str, value: object) -> int:
    """Return an integer of any integral type as Python's."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{what} requires an integer, found {describe(value)}") from None


def sequence(what: str, value: object) -> Sequence[Any]:
    """Return the items of a sequence that is neither text nor a mapping."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise UsageError(f"{what} requires a sequence, found {describe(value)}")
    return tuple(value)


def integers(what: str, value: object) -> tuple[int, ...]:
    """Return the integers of a sequence."""
    return tuple(integer(what, item) for item in sequence(what, value))


def shapes(value: object) -> dict[str, tuple[int, ...]]:
    """Return the shapes of inputs by name."""
    return {
        text("input_shapes", name): integers(f"the shape of input {quote(name)}", shape)
        for name, shape in mapping("input_shapes", value).items()
    }


def fraction(value: object) -> Fraction | None:
    """Return a real number exactly, None for what is none.

    A float means the decimal fraction that it is written as: 0.1 is a tenth, not a bit more.
    """
    if isinstance(value, int | Fraction):
        return Fraction(value)
    if isinstance(value, Decimal) and value.is_finite():
        return Fraction(value)
    if isinstance(value, Real) and math.isfinite(value):
        return Fraction(str(float(value)))
    return None


def dims(value: object) -> dict[str, int]:
    """Return the lengths of dimensions by their symbols."""
    return {
        text("dims", name): integer(f"the length of dimension {quote(name)}", length)
        for name, length in mapping("dims", value).items()
    }


def keywords_named(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose TypeError for an unknown keyword names the nearest that it takes."""
    import inspect

    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def wrapper(*arguments: P.args, **keywords: P.kwargs) -> R:
        for name in (name for name in keywords if name not in known):
            near = nearest(name, known)
            hint = f"Did you mean {near!r}?" if near else f"Known are {', '.join(known[1:])}."
            what = f"{function.__name__}() got an unexpected keyword argument {name!r}"
            raise TypeError(f"{what}. {hint}")
        return function(*arguments, **keywords)

    return wrapper
