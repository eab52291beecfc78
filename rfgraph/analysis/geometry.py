"""How an output lies in the input along each spatial axis, and whether it moves with it at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from rfgraph.analysis.before_global import before_stops
from rfgraph.analysis.blocking import Blocker, all_blockers, rounding
from rfgraph.analysis.examined import Examined
from rfgraph.analysis.interior import movement_of
from rfgraph.analysis.lengths import (
    MAX_STEP,
    Lengths,
    accepted_lengths,
    accepted_text,
    least_alike,
)
from rfgraph.analysis.together import Together, together
from rfgraph.domains.moved import Moved, flatten
from rfgraph.domains.movement import BEFORE, Break, Movement
from rfgraph.errors import UsageError
from rfgraph.relations.graph import shape_of
from rfgraph.wording.names import printable, quote
from rfgraph.wording.records import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.periodic import PeriodicMap
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Model, ModelInput


# Those that an axis has which moves.
_NUMBERS = ("period", "halo", "grid_halo", "scale", "offset")


@dataclass(frozen=True, slots=True)
class AxisGeometry:
    """One spatial axis of an input, and the axis of the tensor that moves with it.

    `period` is [P_o, P_i]: P_o units move on by P_i positions, all on the way included. `map` says
    which positions must exist for a unit to be that of an endless input. `halo` is what a core on
    the grid needs before and behind it, `grid_halo` what a tile reads there. `units` are those of
    the tensor at the length `size`. `mirrored` is how many positions the first tile, and the last,
    must have at least for padding by their own positions to be that of the whole, `least` how many
    each must have for operators to do what they do there. `inputs` are cut at the same positions,
    each along an axis of its own.
    """

    axis: int
    carrier: int
    map: PeriodicMap
    halo: tuple[int, int]
    grid_halo: tuple[int, int]
    size: int
    units: int
    lengths: Lengths
    mirrored: tuple[int, int] = (0, 0)
    least: int = 1
    inputs: tuple[tuple[str, int], ...] = ()

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

    @property
    def ends(self) -> tuple[int, int]:
        """How many positions the first tile, and the last, must read at least."""
        first, last = self.mirrored
        return max(first, self.least), max(last, self.least)

    @property
    def end_cores(self) -> tuple[int, int]:
        """How many positions the cores of these must have at least, with one halo each."""
        (first, last), (before, behind) = self.ends, self.grid_halo
        return first - behind, last - before

    @property
    def is_longer_at_ends(self) -> bool:
        """Whether one step of the grid and a halo are too few for a tile at an end."""
        return not self.lengths.is_fixed and max(self.end_cores) > self.period[1]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            **entry_of(self, "axis", *_NUMBERS, "lengths"),
            **({"ends": list(self.ends)} if self.is_longer_at_ends else {}),
            **({"cut_with": [list(pair) for pair in self.inputs]} if self.inputs else {}),
        }


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a tensor moves with an input: the axes along which it does, and what blocks others.

    `lengths` and `moves` are by axis; the numbers are those of `model`, at lengths that tiles have.
    """

    tensor: str
    input: str
    shape: tuple[int, ...] | None
    axes: tuple[AxisGeometry, ...]
    blockers: tuple[Blocker, ...]
    lengths: Mapping[int, Lengths]
    moves: Mapping[int, Movement] = field(repr=False, compare=False)
    model: Model = field(repr=False, compare=False)

    @property
    def item(self) -> ModelInput:
        """The input, at lengths that tiles have."""
        return self.model.input(self.input)

    @property
    def ranks(self) -> tuple[int, int]:
        """How many axes the input has, and the tensor."""
        return len(self.item.shape), len(shape_of(self.model.graph, self.tensor) or ())

    @property
    def exact(self) -> bool:
        """Whether parts of the input give what the whole gives."""
        return not self.blockers

    @property
    def before_blockers(self) -> tuple[str, ...]:
        """The last tensors on the way for which parts of the input do give what the whole gives."""
        stopped = {item.node for item in self.blockers}
        return before_stops(self.model.graph, self.input, stopped, list(self.moves.values()))

    @property
    def rounding(self) -> tuple[str, ...]:
        """What samples between positions so that parts differ from the whole by rounding."""
        return rounding(self.model.graph, self.moves.values())

    def why_not(self) -> str:
        """Say what blocks it, in part."""
        said = dict.fromkeys(
            f"{quote(item.node)} ({printable(item.op_type)}) {item.why}" for item in self.blockers
        )
        more = f" and {len(said) - 3} more" if len(said) > 3 else ""
        return "; ".join([*said][:3]) + more

    def to_dict(self) -> Json:
        """Return the entries of the JSON report."""
        known = {axis.axis: axis.to_dict() for axis in self.axes}
        return {
            "exact": self.exact,
            "blockers": [blocker.to_dict() for blocker in self.blockers],
            "before_blockers": list(self.before_blockers),
            "rounding": list(self.rounding),
            "axes": [
                known.get(axis) or _unknown(axis, lengths) for axis, lengths in self.lengths.items()
            ],
        }


