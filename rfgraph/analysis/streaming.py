"""Streams: what a network that reads one axis as time needs to run on chunks as they arrive.

Chunks have C positions, a multiple of P_i, and C_o = C * P_o / P_i units come out for each. The
delay is the least D >= 0 for which every unit y = q*C_o + j - D, j in [0, C_o), needs nothing past
the chunk q, padding on the way counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.analysis import pair_asked
from rfgraph.analysis.caches import Cache, caches
from rfgraph.analysis.geometry import Geometry, geometry
from rfgraph.analysis.other_lengths import other_lengths
from rfgraph.analysis.together import OTHERWISE
from rfgraph.arguments import keywords_named
from rfgraph.domains.movement import AFTER, BEFORE, UNKNOWN, WHOLE
from rfgraph.domains.read_units import read_positions
from rfgraph.domains.regions import clipped_tables
from rfgraph.errors import BoundError, UsageError
from rfgraph.relations.graph import input_shape
from rfgraph.version import HEAD
from rfgraph.wording.names import quote
from rfgraph.wording.records import Record, entry_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.blocking import Blocker
    from rfgraph.analysis.geometry import AxisGeometry
    from rfgraph.analysis.proof import Proof
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.periodic import PeriodicMap
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Model

# The chunks shown where none is asked for, in steps of the grid.
STEPS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Latency(Record):
    """How old the newest position of a chunk is beside a unit's own, at best and at worst.

    In positions; `ms` are both in milliseconds, None without a rate.
    """

    best: int
    worst: int
    ms: tuple[Fraction, Fraction] | None


@dataclass(frozen=True, slots=True)
class Chunk(Record):
    """A stream in chunks of so many positions.

    `delay` is in units of the output. `context` is how many positions from before a chunk must be
    kept to compute what it completes, None where all of them.
    """

    chunk: int
    delay: int
    context: int | None
    latency: Latency


@dataclass(frozen=True, slots=True)
class Start(Record):
    """The `units` at the start of which some read further ahead than those that follow.

    Padding by the input's own positions turns them back to later ones. `delays` are those that the
    chunks would have without them.
    """

    units: int
    delays: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Streaming:
    """How a tensor follows an input axis that is time.

    `causal` is whether nothing past a grid step is read by its units, None where that is not known;
    `lookahead` how far any path reads past a unit's own position, None without end. `rate` is in
    positions per second. `caches` are what running layer by layer keeps. `breakers` are operators
    for which it cannot run at all. `dropped` positions at the end of the input are never read.
    `start` says so of units at the start that read further ahead than others. `proof` is what a run
    gave, if one was asked for.
    """

    tensor: str
    input: str
    axis: int
    causal: bool | None
    lookahead: Fraction | None
    period: tuple[int, int] | None
    rate: Fraction | None
    chunks: tuple[Chunk, ...]
    caches: tuple[Cache, ...]
    breakers: tuple[Blocker, ...]
    dropped: int
    geometry: Geometry = field(repr=False, compare=False)
    start: Start | None = None
    proof: Proof | None = None

    @property
    def state_bytes(self) -> int | None:
        """The bytes of all caches; None where that of some is not known or without end."""
        sizes = [cache.bytes for cache in self.caches]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def unit_rate(self) -> Fraction | None:
        """Units of the output per second."""
        if self.rate is None or self.period is None:
            return None
        return self.rate * Fraction(*self.period)

    def milliseconds(self, positions: Fraction | int | None) -> Fraction | None:
        """Return how long so many positions last; None without a rate."""
        if self.rate is None or positions is None:
            return None
        return Fraction(positions) * 1000 / self.rate

    def entry(self) -> Json:
        """Return the JSON report without its head."""
        return {
            **entry_of(self, "tensor", "input", "axis", "causal", "lookahead", "period", "rate"),
            **entry_of(self, "chunks", "caches", "state_bytes"),
            "breakers": [entry_of(item, "node", "op_type", "why") for item in self.breakers],
            "dropped": self.dropped,
            **({} if self.start is None else {"start": self.start.to_dict()}),
            **({} if self.proof is None else {"verified": self.proof.to_dict()}),
        }

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {**HEAD, **self.entry()}


@keywords_named
def stream(
    model: Model | Analysis | Source,
    tensor: str | None = None,
    input: str | None = None,
    *,
    axis: int | None = None,
    rate: float | Fraction | None = None,
    chunk: int | None = None,
) -> Streaming:
    """Return how `tensor` follows `axis` of `input`, by default its only spatial one, as time.

    `rate` is in positions per second, `chunk` in positions: a multiple of the grid, by default 1,
    2, 4 and 8 times. A source whose inputs are to be bound is loaded first (`load`). Raises
    UsageError for names that do not exist, an axis, a rate or a chunk that cannot be, saying what
    can.
    """
    result, source, name = pair_asked(model, tensor, input)
    time = _time_axis(result, source, axis)
    speed = None if rate is None else _rate(rate)
    motion = geometry(result, name, source, axes=(time,))
    breakers = tuple(item for item in motion.blockers if item.why not in (BEFORE, OTHERWISE))
    moved = motion.axes[0] if motion.axes else None
    if moved is not None and chunk is not None:
        _check_chunk(chunk, moved)
    whys = {item.why for item in motion.moves[time].breaks}
    endless = any(item.why == BEFORE for item in motion.blockers)
    firsts = {} if moved is None else _read_at_the_start(motion, moved)
    needs = None if moved is None or breakers or firsts is None else moved.map
    known = needs and (needs, firsts or {})
    chunks = () if known is None else _chunks(known, chunk, speed, endless=endless)
    return Streaming(
        name,
        source,
        time,
        _causal(motion, breakers, whys),
        lookahead(result, motion, time),
        None if moved is None else moved.period,
        speed,
        chunks,
        () if needs is None else caches(motion.model, motion.moves[time], name),
        breakers,
        _count_dropped(result, source, name, time),
        motion,
        None if known is None else _start(*known, chunks),
    )


def _time_axis(result: Analysis, source: str, axis: int | None) -> int:
    spatial = result.forms[source].spatial_axes
    count = len(input_shape(result.graph, source))
    if axis is None:
        if len(spatial) != 1:
            if not count:
                raise UsageError(f"input {quote(source)} has no axes, and so none that is time")
            listed = ", ".join(map(str, spatial)) or "none"
            raise UsageError(f"the spatial axes of input {quote(source)} are {listed}: name one")
        return spatial[0]
    if not 0 <= axis < count:
        raise UsageError(
            f"axis requires one of input {quote(source)}, 0 to {count - 1}, found {axis}"
        )
    return axis


def _rate(rate: float | Fraction) -> Fraction:
    if not 0 < rate < float("inf"):
        raise UsageError(f"rate requires positions per second above 0, found {rate}")
    return Fraction(rate).limit_denominator(10**6)


def _check_chunk(chunk: int, axis: AxisGeometry) -> None:
    step = axis.period[1]
    if chunk < 1 or chunk % step:
        raise UsageError(f"chunk requires a multiple of {step}, found {chunk}")


def _last_read(found: Geometry, moved: AxisGeometry) -> dict[int, int] | None:
    """Return by unit that reads any the last position that it reads; None beyond a bound.

    Of an input long enough for units away from its ends, where the file leaves the length open.
    """
    model, step = found.model, moved.lengths.step
    short = moved.mirrored[0] + sum(moved.grid_halo) + 4 * moved.period[1] - moved.size
    if step is not None and short > 0:
        longer = {moved.axis: moved.size + -(-short // step) * step}
        model = other_lengths(model).at(found.item, longer) or model
    try:
        tables = clipped_tables(model.graph, found.input, [found.tensor])[found.tensor]
    except BoundError:
        return None
    last, at = tables[moved.axis].hi, moved.carrier
    last = last.max(axis=tuple(axis for axis in range(last.ndim) if axis != at))
    return {unit: int(hi) for unit, hi in enumerate(last) if hi >= 0}


def _read_at_the_start(found: Geometry, moved: AxisGeometry) -> dict[int, int] | None:
    """Return the last positions that units read where padding by the input's own turns back.

    None beyond a bound.
    """
    return _last_read(found, moved) if moved.mirrored[0] else {}


def _causal(found: Geometry, breakers: tuple[Blocker, ...], whys: set[str]) -> bool | None:
    """Return whether no path is unbounded ahead, and no unit reads what follows its grid step."""
    if whys & {AFTER, WHOLE}:
        return False
    if not found.axes or UNKNOWN in whys or breakers:
        return None if UNKNOWN in whys else False
    (moved,) = found.axes
    if moved.halo[1] == 0 and not moved.mirrored[0]:
        return True
    last, (p, q) = _last_read(found, moved), moved.period
    return None if last is None else all(hi < (unit // p + 1) * q for unit, hi in last.items())


def lookahead(result: Analysis, found: Geometry, time: int) -> Fraction | None:
    """Return the furthest that is read past a unit's own position; None without end or unknown."""
    moved = next((axis for axis in found.axes if axis.axis == time), None)
    if {item.why for item in found.moves[time].breaks} - {BEFORE} or moved is None:
        return None
    after = result.receptive_field(found.tensor, found.input).axes[time].after
    last = _read_at_the_start(found, moved) if after is not None else _last_read(found, moved)
    if last is None and moved.mirrored[0]:
        return None
    if last is None:
        # What must exist is no less than what is read.
        last = {at: span[1] for at, span in enumerate(moved.map.spans) if span is not None}
    p, q = moved.period
    ahead = [hi - Fraction(q * unit, p) for unit, hi in last.items()]
    return max(ahead if after is None else [after, *ahead], default=None)


