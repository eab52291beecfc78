"""The smallest changes with which a gate would hold, each tried before it is suggested."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

from rfgraph.analysis.layers import layers_of
from rfgraph.analysis.measurement import lookahead_of
from rfgraph.checks import rf001, rf003, rf009
from rfgraph.checks.candidates import (
    KINDS,
    Kind,
    Made,
    Move,
    Vector,
    moves,
    on_a_largest_path,
    on_every_path,
    shortest_path,
    weights_of_a_tap,
)
from rfgraph.checks.settings import make_settings
from rfgraph.checks.streams import causal_suggestions
from rfgraph.checks.suggestion import Suggestion, setting_text
from rfgraph.checks.trials import Gate, smallest
from rfgraph.checks.unproductive import removable
from rfgraph.wording.names import printable, quote, some_quoted
from rfgraph.wording.numbers import count_of, fraction
from rfgraph.wording.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.layers import Layer
    from rfgraph.analysis.result import Result
    from rfgraph.checks.settings import Settings


# Of each kind: how many are suggested, and how many layers are tried for them.
MOST_SUGGESTED, MOST_TRIED = 2, 4


@dataclass(frozen=True, slots=True)
class Advice(Record):
    """What would make the gates hold, the cheapest first, and why other things would not."""

    suggestions: tuple[Suggestion, ...] = ()
    notes: tuple[str, ...] = ()


def suggest(
    result: Result,
    *,
    min_rf: object = None,
    stat: str | None = None,
    at: str | None = None,
    inputs: str | Sequence[str] = (),
    count: str = "routes",
    causal: bool = False,
    max_lookahead: object = None,
    rate: object = None,
    axis: int | None = None,
) -> list[Suggestion]:
    """Return the smallest changes with which `check` of the same settings would find nothing.

    Each was tried by `what_if`, and the next smaller one of its kind was not enough. For the
    smallest path (`stat` "min") only layers on every local path can help, else those on a largest
    path. Kinds, the cheapest first: a larger dilation (no weights; none is suggested that leaves
    gaps), a larger kernel (it keeps its parity, so that it stays centred), layers more, a larger
    stride (shapes change). Where the gate holds: unproductive layers that can go. With `causal` or
    `max_lookahead`: what must be padded at the beginning only. None where nothing of this helps.
    UsageError for a setting that is not valid.
    """
    settings = make_settings(
        min_rf=min_rf,
        stat=stat,
        at=at,
        inputs=inputs,
        count=count,
        causal=causal,
        max_lookahead=max_lookahead,
        rate=rate,
        axis=axis,
        select="RF009" if causal or max_lookahead is not None else "RF001",
    )
    return list(advise(result, settings).suggestions)


def advise(result: Result, settings: Settings) -> Advice:
    """Return what would make RF001 and RF009 hold where they are asked and do not."""
    said: list[Suggestion | str] = []
    if "RF001" in settings.select:
        gate = Gate(result, settings, rf001)
        short = _shortfall(gate)
        said.extend(removable(gate) if gate.holds({}) else _wider(gate, short) if short else ())
    if "RF009" in settings.select and settings.ahead is not None:
        said.extend(causal_suggestions(Gate(result, settings, rf009)))
    return Advice(
        tuple(item for item in said if isinstance(item, Suggestion)),
        tuple(item for item in said if isinstance(item, str)),
    )


# -- a field that falls short ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shortfall:
    """What falls short at one tensor: the gap by axis, and its place among the spatial ones."""

    tensor: str
    input: str
    gaps: Mapping[int, Fraction]
    places: Mapping[int, int]
    required: Fraction | int


def _wider(gate: Gate, short: _Shortfall) -> Iterator[Suggestion | str]:
    """Yield changes with which the field reaches what is required."""
    every = gate.settings.stat == "min"
    find = on_every_path if every else on_a_largest_path
    layers = find(gate.result, short.tensor, short.input)
    if every:
        yield from _past(gate.result, short, layers)
    causal = lookahead_of(gate.result, short.tensor, short.input) == 0
    candidates = moves(gate.result, layers, list(short.places.values()), causal=causal)
    enough: list[tuple[Kind, Suggestion]] = []
    for kind in KINDS:
        same = [move for move in candidates if move.kind == kind]
        enough.extend(_smallest_of(gate, short, same))
    yield from (item for _, item in sorted(enough, key=lambda it: (KINDS.index(it[0]), it[1].cost)))
    if not enough and layers:
        names = some_quoted([layer.address for layer in layers])
        yield f"no change of one of these is enough, or the shapes refuse it: {names}"
    elif not layers and not every:
        yield f"no layer with a window lies on a largest path to {quote(short.tensor)}"


def _shortfall(gate: Gate) -> _Shortfall | None:
    """Return what falls short at the first tensor at which something does."""
    short = gate.short({})
    first = next((item for item in short if item.tensor is not None), None)
    if first is None or first.tensor is None:
        return None
    spatial = gate.result.forms[first.input].spatial_axes
    gaps = {
        item.axis: Fraction(1 if item.found is None else max(item.required - item.found, 1))
        for item in short
        if (item.tensor, item.input) == (first.tensor, first.input)
    }
    places = {axis: spatial.index(axis) for axis in gaps}
    return _Shortfall(first.tensor, first.input, gaps, places, first.required)


def _past(result: Result, short: _Shortfall, layers: Sequence[Layer]) -> Iterator[str]:
    """Say past which layers a shortcut runs, and which."""
    path = shortest_path(result, short.tensor, short.input)
    every = on_a_largest_path(result, short.tensor, short.input)
    if path is None or len(layers) >= len(every):
        return
    sizes = " x ".join(map(str, path.sizes))
    known = {layer.label for layer in layers_of(result, short.input)}
    way = some_quoted([node for node in path.nodes if node in known] or path.nodes, 8)
    if layers:
        names = some_quoted([layer.address for layer in layers])
        yield (
            f"on every path lie only {names}: the shortest ({sizes}) runs past the others, "
            f"through {way}"
        )
    else:
        yield f"no layer lies on every path: a shortcut ({sizes}) runs past each, through {way}"


def _smallest_of(
    gate: Gate, short: _Shortfall, candidates: Sequence[Move]
) -> Iterator[tuple[Kind, Suggestion]]:
    """Yield the smallest changes of one kind, those first that arithmetic expects to be it."""
    count = 0
    for move in sorted(candidates, key=lambda move: _expect(move, short))[:MOST_TRIED]:
        guess = move.guess(short.gaps, short.places)
        steps = smallest(gate, move, guess, short.places)
        if steps is None and move.with_pads is not None:
            move = move.with_pads
            steps = smallest(gate, move, guess, short.places)
        if steps is None:
            continue
        suggestion = _suggestion(gate, short, move, steps)
        if suggestion is not None:
            yield move.kind, suggestion
            count += 1
        if count == MOST_SUGGESTED:
            return


def _expect(move: Move, short: _Shortfall) -> tuple[int, Fraction]:
    """Return how many steps a change takes by arithmetic, and by how much it does too much."""
    guess = move.guess(short.gaps, short.places)
    grown = {axis: steps * move.growth(short.places[axis]) for axis, steps in guess.items()}
    over = sum((grown[axis] - short.gaps[axis] for axis in guess), Fraction(0))
    return max(guess.values()), over


def _suggestion(gate: Gate, short: _Shortfall, move: Move, steps: Vector) -> Suggestion | None:
    """Return a change that was tried; None for a dilation that leaves gaps."""
    changes = move.changes(steps)
    if move.kind == "dilation" and _leaves_gaps(gate, changes, short):
        return None
    cost = _weights(gate.result, move, steps)
    reached = gate.least_reached(changes)
    stat = gate.settings.stat or "what is asked"
    words = [] if reached is None else [f"{stat} {fraction(reached)}"]
    words.append(_cost_text(move.kind, cost))
    text = f"{_text(move, changes)}: {', '.join(words)}"
    return Suggestion(move.kind, changes, short.required, reached, cost, text)


def _cost_text(kind: Kind, cost: int) -> str:
    more = f"{count_of(cost, 'weight')} more" if cost else "no weights more"
    ends = {"dilation": ", no gaps inside the input", "stride": ", other shapes behind it"}
    return more + ends.get(kind, "")


def _text(move: Move, changes: Made) -> str:
    first = move.first
    if move.kind == "layer":
        more = int(str(changes[first.address, "repeat"])) - 1
        return f"{count_of(more, 'layer')} more like {quote(first.address)}, behind it"
    name = next(name for node, name in changes if node == first.address)
    now = setting_text(changes[first.address, name])
    change = f"{name} {setting_text(first.setting(name))} -> {now}"
    pads = [
        f"{printable(node)}.pads={setting_text(value)}"
        for (node, attribute), value in changes.items()
        if attribute == "pads"
    ]
    if len(move.layers) > 1:
        names = some_quoted([layer.address for layer in move.layers], 3)
        where = "at the beginning" if move.causal else "on both sides"
        padded = f", padded more {where}" if pads else ""
        return f"{names}, all of one kernel: {change}{padded}"
    return f"{quote(first.address)}: {change}{''.join(f' with {pad}' for pad in pads)}"


def _weights(result: Result, move: Move, steps: Vector) -> int:
    """Return how many weights a change adds."""
    total = 0
    for layer in move.layers:
        kernel = prod(rule.kernel for rule in layer.rules)
        if move.kind == "kernel":
            longer = prod(layer.enlarge("kernel", steps, 2))
            total += weights_of_a_tap(result, layer) * (longer - kernel)
        elif move.kind == "layer":
            total += weights_of_a_tap(result, layer) * kernel * max(steps)
    return total


def _leaves_gaps(gate: Gate, changes: Made, short: _Shortfall) -> bool:
    """Whether the changed model has gaps in what a unit reads where there were none."""
    changed = gate.change(changes)
    if changed is None:
        return True
    item = gate.result.input(short.input)
    before, after = (
        sum(1 for _ in rf003.gaps(subject, item, short.tensor, rf003.reader(subject)))
        for subject in map(gate.subject, (gate.result, changed))
    )
    return after > before