def _unknown(axis: int, lengths: Lengths) -> Json:
    return {"axis": axis, **dict.fromkeys(_NUMBERS), "lengths": lengths.to_dict()}


def geometry(
    result: Analysis,
    tensor: str,
    source: str,
    whole: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
) -> Geometry:
    """Return how `tensor` moves with input `source`, at the lengths `whole` of its spatial axes.

    Or of other `axes` of the input.

    Without `whole`, at lengths that were bound; at those of the result where they were not or,
    where these lose positions, at the next that lose none. UsageError where the network refuses
    `whole`.
    """
    spatial = result.forms[source].spatial_axes if axes is None else tuple(axes)
    item = result.model.input(source)
    examined = result.examine(tensor)
    accepted = _lengths_accepted(examined, item, spatial)
    lengths = {axis: one for axis, (one, _) in accepted.items()}
    shape = None if whole is None else _whole_shape(examined, item, lengths, whole)
    examined = _measured_at(examined, item, lengths, whole or _lengths_bound(item, spatial))
    model = examined.lengths.model
    item = model.input(source)
    moves = {axis: movement_of(examined, item, axis) for axis in spatial}
    own_shape = shape_of(model.graph, tensor) or ()
    measured = tuple(
        made
        for axis in spatial
        if (made := _axis(own_shape, tensor, item, axis, moves[axis], lengths[axis]))
    )
    differing = {axis: breaks for axis, (_, breaks) in accepted.items()}
    blockers = all_blockers(examined, item, moves, differing, {made.axis for made in measured})
    if all(one.why == BEFORE for one in blockers):
        measured, more = _cut_together(examined, item, measured)
        blockers = tuple(dict.fromkeys((*blockers, *more)))
    if not blockers:
        alike = partial(least_alike, examined.lengths, item)
        measured = tuple(
            replace(it, least=alike(it.axis, moves[it.axis], it.lengths)) for it in measured
        )
    if whole is not None and shape is None and not blockers:
        shape = _longer(own_shape, measured, whole)
    return Geometry(tensor, source, shape, measured, blockers, lengths, moves, model)


def _measured_at(
    examined: Examined,
    item: ModelInput,
    lengths: Mapping[int, Lengths],
    whole: Sequence[int | None],
) -> Examined:
    """Return the tensor in the model at lengths that tiles of the whole have."""
    at = {
        axis: _base(item.shape[axis], accepted, length)
        for (axis, accepted), length in zip(lengths.items(), whole, strict=True)
    }
    for axes in _axes_of_one_length(item, at):
        at.update(dict.fromkeys(axes, _common(at, lengths, axes)))
    if all(item.shape[axis] == length for axis, length in at.items()):
        return examined
    made = _at(examined.lengths, item, at, lengths)
    return Examined(replace(examined.lengths, model=made), examined.tensor)


def _at(
    others: OtherLengths, item: ModelInput, at: Mapping[int, int], lengths: Mapping[int, Lengths]
) -> Model:
    """Return the model at lengths of its axes; UsageError, with what they accept, if refused."""
    made = others.at(item, at)
    if made is None:
        said = [f"axis {axis} accepts {accepted_text(lengths[axis])}" for axis in at]
        refused = f"lengths of {', '.join(map(str, at.values()))}"
        raise UsageError(f"input {quote(item.name)} refuses {refused}; {'; '.join(said)}")
    return made


def _axes_of_one_length(item: ModelInput, axes: Iterable[int]) -> Iterator[list[int]]:
    """Yield axes of one length in the file, where there are several."""
    by_symbol: dict[str, list[int]] = {}
    for axis in axes:
        by_symbol.setdefault(item.symbolic.get(axis, "?"), []).append(axis)
    by_symbol.pop("?", None)
    yield from (alike for alike in by_symbol.values() if len(alike) > 1)


def _common(at: Mapping[int, int], lengths: Mapping[int, Lengths], axes: Sequence[int]) -> int:
    """Return one length for axes in place of those `at` which each would be measured."""
    steps = {axis: lengths[axis].step or 1 for axis in axes}
    least = max(at[axis] for axis in axes)
    every = range(least, least + math.lcm(*steps.values()))[:MAX_STEP]
    fitting = (n for n in every if all((n - at[axis]) % steps[axis] == 0 for axis in axes))
    even = (n for n in every if all(n % steps[axis] in lengths[axis].even() for axis in axes))
    return next(fitting, None) or next(even, least)


