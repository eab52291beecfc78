"""What must become causal for a look-ahead that is allowed."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from typing import TYPE_CHECKING

from rfgraph.analysis.layers import layers_of
from rfgraph.analysis.what_if import revised_here
from rfgraph.checks.candidates import padding_behind, padding_of
from rfgraph.checks.suggestion import Suggestion
from rfgraph.errors import RfgraphError
from rfgraph.relations.graph import between
from rfgraph.wording.names import quote, some_quoted
from rfgraph.wording.numbers import fraction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.analysis.layers import Layer
    from rfgraph.checks.candidates import Made
    from rfgraph.checks.trials import Gate


def causal_suggestions(gate: Gate) -> Iterator[Suggestion | str]:
    """Yield the fewest windows that must be padded at the beginning only, or why it cannot help.

    Those that read furthest ahead come first; each of them is needed.
    """
    first = next(iter(gate.short({})), None)
    if first is None or first.tensor is None:
        return
    spatial = gate.result.forms[first.input].spatial_axes
    if first.axis not in spatial:
        return
    place = spatial.index(first.axis)
    way = between(gate.result.graph, first.input, first.tensor)
    ahead = [
        (_ahead(layer, place), layer)
        for layer in layers_of(gate.result, first.input)
        if layer.window and layer.tensor in way and layer.places[place] >= 0
    ]
    ordered = [layer for size, layer in sorted(ahead, key=lambda it: -it[0]) if size > 0]
    chosen = _fewest(gate, ordered, place)
    if chosen is None:
        why = "some operator reads further all the same" if ordered else "no window reads ahead"
        yield f"no padding makes {quote(first.tensor)} read that little ahead: {why}"
        return
    changes = _changes(gate, chosen, place)
    names = some_quoted([layer.address for layer in chosen], 8)
    reached = gate.least_reached(changes)
    then = "" if reached is None else f": a look-ahead of {fraction(reached)}"
    text = f"pad {names} at the beginning only{then}; no weights more"
    limit = gate.settings.ahead.positions if gate.settings.ahead is not None else None
    yield Suggestion("causal", changes, 0 if limit is None else limit, reached, 0, text)


def _ahead(layer: Layer, place: int) -> Fraction:
    """Return how far a window reads ahead, in input positions."""
    rule = layer.rules[layer.places[place]]
    before = Fraction(layer.values["stride"][place] or 1) / layer.window["strides"][place]
    return (rule.extent - 1 - rule.pad_begin) * before


def _fewest(gate: Gate, layers: list[Layer], place: int) -> list[Layer] | None:
    """Return the fewest of the first layers with which the gate holds, without those not needed."""
    if not layers or not gate.holds(_changes(gate, layers, place)):
        return None
    tried = range(1, len(layers))
    high = 1 + bisect_left(tried, True, key=lambda n: gate.holds(_changes(gate, layers[:n], place)))
    chosen = layers[:high]
    for layer in layers[: high - 1]:
        rest = [other for other in chosen if other is not layer]
        if rest and gate.holds(_changes(gate, rest, place)):
            chosen = rest
    return chosen


def _changes(gate: Gate, layers: Sequence[Layer], place: int) -> Made:
    """Return the pads with all that is padded along the axis at the beginning."""
    made: Made = {}
    for layer in layers:
        padding = padding_of(gate.result, layer)
        if padding is not None:
            made[padding.address, "pads"] = padding.turn_to_start(layer.places[place])
            continue
        begins, ends = [], []
        for number, rule in enumerate(layer.rules):
            before = rule.pad_begin
            after = padding_behind(rule)
            moves = number == layer.places[place]
            # What is not padded at all gets longer then.
            wanted = before + max(after, 0) or rule.extent - 1
            begins.append(wanted if moves else before)
            ends.append(0 if moves else max(after, 0))
        made[layer.address, "pads"] = (*begins, *ends)
        made |= _explicit(gate, layer)
    return made


def _explicit(gate: Gate, layer: Layer) -> Made:
    """Return that the pads count, where a node leaves them to `auto_pad`."""
    key = layer.address, "auto_pad"
    try:
        revision = revised_here(gate.result.model, {key: "NOTSET"}).revision
    except RfgraphError:
        return {}
    before = None if revision is None else revision.changes[0].before
    return {} if before in (None, "", "NOTSET") else {key: "NOTSET"}
