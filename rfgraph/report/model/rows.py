"""The numbers of a field as rows of label, value and explanation, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rfgraph.analysis.view import input_lengths
from rfgraph.domains.fields.axis import numbers
from rfgraph.wording.names import shortened
from rfgraph.wording.numbers import axes_text, fraction, ratio, span, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import ModelInput


Row: TypeAlias = tuple[str, str, str]
MAX_THROUGH = 2
RANGE = "the range of dynamic quantization"


def field_rows(field: ReceptiveField, spatial: Sequence[int], item: ModelInput) -> Iterator[Row]:
    """Yield what a field is along the spatial axes; axes of one kind share their rows."""
    if not spatial:
        yield "receptive field", "the whole input, which has no axes", ""
        return
    groups: dict[object, list[Axis]] = {}
    for number in spatial:
        axis = field.axes[number]
        groups.setdefault(_kind(axis), []).append(axis)
    lengths = input_lengths(item)
    for axes in groups.values():
        if len(groups) > 1:
            yield axes_text([axis.axis for axis in axes]), "", ""
        yield from _axes_rows(axes, lengths)
    for axis in _one_sided(field, spatial):
        yield axes_text([axis.axis]), _scope_words(axis, brief=True), ""
    if field.aligned is not None:
        yield _alignment(field)


def _one_sided(field: ReceptiveField, spatial: Sequence[int]) -> Iterator[Axis]:
    """Yield the other axes worth a word: the time of a recurrent layer that puts it first."""
    for number, axis in field.axes.items():
        if number not in spatial and axis.scope == "one-sided":
            yield axis


def _kind(axis: Axis) -> object:
    """Return what axes must share to share their words."""
    found = numbers(axis)
    absent = (found is None, found and found.size is None, found and found.stride is None)
    said = None if axis.scope == "local" else _scope_words(axis, brief=found is not None)
    return axis.scope, absent, said


def _axes_rows(axes: Sequence[Axis], lengths: Mapping[int, int | None]) -> Iterator[Row]:
    scope = axes[0].scope
    if scope == "none":
        yield "receptive field", "none", "reads nothing of the input"
        return
    inner = [found for axis in axes if (found := numbers(axis)) is not None]
    if scope != "local":
        yield "receptive field", _scope_words(axes[0], brief=bool(inner)), ""
        if not inner:
            return
    label = "receptive field" if scope == "local" else "local paths"
    if inner[0].size is None:
        yield label, "local, but its size could not be determined", ""
    else:
        yield from _numbers_rows(label, inner, [lengths[axis.axis] for axis in inner])


def _numbers_rows(label: str, axes: Sequence[Axis], lengths: Sequence[int | None]) -> Iterator[Row]:
    sizes = times([span(axis.size_min, axis.size) for axis in axes])
    differ = any(axis.size_min != axis.size for axis in axes)
    note = "smallest..largest over the units" if differ else "what one unit reads"
    note = "read past these operators" if label == "local paths" and not differ else note
    yield label, sizes, note
    if axes[0].stride is None:
        yield "stride (jump)", "none", "it differs from unit to unit"
    else:
        yield (
            "stride (jump)",
            times([ratio(axis.stride) for axis in axes]),
            "from one unit to the next",
        )
        padding = times([_minus(axis.start) for axis in axes])
        yield "effective padding", padding, "before the input, at unit 0"
        yield "reach", _reach(axes), _causal(axes)
        yield from _period(axes)
    yield (
        "they cover it" if label == "local paths" else "covers the input",
        _covers(axes, lengths),
        "",
    )
    yield from _paths(axes)


def _minus(value: int | None) -> str:
    return "-" if value is None else str(-value)


def _reach(axes: Sequence[Axis]) -> str:
    before = _once([axis.before for axis in axes])
    return f"{before} before, {_once([axis.after for axis in axes])} after"


def _once(values: Sequence[Fraction | None]) -> str:
    """Return the value of each axis, once where all agree."""
    texts = [fraction(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else times(texts)


def _causal(axes: Sequence[Axis]) -> str:
    ahead = [axis.after for axis in axes]
    if all(after is not None and after <= 0 for after in ahead) and any(
        axis.before for axis in axes
    ):
        return "causal: nothing ahead is read"
    return "around a unit's own position"


def _period(axes: Sequence[Axis]) -> Iterator[Row]:
    """Say after how many units the field repeats, where it differs from one to the next.

    A part of the input gives the same outputs only if it starts at a multiple of the positions.
    """
    if any(axis.period is not None and axis.period[0] > 1 for axis in axes):
        units = times([str(axis.period[0]) if axis.period else "-" for axis in axes])
        further = times([str(axis.period[1]) if axis.period else "-" for axis in axes])
        tiled = any(axis.period is not None and abs(axis.period[1]) > 1 for axis in axes)
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
    parts = [_part(axis, length) for axis, length in zip(axes, lengths, strict=True)]
    return f"no: {parts[0] if len(set(parts)) == 1 else times(parts)} positions"


def _part(axis: Axis, length: int | None) -> str:
    if length is None or axis.size_min is None:
        return f"{span(axis.size_min, axis.size)} of ?"
    return f"{min(axis.size_min, length)} of {length}"


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


# -- what is not local -----------------------------------------------------------------------------


def scope_sentence(field: ReceptiveField, spatial: Sequence[int]) -> str:
    """Return a sentence on a field without local paths, once for axes that agree."""
    if not spatial:
        return "It reads the input, which has no axes."
    said: dict[str, list[int]] = {}
    shown = [*(field.axes[number] for number in spatial), *_one_sided(field, spatial)]
    for axis in sorted(shown, key=lambda axis: axis.axis):
        said.setdefault(_scope_words(axis), []).append(axis.axis)
    if len(said) == 1:
        words = next(iter(said))
        return words[0].upper() + words[1:] + "."
    parts = [f"{axes_text(numbers_)}: {words}" for words, numbers_ in said.items()]
    text = "; ".join(parts)
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
    return f"local, receptive field {span(axis.size_min, axis.size)}"


def _side(axis: Axis) -> str:
    if axis.before is None and axis.after is not None:
        return f"each unit reads all that came before; look-ahead {fraction(axis.after)}"
    if axis.after is None and axis.before is not None:
        return f"each unit reads all that follows, and {fraction(axis.before)} before"
    return "each unit reads all that lies on one side of it"


def _through(names: Sequence[str], ranges: Sequence[str]) -> str:
    if not names:
        return ""
    alike = set(names) == set(ranges)
    listed = ", ".join(
        shortened(name, 40) + (f" ({RANGE})" if name in ranges and not alike else "")
        for name in names[:MAX_THROUGH]
    )
    more = " and others" if len(names) > MAX_THROUGH else ""
    return f" through {listed}{more}{f' ({RANGE})' if alike else ''}"
