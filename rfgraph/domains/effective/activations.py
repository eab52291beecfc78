"""Functions of one element: values, slopes, and what is expected of both for normal arguments."""

from __future__ import annotations

import math
from functools import lru_cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from rfgraph.domains.effective.statistics import Floats

# A function's value and slope.
Both: TypeAlias = "tuple[Floats, Floats]"

# Points of the quadratures: of an element given its channel's mean, and of that mean.
POINTS, MEANS, REACH = 4096, 65, 8.0


class Moments(NamedTuple):
    """What is expected of the elements of a tensor at initialisation.

    The mean, the mean square, and the mean over channels of a channel's mean, squared. A channel is
    taken for normal with its own mean, and these means for normal.
    """

    mean: float
    square: float
    channels: float

    @property
    def within(self) -> float:
        """The variance within a channel."""
        return max(self.square - self.channels, 0.0)

    @property
    def variance(self) -> float:
        """The variance over all elements."""
        return max(self.square - self.mean**2, 0.0)

    @property
    def between(self) -> float:
        """The variance of the channels' means."""
        return max(self.channels - self.mean**2, 0.0)


STANDARD = Moments(0.0, 1.0, 0.0)


class Op(NamedTuple):
    """A function of one element: a named one, with parameters, of the results of others."""

    name: str
    values: tuple[float, ...] = ()
    reads: tuple[Op, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all functions that it is made of, without that of the element itself."""
        own = (self.name,) if self.name else ()
        return sum((op.names for op in self.reads), own)


# The element itself.
ARGUMENT = Op("")


def counts_of(name: str) -> range | None:
    """Return how many parameters a function of one element may have, None of one not known."""
    if name in COMBINED:
        return range(0)
    if name not in FUNCTIONS:
        return None
    _, *parameters = signature(FUNCTIONS[name]).parameters.values()
    required = sum(parameter.default is Parameter.empty for parameter in parameters)
    return range(required, len(parameters) + 1)


@lru_cache(maxsize=512)
def expected_moments(program: Op, given: Moments) -> tuple[Moments, float] | None:
    """Return the moments of a function of normal elements, and its expected squared slope.

    None where a step of it is not known.
    """
    if not FUNCTIONS.keys() >= set(program.names):
        return None
    z, weight = _normal(POINTS)
    with np.errstate(all="ignore"):
        value, slope = _run(program, given.mean + math.sqrt(given.variance) * z)
        within = math.sqrt(given.within)
        if given.between > 1e-12:
            nodes, shares = _normal(MEANS)
            means = given.mean + math.sqrt(given.between) * nodes
            inner, _ = _run(program, means[:, None] + within * z)
            channels = float(shares @ (np.nan_to_num(inner) @ weight) ** 2)
        else:
            channels = float(np.nan_to_num(value) @ weight) ** 2
    value, slope = np.nan_to_num(value), np.nan_to_num(slope)
    moments = Moments(float(value @ weight), float(value**2 @ weight), channels)
    return moments, float(slope**2 @ weight)


@lru_cache(maxsize=4)
def _normal(count: int) -> Both:
    """Return points of a standard normal variable, symmetric and off zero, and their weights."""
    edges = np.linspace(-REACH, REACH, count + 1)
    points = (edges[1:] + edges[:-1]) / 2
    weight = np.exp(-(points**2) / 2)
    return points, weight / weight.sum()


def normal_cdf(x: Floats) -> Floats:
    """Return the probability that a standard normal variable is below x."""
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def erf(x: Floats) -> Floats:
    """Return the error function, by element."""
    values: Floats = np.array([math.erf(item) for item in np.ravel(x)]).reshape(np.shape(x))
    return values


def _erf(x: Floats) -> Floats:
    """Return the error function off a fine table, whose step leaves an error below 1e-7."""
    table, values = _erf_table()
    found: Floats = np.interp(x, table, values)
    return found


@lru_cache(maxsize=1)
def _erf_table() -> Both:
    table = np.linspace(-6.0, 6.0, 12001)
    return table, erf(table)


def _run(op: Op, argument: Floats) -> Both:
    if not op.name:
        return argument, np.ones_like(argument)
    operands = [_run(one, argument) for one in op.reads]
    if op.name in COMBINED:
        return COMBINED[op.name](operands, *op.values)
    ((value, slope),) = operands
    result, own = FUNCTIONS[op.name](value, *op.values)
    return result, own * slope


def _sigmoid(x: Floats) -> Both:
    value = 0.5 * (1 + np.tanh(x / 2))
    return value, value * (1 - value)


def _clip(x: Floats, low: float, high: float) -> Both:
    return np.clip(x, low, high), ((x > low) & (x < high)).astype(float)


def _relu(x: Floats) -> Both:
    return _clip(x, 0.0, math.inf)


def _tanh(x: Floats) -> Both:
    value = np.tanh(x)
    return value, 1 - value**2


def _softplus(x: Floats, outer: float = 1.0, inner: float = 1.0) -> Both:
    return outer * np.logaddexp(0, inner * x), outer * inner * _sigmoid(inner * x)[0]


def _swish(x: Floats, alpha: float = 1.0) -> Both:
    gate, slope = _sigmoid(alpha * x)
    return x * gate, gate + alpha * x * slope


def _mish(x: Floats) -> Both:
    soft, slope = _softplus(x)
    gate = np.tanh(soft)
    return x * gate, gate + x * (1 - gate**2) * slope


def _gelu(x: Floats) -> Both:
    below = 0.5 * (1 + _erf(x / math.sqrt(2)))
    return x * below, below + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _hard_sigmoid(x: Floats, alpha: float, beta: float) -> Both:
    value, inside = _clip(alpha * x + beta, 0.0, 1.0)
    return value, alpha * inside


def _hard_swish(x: Floats) -> Both:
    gate, slope = _hard_sigmoid(x, 1 / 6, 0.5)
    return x * gate, gate + x * slope


def _exponential(x: Floats, outer: float, negative: float, scale: float) -> Both:
    """Return outer * x above zero, negative * (exp(x / scale) - 1) below."""
    decayed = np.exp(np.minimum(x, 0) / scale)
    value = np.where(x > 0, outer * x, negative * (decayed - 1))
    return value, np.where(x > 0, outer, negative / scale * decayed)


def _leaky(x: Floats, alpha: float) -> Both:
    return np.where(x > 0, x, alpha * x), np.where(x > 0, 1.0, alpha)


def _threshold(x: Floats, alpha: float) -> Both:
    above = x > alpha
    return np.where(above, x, 0.0), above.astype(float)


def _shrink(x: Floats, bias: float, limit: float) -> Both:
    outside = np.abs(x) > limit
    return np.where(outside, x - np.sign(x) * bias, 0.0), outside.astype(float)


def _power(x: Floats, exponent: float) -> Both:
    return np.power(x, exponent), exponent * np.power(x, exponent - 1)


def _sqrt(x: Floats) -> Both:
    root = np.sqrt(np.maximum(x, 0))
    return root, np.where(root > 1e-6, 0.5 / np.maximum(root, 1e-6), 0.0)


def _gate(operands: list[Both]) -> Both:
    (a, b), *rest = operands
    for c, d in rest:
        a, b = a * c, a * d + b * c
    return a, b


def _quotient(operands: list[Both]) -> Both:
    (a, b), (c, d) = operands
    return a / c, (b * c - a * d) / c**2


def _sum(operands: list[Both]) -> Both:
    return sum(a for a, _ in operands), sum(b for _, b in operands)  # type: ignore[return-value]


COMBINED = {"gate": _gate, "quotient": _quotient, "sum": _sum}
FUNCTIONS: dict[str, Callable[..., Both]] = {
    **COMBINED,
    "scale": lambda x, c: (c * x, np.full_like(x, c)),
    "shift": lambda x, b: (x + b, np.ones_like(x)),
    "Abs": lambda x: (np.abs(x), np.sign(x)),
    "Atan": lambda x: (np.arctan(x), 1 / (1 + x**2)),
    "Celu": lambda x, a: _exponential(x, 1.0, a, a),
    "Clip": _clip,
    "Cos": lambda x: (np.cos(x), -np.sin(x)),
    "Elu": lambda x, a: _exponential(x, 1.0, a, 1.0),
    "Erf": lambda x: (_erf(x), 2 / math.sqrt(math.pi) * np.exp(-(x**2))),
    "Exp": lambda x: (np.exp(x), np.exp(x)),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _leaky,
    "Mish": _mish,
    "Neg": lambda x: (-x, -np.ones_like(x)),
    "ParametricSoftplus": _softplus,
    "Pow": _power,
    "Relu": _relu,
    "ScaledTanh": lambda x, a, b: (a * np.tanh(b * x), a * b * (1 - np.tanh(b * x) ** 2)),
    "Selu": lambda x, a, g: _exponential(x, g, g * a, 1.0),
    "Shrink": _shrink,
    "Sigmoid": _sigmoid,
    "Sin": lambda x: (np.sin(x), np.cos(x)),
    "Softplus": _softplus,
    "Softsign": lambda x: (x / (1 + np.abs(x)), 1 / (1 + np.abs(x)) ** 2),
    "Sqrt": _sqrt,
    "Swish": _swish,
    "Tanh": _tanh,
    "ThresholdedRelu": _threshold,
}


# -- closed forms ----------------------------------------------------------------------------------


def rectified_moments(given: Moments) -> tuple[Moments, float]:
    """Return what is expected of Relu, and its expected squared slope."""
    if given.variance < 1e-12:
        value = max(given.mean, 0.0)
        return Moments(value, value**2, value**2), float(given.mean > 0)
    s = math.sqrt(given.variance)
    above, density = _above(given.mean / s)
    mean = given.mean * above + s * density
    square = given.square * above + given.mean * s * density
    return Moments(mean, square, _rectified_channels(given)), above


@lru_cache(maxsize=512)
def _rectified_channels(given: Moments) -> float:
    means, shares = _means(given)
    s = max(math.sqrt(given.within), 1e-9)
    above = normal_cdf(means / s)
    density = np.exp(-((means / s) ** 2) / 2) / math.sqrt(2 * math.pi)
    return float(shares @ (means * above + s * density) ** 2)


def _above(x: float) -> tuple[float, float]:
    """Return the probability below x of a standard normal variable, and its density there."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2))), math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _means(given: Moments) -> Both:
    """Return the means of channels, and their shares."""
    if given.between <= 1e-12:
        return np.array([given.mean]), np.ones(1)
    nodes, shares = _normal(MEANS)
    return given.mean + math.sqrt(given.between) * nodes, shares


@lru_cache(maxsize=256)
def largest(given: Moments, count: int, *, rectified_after: bool) -> Moments:
    """Return the moments of the largest of `count` elements that share their channel's mean.

    With `rectified_after` those of its Relu.
    """
    edges = np.linspace(-REACH, REACH, POINTS + 1)
    weight = np.diff(normal_cdf(edges) ** count)
    z = (edges[1:] + edges[:-1]) / 2
    means, shares = _means(given)
    maxima = means[:, None] + math.sqrt(given.within) * z
    if rectified_after:
        maxima = np.maximum(maxima, 0)
    inner = maxima @ weight
    return Moments(
        float(shares @ inner), float(shares @ (maxima**2 @ weight)), float(shares @ inner**2)
    )


@lru_cache(maxsize=256)
def open_share(given: Moments, count: int) -> float:
    """Return P(any of `count` is above zero) over P(one is), averaged over channels.

    That is by how much more than one of `count` inputs of a maximum lets a gradient through.
    """
    means, shares = _means(given)
    above = normal_cdf(means / max(math.sqrt(given.within), 1e-9))
    return float(shares @ (1 - (1 - above) ** count)) / max(float(shares @ above), 1e-12)
