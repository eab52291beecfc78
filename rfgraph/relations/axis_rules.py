"""Axis rules: for an output position along one axis, which input positions it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from rfgraph.errors import BoundError

if TYPE_CHECKING:
    from numpy.typing import NDArray


# Of the taps of a window, in arrays, and how many phases of one are tabulated.
MAX_POSITION = 1 << 60
MAX_PHASES = 1 << 20

Shape: TypeAlias = tuple[int, ...]
Filter: TypeAlias = Literal[
    "floor", "ceil", "round_prefer_floor", "round_prefer_ceil", "linear", "cubic"
]
Outside: TypeAlias = Literal["pad", "absent", "edge", "reflect", "wrap"]


class PeriodicRule(Protocol):
    """An axis rule whose taps repeat: taps(o + P) = taps(o) + Q with (P, Q) = period()."""

    def period(self) -> tuple[int, int]:
        """Return (P, Q)."""
        ...

    def taps(self, o: int) -> range:
        """Return the positions that output position o reads."""
        ...


@dataclass(frozen=True, slots=True)
class _Strided:
    """What a window and a transposed one are given."""

    kernel: int
    stride: int
    dilation: int
    pad_begin: int
    in_len: int
    out_len: int

    @property
    def extent(self) -> int:
        """The positions from the first tap to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def is_identity(self) -> bool:
        """Whether every output position reads its own input position and no other."""
        return self.kernel == self.stride == 1 and not self.pad_begin


class Window(_Strided):
    """Position o reads o*stride - pad_begin + t*dilation for t in [0, kernel).

    `in_len` and `out_len`, here and in the other rules, are the axis's lengths before and after.
    """

    __slots__ = ()

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return 1, self.stride

    def taps(self, o: int) -> range:
        """Return the input positions that output position o reads, as if the axis had no end."""
        first = o * self.stride - self.pad_begin
        return range(first, first + self.extent, self.dilation)


