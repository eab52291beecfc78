"""The numbers of a field as rows of label, value and explanation, for a person."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.view import input_lengths
from rfgraph.domains.fields.axis import numbers
from rfgraph.relations.graph import ancestors, shape_of
from rfgraph.wording.grouping import group
from rfgraph.wording.names import safe
from rfgraph.wording.numbers import axes_text, fraction, join, span, times, whole_up

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.analysis.view import View
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.domains.fields.interior import Interior
    from rfgraph.relations.graph import ModelInput


Row: TypeAlias = tuple[str, str, str]
MAX_THROUGH = 2
AROUND = "around a unit's own position"
RANGE = "the range of dynamic quantization"


def field_rows(field: ReceptiveField, spatial: Sequence[int], item: ModelInput) -> Iterator[Row]:
    """Yield what a field is along the spatial axes; axes of one kind share their rows."""
    if not spatial:
        yield "receptive field", "the whole input, which has no axes", ""
        return
    groups = group((_kind(field.axes[number]), field.axes[number]) for number in spatial)
    lengths = input_lengths(item)
    for axes in groups.values():
        if len(groups) > 1:
            yield axes_text([axis.axis for axis in axes]), "", ""
        yield from _axes_rows(axes, lengths, causal=len(spatial) == 1 and is_causal(axes[0]))
    for axis in _one_sided(field, spatial):
        yield axes_text([axis.axis]), _scope_words(axis, brief=True), ""
    if field.aligned is not None:
        yield _alignment(field)


def _one_sided(field: ReceptiveField, spatial: Sequence[int]) -> Iterator[Axis]:
    """Yield the other axes worth a word: the time of a recurrent layer that puts it first."""
    for number, axis in field.axes.items():
        if number not in spatial and axis.scope == "one-sided":
            yield axis


def _kind(axis: Axis) -> Hashable:
    """Return what axes must share to share their words."""
    shown = numbers(axis)
    absent = shown and (shown.size is None, shown.stride is None, shown.interior is None)
    still = shown is not None and shown.stride == 0
    said = None if axis.scope == "local" else _scope_words(axis, brief=shown is not None)
    return axis.scope, absent, still, said


def is_causal(axis: Axis) -> bool:
    """Whether all paths along an axis of time read nothing ahead, and not by sampling alone.

    What is centred on its unit, as by repeating each position, looks no way.
    """
    if axis.scope != "local" or not axis.stride or axis.before is None or axis.after is None:
        return False
    return axis.after <= 0 < axis.before and axis.before - axis.after > 1 - axis.stride


def _axes_rows(
    axes: Sequence[Axis], lengths: Mapping[int, int | None], *, causal: bool
) -> Iterator[Row]:
    scope = axes[0].scope
    if scope == "none":
        yield "receptive field", "none", "reads nothing of the input"
        return
    inner = [local for axis in axes if (local := numbers(axis)) is not None]
    if scope != "local":
        yield "receptive field", _scope_words(axes[0], brief=bool(inner)), ""
        if not inner:
            return
    label = "receptive field" if scope == "local" else "local paths"
    if inner[0].size is None:
        yield label, "local, but its size could not be determined", ""
    else:
        yield from _size_row(label, inner)
        known = [lengths[axis.axis] for axis in inner]
        if inner[0].stride == 0:
            yield _place(inner, known)
        else:
            yield from _moving_rows(inner, causal=causal)
        label = "covers the input" if scope == "local" else "local paths cover"
        yield label, _covers(inner, known), ""
        yield from _paths(inner)


def _size_row(label: str, axes: Sequence[Axis]) -> Iterator[Row]:
    sizes = times([span(axis.size_min, axis.size) for axis in axes])
    differ = any(axis.size_min != axis.size for axis in axes)
    note = "smallest..largest over the units" if differ else "what one unit reads"
    note = "read past these operators" if label == "local paths" and not differ else note
    if any(axis.grows for axis in axes):
        note = "at this length: it grows with the input"
    yield label, sizes, note


def _moving_rows(axes: Sequence[Axis], *, causal: bool) -> Iterator[Row]:
    """Say how the field moves from unit to unit, and how far it reaches around them."""
    if axes[0].stride is None:
        yield "stride (jump)", "none", "it differs from unit to unit"
        yield from _irregular(axes)
        return
    strides = times([fraction(axis.stride) for axis in axes])
    yield "stride (jump)", strides, "from one unit to the next"
    padding = times([_minus(axis.start) for axis in axes])
    yield "effective padding", padding, "before the input, at unit 0"
    yield "reach", _reach(axes), "causal: nothing ahead is read" if causal else AROUND
    yield from _period([axis.period for axis in axes])


def _place(axes: Sequence[Axis], lengths: Sequence[int | None]) -> Row:
    """Say where a field lies that does not move: its units have no position on the input."""
    if any(axis.period != (1, 0) or axis.start is None for axis in axes):
        return "stride (jump)", "0", "units further on read the same again"
    spans = [(axis.start or 0, int(2 * (axis.center or 0)) - (axis.start or 0)) for axis in axes]
    note = "the same for every unit"
    if any(hi - lo + 1 != axis.size_min for (lo, hi), axis in zip(spans, axes, strict=True)):
        note = "all units together"
    elif len(axes) == 1 and spans[0][1] + 1 == lengths[0] and spans[0][0] > 0:
        note = f"the last {axes[0].size} for every unit"
    if None in lengths:
        note = f"{note}, at this length"
    return "positions", times([span(*pair) for pair in spans]), note


def _minus(value: int | None) -> str:
    return "-" if value is None else str(-value)


def _reach(axes: Sequence[Axis]) -> str:
    """Return the reach in whole positions, rounded up: what a tile or a stream has to hold."""
    before = _once([axis.before for axis in axes])
    return f"{before} before, {_once([axis.after for axis in axes])} after"


def _once(values: Sequence[Fraction | None]) -> str:
    """Return the value of each axis, once where all agree."""
    texts = [whole_up(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else times(texts)


def _irregular(axes: Sequence[Axis]) -> Iterator[Row]:
    """Give the reach of the units in the middle, or of a side that repeats by itself."""
    inner = [axis.interior for axis in axes if axis.interior is not None]
    if len(inner) == len(axes):
        sizes = times([span(one.size_min, one.size) for one in inner])
        units = times([f"{one.units[0]}..{one.units[1]}" for one in inner])
        yield "interior", f"{sizes} at units {units}{_borders(inner)}", ""
        yield "reach there", _reach(axes), AROUND
        yield from _period([one.period for one in inner])
    elif any(axis.before is not None or axis.after is not None for axis in axes):
        yield "reach", _reach(axes), "-: it differs from unit to unit"


def _borders(inner: Sequence[Interior]) -> str:
    """Say on which sides of the interior units differ."""
    places = ("the start", "the end")
    differ = [place for side, place in enumerate(places) if any(one.beside[side] for one in inner)]
    return f"; {join(differ)} differ{'s' * (len(differ) == 1)}" if differ else ""


def _period(periods: Sequence[tuple[int, int] | None]) -> Iterator[Row]:
    """Say after how many units the field repeats, where it differs from one to the next.

    A part of the input gives the same outputs only if it starts at a multiple of the positions.
    """
    if any(period is not None and period[0] > 1 for period in periods):
        units = times([str(period[0]) if period else "-" for period in periods])
        further = times([str(period[1]) if period else "-" for period in periods])
        tiled = any(period is not None and abs(period[1]) > 1 for period in periods)
        note = f"tiles at multiples of {further}" if tiled else f"they read {further} further"
        yield "period", f"{units} units", note


def _covers(axes: Sequence[Axis], lengths: Sequence[int | None]) -> str:
    """Say whether the smallest region is as long as the input, and how much of it it is."""
    if all(axis.covers_input is None for axis in axes):
        open_axes = [
            axis.axis for axis, length in zip(axes, lengths, strict=True) if length is None
        ]
        if not open_axes:
            return "not known"
        return f"depends on {axes_text(open_axes)}, open in the file (--input-shape)"
    if all(axis.covers_input for axis in axes):
        return f"yes: at least as large as its {times([str(n) for n in lengths])}"
    known = [(axis, n) for axis, n in zip(axes, lengths, strict=True) if n is not None]
    parts = [_part(axis, length) for axis, length in known]
    text = f"no: {parts[0] if len(set(parts)) == 1 else times(parts)} positions"
    if len(known) == len(axes):
        return text
    return f"{text} on {axes_text([axis.axis for axis, _ in known])}"


def _part(axis: Axis, length: int) -> str:
    if axis.size_min is None or axis.size is None:
        return f"? of {length}"
    return f"{span(min(axis.size_min, length), min(axis.size, length))} of {length}"


def _paths(axes: Sequence[Axis]) -> Iterator[Row]:
    if any(axis.shortest is None for axis in axes):
        yield "single paths", "not followed one by one", "too many different patterns"
    elif all(axis.shortest == axis.longest for axis in axes):
        yield "single paths", f"all {times([axis.longest for axis in axes])}", ""
    else:
        least = times([axis.shortest for axis in axes])
        most = times([axis.longest for axis in axes])
        yield "single paths", f"{least} (shortest) to {most} (longest)", ""


def _alignment(field: ReceptiveField) -> Row:
    if field.aligned:
        return "alignment", "aligned", "paths agree in stride and center"
    return "alignment", "not aligned", "paths differ in stride or center"


def unread(view: View, tensor: str) -> str:
    """Return a sentence on a tensor that reads no position of any input."""
    if 0 in (shape_of(view.result.graph, tensor) or ()):
        return "It has no units, and so reads nothing."
    graph = view.result.graph
    if not graph.pred[tensor]:
        return "Constant: no input reaches it."
    known = {item.name for item in view.result.model.inputs}
    if all(name in known for name in ancestors(graph, [tensor]) if not graph.pred[name]):
        return "It reads nothing: no position of an input reaches any of its units."
    return "It reads no input that is a tensor of known shape."


# -- what is not local -----------------------------------------------------------------------------


def scope_sentence(field: ReceptiveField, spatial: Sequence[int]) -> str:
    """Return a sentence on a field without local paths, once for axes that agree."""
    if not spatial:
        return "It reads the input, which has no axes."
    shown = [*(field.axes[number] for number in spatial), *_one_sided(field, spatial)]
    ordered = sorted(shown, key=lambda axis: axis.axis)
    said = group((_scope_words(axis), axis.axis) for axis in ordered)
    text = "; ".join(f"{axes_text(axes)}: {words}" for words, axes in said.items())
    if len(said) == 1:
        text = next(iter(said))
    return text[0].upper() + text[1:] + "."


def _scope_words(axis: Axis, *, brief: bool = False) -> str:
    through = _through(axis.through, axis.ranges)
    if axis.scope == "global":
        if brief:
            return f"global{through}: the whole input"
        rest = ", except positions that no window reaches" if axis.covers_input is False else ""
        return f"global{through}: every unit reads the whole input, whatever its size{rest}"
    if axis.scope == "one-sided":
        return f"one-sided{through}: {_side(axis)}"
    if axis.scope == "unknown":
        return f"unknown{through}: what is read there could not be followed"
    if axis.scope == "none":
        return "nothing of the input is read"
    ahead = "" if axis.regular or axis.after is None else f", {fraction(axis.after)} after"
    grows = ", which grows with the input" if axis.grows else ""
    return f"local, receptive field {span(axis.size_min, axis.size)}{ahead}{grows}"


def _side(axis: Axis) -> str:
    if axis.before is None and axis.after is not None:
        ahead = whole_up(max(axis.after, Fraction(0)))
        return f"each unit reads all that came before; look-ahead {ahead}"
    if axis.after is None and axis.before is not None:
        behind = whole_up(max(axis.before, Fraction(0)))
        return f"each unit reads all that follows, and {behind} before"
    return "each unit reads all that lies on one side of it"


def _through(names: Sequence[str], ranges: Sequence[str]) -> str:
    if not names:
        return ""
    alike = set(names) == set(ranges)
    listed = ", ".join(
        safe(name) + (f" ({RANGE})" if name in ranges and not alike else "")
        for name in names[:MAX_THROUGH]
    )
    more = " and others" if len(names) > MAX_THROUGH else ""
    return f" through {listed}{more}{f' ({RANGE})' if alike else ''}"
