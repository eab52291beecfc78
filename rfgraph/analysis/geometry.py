"""How an output lies in the input along each spatial axis, and whether it moves with it at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from rfgraph.analysis.lengths import Lengths, accepted_lengths, at_lengths, dependent
from rfgraph.analysis.result import analyze
from rfgraph.domains.fields.numbers import united_map
from rfgraph.domains.movement import FAR, MERGED, UNKNOWN, Moved, flattened, movement
from rfgraph.domains.periodic import MAX_PERIOD, PeriodicMap, join_spans
from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted
from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.analysis import Result
    from rfgraph.analysis.lengths import Dependent
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.movement import Movement
    from rfgraph.relations.graph import Model, ModelInput, Operator


@dataclass(frozen=True, slots=True)
class Blocker:
    """An operator for which a part of the input does not give what the whole gives, and why."""

    node: str
    op_type: str
    axis: int
    why: str

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {"node": self.node, "op_type": self.op_type, "axis": self.axis, "why": self.why}


@dataclass(frozen=True, slots=True)
class AxisGeometry:
    """One spatial axis of an input, and the axis of the tensor that moves with it.

    `period` is [P_o, P_i]: P_o units move on by P_i positions, all on the way included. `map` says
    which positions must exist for a unit to be that of an endless input. `halo` is what a core on
    the grid needs before and behind it, `grid_halo` what a tile reads there. `units` are those of
    the tensor at the length `size`.
    """

    axis: int
    carrier: int
    map: PeriodicMap
    halo: tuple[int, int]
    grid_halo: tuple[int, int]
    size: int
    units: int
    lengths: Lengths

    @property
    def period(self) -> tuple[int, int]:
        """[P_o, P_i]."""
        return self.map.p, self.map.q

    @property
    def scale(self) -> Fraction:
        """Units for each input position."""
        return Fraction(self.map.p, self.map.q)

    @property
    def offset(self) -> Fraction:
        """Units more (or, below 0, fewer) than the input's length times the scale."""
        return self.units - self.size * self.scale

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "axis": self.axis,
            "period": list(self.period),
            "halo": list(self.halo),
            "grid_halo": list(self.grid_halo),
            "scale": rational(self.scale),
            "offset": rational(self.offset),
            "lengths": self.lengths.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a tensor moves with an input; `axes` are None in part where something blocks it."""

    tensor: str
    input: str
    rank: int
    input_rank: int
    shape: tuple[int, ...] | None
    axes: tuple[AxisGeometry, ...]
    blockers: tuple[Blocker, ...]
    lengths: Mapping[int, Lengths]

    @property
    def exact(self) -> bool:
        """Whether parts of the input give what the whole gives."""
        return not self.blockers

    def why_not(self) -> str:
        """Say what blocks it, in part."""
        named = [f"{quoted(item.node)} ({item.op_type}) {item.why}" for item in self.blockers[:3]]
        more = f" and {len(self.blockers) - 3} more" if len(self.blockers) > 3 else ""
        return "; ".join(named) + more

    def to_dict(self) -> Json:
        """Return the entries of the JSON report."""
        known = {axis.axis: axis.to_dict() for axis in self.axes}
        return {
            "exact": self.exact,
            "blockers": [blocker.to_dict() for blocker in self.blockers],
            "axes": [
                known.get(axis) or _unknown(axis, lengths) for axis, lengths in self.lengths.items()
            ],
        }


def _unknown(axis: int, lengths: Lengths) -> Json:
    keys = ("period", "halo", "grid_halo", "scale", "offset")
    return {"axis": axis, **dict.fromkeys(keys), "lengths": lengths.to_dict()}


class _Found(NamedTuple):
    """What the axes of an input accept, and the operators that differ between such lengths."""

    lengths: dict[int, Lengths]
    differing: dict[int, tuple[Dependent, ...]]


def geometry(
    result: Result, tensor: str, source: str, whole: Sequence[int] | None = None
) -> Geometry:
    """Return how `tensor` moves with input `source`, at the lengths `whole` of its spatial axes.

    Without them, at the lengths of the result or, where these lose positions, at the next that lose
    none. UsageError where the network refuses `whole`.
    """
    spatial = result.forms[source].spatial_axes
    item = _item(result.model, source)
    found = _accepted(result.model, item, tensor, spatial)
    at = {axis: _base(item.shape[axis], found.lengths[axis]) for axis in spatial}
    if whole is not None:
        at = dict(zip(spatial, whole, strict=True))
        at = {a: item.shape[a] if found.lengths[a].is_fixed else n for a, n in at.items()}
    if any(item.shape[axis] != length for axis, length in at.items()):
        made = at_lengths(result.model, item, at)
        if made is None:
            raise _refused(item, at, found.lengths)
        result = analyze(made)
        item = _item(made, source)
    moves = {axis: movement(result.graph, source, axis, tensor) for axis in spatial}
    blockers = [
        blocker for axis in spatial for blocker in _blockers(result, item, axis, moves[axis], found)
    ]
    axes = []
    for axis in spatial:
        made_axis = _axis(result, tensor, item, axis, moves[axis], found.lengths[axis])
        if made_axis is not None:
            axes.append(made_axis)
        elif not any(blocker.axis == axis for blocker in blockers):
            producer = result.graph.nodes[tensor]["producer"]
            blockers.append(_blocker(producer, axis, "has no period along the axis"))
    shape = result.graph.nodes[tensor]["shape"]
    unique = tuple(dict.fromkeys(blockers))
    rank = len(shape or ())
    return Geometry(
        tensor, source, rank, len(item.shape), shape, tuple(axes), unique, found.lengths
    )


def _item(model: Model, source: str) -> ModelInput:
    return next(item for item in model.inputs if item.name == source)


def _accepted(model: Model, item: ModelInput, tensor: str, spatial: Sequence[int]) -> _Found:
    lengths: dict[int, Lengths] = {}
    differing: dict[int, tuple[Dependent, ...]] = {}
    for axis in spatial:
        moving = movement(model.graph, item.name, axis, tensor)
        lengths[axis], differing[axis] = accepted_lengths(model, item, axis, moving)
    return _Found(lengths, differing)


def _base(length: int, lengths: Lengths) -> int:
    return length if lengths.is_fixed or not lengths.loses(length) else lengths.next(length)


def _refused(
    item: ModelInput, at: Mapping[int, int], lengths: Mapping[int, Lengths]
) -> UsageError:
    said = [f"axis {axis} accepts {accepted(lengths[axis])}" for axis in at]
    found = ", ".join(map(str, at.values()))
    return UsageError(
        f"input {quoted(item.name)} refuses lengths of {found}; {'; '.join(said)}"
    )


def accepted(lengths: Lengths) -> str:
    """Say which lengths an axis accepts."""
    if lengths.step is None:
        return str(lengths.least)
    if lengths.residues is None:
        return f"{lengths.least}; others were not tried"
    return _series(lengths.least, lengths.step, lengths.residues)


def _series(least: int, step: int, residues: Sequence[int]) -> str:
    if len(residues) == step:
        return "any length" if least == 1 else f"any length from {least} on"
    first = sorted(least + (residue - least) % step for residue in residues)
    named = ", ".join(f"{n} + {step}k" for n in first[:4])
    return named if len(first) <= 4 else f"{named} and {len(first) - 4} more such series"


# -- what blocks -----------------------------------------------------------------------------------


def _blocker(operator: Operator | None, axis: int, why: str) -> Blocker:
    if operator is None:
        return Blocker("", "", axis, why)
    return Blocker(operator.label, operator.op_type, axis, why)


def _blockers(
    result: Result, item: ModelInput, axis: int, moving: Movement, found: _Found
) -> list[Blocker]:
    """Return what keeps a tensor from moving along an axis, and what changes with its length."""
    step = math.lcm(*(v.needs.q for v in moving.values.values() if isinstance(v, Moved)))
    longer = at_lengths(result.model, item, {axis: item.shape[axis] + step})
    differing = list(found.differing[axis])
    if longer is not None:
        differing.extend(dependent(result.model, longer, moving, step))
    reasons = {one.operator: one.reason for one in result.model.unanalysed}
    blockers = [_blocker(one.operator, axis, one.why) for one in differing]
    for operator, why in moving.breaks:
        # Strides that differ follow from a ratio that depends on the length.
        if why != MERGED or not differing:
            said = reasons.get(operator, why) if why == UNKNOWN else why
            blockers.append(_blocker(operator, axis, said))
    return blockers


# -- numbers ---------------------------------------------------------------------------------------


def _axis(
    result: Result,
    tensor: str,
    item: ModelInput,
    axis: int,
    moving: Movement,
    lengths: Lengths,
) -> AxisGeometry | None:
    """Return the numbers of an axis; None where the tensor does not move along it."""
    value = moving.values.get(tensor)
    shape = result.graph.nodes[tensor]["shape"]
    if not isinstance(value, Moved) or shape is None:
        return None
    value = flattened(value)
    united = united_map(result.forms[item.name].states[tensor], axis, shape)
    needed = None if united is None else _needed(united, value.needs)
    if needed is None or value.length != shape[value.axis]:
        return None
    step = needed.q
    there = [span for span in needed.spans if span is not None]
    before = max(0, -min(lo for lo, _ in there))
    behind = max(0, max(hi for _, hi in there) - (step - 1))
    grid = -(-before // step) * step, _up(behind, step, item.shape[axis], lengths)
    size, units = item.shape[axis], shape[value.axis]
    return AxisGeometry(
        axis, value.axis, needed, (before, behind), grid, size, units, lengths
    )


def _needed(united: PeriodicMap, needs: PeriodicMap) -> PeriodicMap | None:
    """Return what is read and what padding asks for, over a period of both."""
    p = math.lcm(united.p, needs.p)
    if united.q * needs.p != needs.q * united.p or p > MAX_PERIOD:
        return None
    spans = []
    for at in range(p):
        read, asked = united.at(at), needs.at(at)
        if read is not None and asked is not None:
            lo = asked[0] if asked[0] < FAR // 2 else read[0]
            hi = asked[1] if asked[1] > -FAR // 2 else read[1]
            read = join_spans((read, (lo, hi)))
        spans.append(read)
    return PeriodicMap(p, united.q * p // united.p, tuple(spans))


def _up(behind: int, step: int, size: int, lengths: Lengths) -> int:
    """Return the halo behind a core with which a tile that begins on the grid has an even length.

    That is a multiple of the step where the network is even there, else the next even length; where
    the whole loses positions, or the length is fixed, a length that loses the same.
    """
    if lengths.is_fixed or lengths.step is None:
        return -(-behind // step) * step
    residues = [size % step] if lengths.loses(size) else [n % step for n in lengths.even()]
    if 0 in residues:
        return -(-behind // step) * step
    return behind + min((residue - behind) % step for residue in residues)