def _lengths_bound(item: ModelInput, axes: Sequence[int]) -> list[int | None]:
    """Return the lengths of axes that are open in the file and were not chosen for it."""
    bound = item.symbolic.keys() - item.probed.keys() - item.determined.keys()
    return [item.shape[axis] if axis in bound else None for axis in axes]


def _lengths_accepted(
    examined: Examined, item: ModelInput, spatial: Sequence[int]
) -> dict[int, tuple[Lengths, tuple[Break, ...]]]:
    """Return by axis the lengths that it accepts, and what differs between such."""
    moves = {axis: examined.movement(item.name, axis) for axis in spatial}
    shared = {
        axis: math.lcm(*(moves[each].step for each in axes))
        for axes in _axes_of_one_length(item, moves)
        for axis in axes
    }
    return {
        axis: accepted_lengths(examined.lengths, item, axis, along, shared.get(axis, 1))
        for axis, along in moves.items()
    }


def _base(declared: int, lengths: Lengths, whole: int | None) -> int:
    """Return the length at which to measure: one that tiles have, no less than `declared`.

    That is one of the file's own, or one that loses what the whole loses, or that loses nothing: a
    multiple of the step where there is one.
    """
    even = lengths.even()
    if lengths.step is None or not even:
        return declared
    residue = 0 if 0 in even else even[0]
    if whole is not None and (lengths.residues is None or lengths.loses(whole)):
        residue = whole
    least = max(declared, lengths.least)
    return least + (residue - least) % lengths.step


def _whole_shape(
    examined: Examined,
    item: ModelInput,
    lengths: Mapping[int, Lengths],
    whole: Sequence[int],
) -> Shape | None:
    """Return the tensor's shape for the whole of open lengths; None where the file fixes some."""
    if any(one.is_fixed for one in lengths.values()):
        return None
    made = _at(examined.lengths, item, dict(zip(lengths, whole, strict=True)), lengths)
    return shape_of(made.graph, examined.tensor)


def _longer(shape: Shape, axes: Sequence[AxisGeometry], whole: Sequence[int]) -> Shape:
    """Return a tensor's shape where the input has the lengths `whole`."""
    made = list(shape)
    for axis, length in zip(axes, whole, strict=True):
        made[axis.carrier] = math.floor(length * axis.scale + axis.offset)
    return tuple(made)


# -- numbers ---------------------------------------------------------------------------------------


def _axis(
    shape: Shape,
    tensor: str,
    item: ModelInput,
    axis: int,
    moving: Movement,
    lengths: Lengths,
) -> AxisGeometry | None:
    """Return the numbers of an axis; None where the tensor does not move along it."""
    value = moving.values.get(tensor)
    if not isinstance(value, Moved):
        return None
    value = flatten(value)
    needed = value.needs
    if value.length != shape[value.axis]:
        return None
    size, units = item.shape[axis], shape[value.axis]
    halo, grid = _halos(needed, size)
    return AxisGeometry(axis, value.axis, needed, halo, grid, size, units, lengths, moving.mirrored)


def _halos(needed: PeriodicMap, size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the halo of a core, and that of a tile on the grid."""
    step = needed.q
    there = [span for span in needed.spans if span is not None]
    before = max(0, -min(lo for lo, _ in there))
    behind = max(0, max(hi for _, hi in there) - (step - 1))
    # A tile begins on the grid and is as long as what was measured here, but for steps.
    return (before, behind), (-(-before // step) * step, behind + (size - behind) % step)


def _cut_together(
    examined: Examined, item: ModelInput, measured: Sequence[AxisGeometry]
) -> tuple[tuple[AxisGeometry, ...], tuple[Blocker, ...]]:
    """Return the axes with what other inputs need that are cut with this, and what blocks it."""
    made: list[AxisGeometry] = []
    blockers: list[Blocker] = []
    for axis in measured:
        alone = Together(axis.map, axis.mirrored)
        joined = together(examined, item, axis.axis, axis.carrier, alone)
        halo, grid = _halos(joined.needs, axis.size)
        numbers = replace(axis, map=joined.needs, halo=halo, grid_halo=grid)
        made.append(replace(numbers, mirrored=joined.mirrored, inputs=joined.inputs))
        blockers.extend(joined.blockers)
    return tuple(made), tuple(dict.fromkeys(blockers))