# Which positions units need, and the last ones of units at the start that need later ones.
Needs: TypeAlias = "tuple[PeriodicMap, Mapping[int, int]]"


def _chunks(
    needs: Needs, chunk: int | None, rate: Fraction | None, *, endless: bool
) -> tuple[Chunk, ...]:
    sizes = [n * needs[0].q for n in STEPS] if chunk is None else [chunk]
    return tuple(_chunk(*needs, size, rate, endless=endless) for size in sizes)


def _chunk(
    needs: PeriodicMap,
    firsts: Mapping[int, int],
    size: int,
    rate: Fraction | None,
    *,
    endless: bool,
) -> Chunk:
    """Return the numbers of a stream in chunks of `size` positions."""
    count = size * needs.p // needs.q
    # A unit that reads up to `hi` is ready after hi // size + 1 chunks.
    late = (hi // size * count - unit for unit, hi in firsts.items())
    delay = max(_delay(needs, size, count), *late, 0)
    units = range(-delay, count - delay)
    spans = [span for unit in units if (span := needs.at(unit)) is not None]
    before = max((-lo for lo, _ in spans), default=0)
    context = None if endless else max(-(-before // needs.q) * needs.q, 0)
    ages = [size - 1 - unit * needs.q // needs.p for unit in units]
    best, worst = min(ages), max(ages)
    ms = None if rate is None else (best * 1000 / rate, worst * 1000 / rate)
    return Chunk(size, delay, context, Latency(best, worst, ms))


def _start(needs: PeriodicMap, firsts: Mapping[int, int], chunks: Sequence[Chunk]) -> Start | None:
    """Return what is to be said of units that read further than by the period, None of none."""
    further = [u for u, hi in firsts.items() if (own := needs.at(u)) is None or hi > own[1]]
    if not further:
        return None
    sizes = [(item.chunk, item.chunk * needs.p // needs.q) for item in chunks]
    return Start(further[-1] + 1, tuple(_delay(needs, *size) for size in sizes))


def _delay(needs: PeriodicMap, size: int, count: int) -> int:
    """Return the least D for which all units before `count` - D need less than `size` positions.

    A unit of phase f is ready from a first period on; what lags most counts.
    """
    lag = 0
    for phase, span in enumerate(needs.spans):
        if span is not None:
            # The least unit of this phase that is not ready.
            turn = (size - 1 - span[1]) // needs.q + 1
            lag = max(lag, count - (turn * needs.p + phase))
    return lag


def _count_dropped(result: Analysis, source: str, tensor: str, axis: int) -> int:
    """Return how many positions at the end of the input no unit reads."""
    try:
        last = int(result.examine(tensor).regions(source)[axis].hi.max())
        return input_shape(result.graph, source)[axis] - 1 - last if last >= 0 else 0
    except BoundError:
        masks = read_positions(result.graph, source, tensor)
        there = masks is not None and masks[axis].any()
        return int(masks[axis][::-1].argmax()) if masks is not None and there else 0