class Transposed(_Strided):
    """Position o reads every i with o + pad_begin - i*stride = t*dilation, t in [0, kernel)."""

    __slots__ = ()

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return self.stride, 1

    def taps(self, o: int) -> range:
        """Return the input positions that output position o reads, as if the axis had no end."""
        shared = math.gcd(self.stride, self.dilation)
        at = o + self.pad_begin
        if at % shared:
            return range(0)
        stride, dilation = self.stride // shared, self.dilation // shared
        # t*dilation = at/shared (mod stride): one residue of t; then i falls by `dilation` a step.
        t = at // shared * pow(dilation, -1, stride) % stride if stride > 1 else 0
        if t >= self.kernel:
            return range(0)
        count = (self.kernel - 1 - t) // stride + 1
        last = (at // shared - t * dilation) // stride
        return range(last - (count - 1) * dilation, last + 1, dilation)


@dataclass(frozen=True, slots=True)
class Resample:
    """Position o reads around the coordinate o*ratio + offset, as `filter` says.

    `sharpness` is the parameter of the cubic filter (ONNX's cubic_coeff_a).
    `reach` widens an antialiasing filter: every position nearer than it. Outside the input a tap is
    moved to the border, or dropped (`clamp` false); with `crop`, a coordinate outside reads
    nothing.
    """

    ratio: Fraction
    offset: Fraction
    filter: Filter
    in_len: int
    out_len: int
    reach: Fraction | None = None
    clamp: bool = True
    crop: bool = False
    sharpness: float = -0.75

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return self.ratio.denominator, self.ratio.numerator

    def coordinate(self, o: int) -> Fraction:
        """Return where output position o lies on the input axis."""
        return o * self.ratio + self.offset

    def taps(self, o: int) -> range:
        """Return the input positions that output position o reads, as if the axis had no end."""
        x = self.coordinate(o)
        if self.reach is not None:
            return range(math.floor(x - self.reach) + 1, math.ceil(x + self.reach))
        at = math.floor(x)
        match self.filter:
            case "floor":
                return range(at, at + 1)
            case "ceil":
                return range(math.ceil(x), math.ceil(x) + 1)
            case "round_prefer_floor":
                near = math.ceil(x - Fraction(1, 2))
                return range(near, near + 1)
            case "round_prefer_ceil":
                near = math.floor(x + Fraction(1, 2))
                return range(near, near + 1)
            case "linear":
                return range(at, at + 1 if x == at else at + 2)
        return range(at, at + 1) if x == at else range(at - 1, at + 3)


@dataclass(frozen=True, slots=True)
class Shift:
    """Position o reads start + o*step, and `outside` says what that means beyond the input.

    "pad": nothing is read there, and the unclipped field goes on as if the input had no end;
    "absent": there is nothing (another operand of a Concat); "edge", "reflect", "wrap": the Pad
    modes, which the unclipped field leaves out.
    """

    start: int
    step: int
    in_len: int
    out_len: int
    outside: Outside = "pad"

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the largest position that is read, as if the axis had no end."""
        last = self.start + (self.out_len - 1) * self.step
        return min(self.start, last), max(self.start, last)

    @property
    def is_inside(self) -> bool:
        """Whether every position that is read exists."""
        least, largest = self.ends
        return not self.out_len or (least >= 0 and largest < self.in_len)

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return 1, self.step

    def taps(self, o: int) -> range:
        """Return the input position that output position o reads, as if the axis had no end."""
        at = self.start + o * self.step
        return range(at, at + 1)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Position o reads o modulo the input's length (Tile)."""

    in_len: int
    out_len: int

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return self.in_len, 0

    def taps(self, o: int) -> range:
        """Return the input position that output position o reads."""
        at = o % self.in_len
        return range(at, at + 1)


@dataclass(frozen=True, slots=True)
class Pick:
    """Position o reads indices[o]; a negative index reads nothing."""

    indices: tuple[int, ...]
    in_len: int

    @property
    def out_len(self) -> int:
        """The length of the axis after the rule."""
        return len(self.indices)


@dataclass(frozen=True, slots=True)
class Listed:
    """Position o reads every position of lists[o] (a constant scatter or sampling grid)."""

    lists: tuple[tuple[int, ...], ...]
    in_len: int

    @property
    def out_len(self) -> int:
        """The length of the axis after the rule."""
        return len(self.lists)


@dataclass(frozen=True, slots=True)
class Whole:
    """Every position reads the whole axis; `unknown` where that is for want of knowledge."""

    in_len: int
    out_len: int
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Blocks:
    """The axis falls into `groups` equal blocks on both sides; a position reads its whole block."""

    groups: int
    in_len: int
    out_len: int

    def period(self) -> tuple[int, int]:
        """Return (p, q): output position o + p reads what o reads, q input positions further."""
        return max(self.out_len // self.groups, 1), self.in_len // self.groups

    def taps(self, o: int) -> range:
        """Return the input positions that output position o reads."""
        made, read = self.period()
        first = o // made * read
        return range(first, first + read)


@dataclass(frozen=True, slots=True)
class Rows:
    """One position is left of the axis; each row of the tensor reads what `kept` leaves it of it.

    Rows run over `axes`, other ones of the same tensor, of `lengths`. `kept` has a bit for each row
    and each position of the axis, both in row-major order. `band`, where the rows run over one
    axis, says that row r reads [r - before, r + after], None being without end on that side.
    """

    axes: tuple[int, ...]
    lengths: Shape
    kept: bytes
    in_len: int
    band: tuple[int | None, int | None] | None = None

    @property
    def out_len(self) -> int:
        """The length of the axis after the rule."""
        return 1

    def flags(self) -> NDArray[np.bool_]:
        """Return what is kept as a matrix of rows by positions."""
        rows = math.prod(self.lengths)
        bits = np.unpackbits(np.frombuffer(self.kept, np.uint8), count=rows * self.in_len)
        return bits.reshape(rows, self.in_len).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class Band:
    """Position o reads [o - before, o + after]; None is without end on that side."""

    before: int | None
    after: int | None
    in_len: int
    out_len: int

    @property
    def window(self) -> Window | None:
        """The same as a window, None of a band without end."""
        if self.before is None or self.after is None:
            return None
        width = max(self.before + self.after + 1, 0)
        return Window(width, 1, 1, self.before, self.in_len, self.out_len)


TapRule: TypeAlias = Window | Transposed | Resample | Listed
SelectRule: TypeAlias = Shift | Repeat | Pick
ReduceRule: TypeAlias = Whole | Blocks | Rows
# The rules by which a position of an axis alone says what is read of it.
OwnRule: TypeAlias = TapRule | SelectRule | Whole | Blocks | Band
AxisRule: TypeAlias = OwnRule | Rows


def progressions(
    rule: PeriodicRule, length: int
) -> tuple[NDArray[np.int64], int, NDArray[np.int64]]:
    """Return first position, common difference and count of the taps of the first positions.

    Raises BoundError for positions too large for arrays.
    """
    if isinstance(rule, Window):
        last = (length - 1) * rule.stride + rule.extent
        _check(max(last, rule.pad_begin), MAX_POSITION, "MAX_POSITION")
        first = np.arange(length, dtype=np.int64) * rule.stride - rule.pad_begin
        return first, rule.dilation, np.full(length, rule.kernel, dtype=np.int64)
    period, shift = rule.period()
    count = min(period, length)
    _check(count, MAX_PHASES, "MAX_PHASES")
    phases = [rule.taps(o) for o in range(count)]
    step = max((taps.step for taps in phases), default=1)
    turns = length // period + 1
    reach = max((max(abs(taps.start), abs(taps.stop)) for taps in phases), default=0)
    _check(max(reach + turns * abs(shift), step), MAX_POSITION, "MAX_POSITION")
    firsts = np.array([taps.start for taps in phases], dtype=np.int64)
    counts = np.array([len(taps) for taps in phases], dtype=np.int64)
    if turns == 1:
        return firsts, step, counts
    turn, phase = np.divmod(np.arange(length, dtype=np.int64), period)
    return firsts[phase] + turn * shift, step, counts[phase]


def _check(number: int, bound: int, name: str) -> None:
    if number > bound:
        raise BoundError(f"a window's positions exceed {name} ({bound})")


def along_axis(length: int, axis: int, rank: int) -> Shape:
    """Return the shape in which a vector broadcasts along `axis` of a tensor of `rank`."""
    return tuple(length if a == axis else 1 for a in range(rank))


def inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    """Return the permutation that undoes one."""
    return tuple(perm.index(axis) for axis in range(len(perm)))
