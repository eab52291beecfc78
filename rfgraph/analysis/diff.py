"""Two models compared in what is read: inputs, outputs and layers in pairs, each pair measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from rfgraph.analysis.analysis import analysis_of
from rfgraph.analysis.differences import Diff, Kind, LayerDiff, TensorDiff, Verdict
from rfgraph.analysis.layers import FIELD, WINDOW, layers_of
from rfgraph.analysis.measurement import WITHOUT_END, measure
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.analysis.pairing import Pair, match, paired_layers
from rfgraph.arguments import keywords_named, mapping, text
from rfgraph.errors import RfgraphError
from rfgraph.relations.graph import Model, shape_of

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.comparison import Change
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import ModelInput


Names: TypeAlias = tuple["str | None", "str | None"]

_BETTER = {
    "smaller": "larger",
    "global": "local",
    "unaligned": "aligned",
    "lookahead": "lookahead",
    "missing": "added",
}
_SMALLER = ("size", "size_min", "paths_min", "paths_median")


@keywords_named
def diff(
    old: Model | Analysis | Source,
    new: Model | Analysis | Source,
    *,
    tensors: Mapping[str, str] | None = None,
    input: str | None = None,
) -> Diff:
    """Return what differs between two models in what is read, in input positions.

    Outputs are paired by name, else in order, inputs by name, else by shape or rank in order: what
    has no partner is missing, or new. Where an output is global, the tensors before it are
    compared as well. `tensors` names pairs (old to new) to compare in place of the outputs, `input`
    the only input (of the new model) to compare on. Layers are paired by name or by their windows
    in order, whichever leaves less that differs. Lengths that one file leaves open are those of the
    other, where it has some. A source whose inputs are to be bound is loaded first (`load`). Raises
    UsageError for a tensor that does not exist.
    """
    before, after = _at_same_lengths(analysis_of(old), analysis_of(new))
    sources = _paired_inputs(before.model, after.model)
    if input is not None:
        named = pick_input(after.model, input)
        sources = [pair for pair in sources if pair[1] == named]
    asked = [_pick_pair(before, after, pair) for pair in mapping("tensors", tensors).items()]
    outputs = tuple(
        one
        for source in sources
        for pair, feeds in (asked or _outputs(before, after, source))
        if (one := _tensor_diff(before, after, pair, source, feeds)) is not None
    )
    layers = tuple(
        layer
        for one, other in sources
        if one is not None and other is not None
        for layer in _layer_diffs(before, after, one, other)
    )
    worse = tuple(chain.from_iterable(map(_worse, outputs)))
    better = tuple(chain.from_iterable(map(_better, outputs)))
    return Diff(before.model, after.model, outputs, layers, worse, better)


def _pick_pair(
    before: Analysis, after: Analysis, pair: tuple[object, object]
) -> tuple[tuple[str, str], None]:
    one = pick_tensor(before.model, text("an old tensor", pair[0]))
    return (one, pick_tensor(after.model, text("a new tensor", pair[1]))), None


def _at_same_lengths(old: Analysis, new: Analysis) -> tuple[Analysis, Analysis]:
    """Return both models with lengths that one leaves open as the other states them."""
    both = _paired_inputs(old.model, new.model)
    pairs = [(one, other) for one, other in both if one is not None and other is not None]
    return _at_lengths_of(old, new, pairs), _at_lengths_of(
        new, old, [(other, one) for one, other in pairs]
    )


def _at_lengths_of(
    open_one: Analysis, stated: Analysis, pairs: Sequence[tuple[str, str]]
) -> Analysis:
    others = {item.name: item for item in stated.model.inputs}
    names = dict(pairs)
    shapes: dict[str, Shape] = {}
    for item in open_one.model.inputs:
        other = others.get(names.get(item.name, ""))
        if other is not None and len(other.shape) == len(item.shape):
            shapes[item.name] = _shape_as_stated(item, other)
    differs = any(item.shape != shapes.get(item.name, item.shape) for item in open_one.model.inputs)
    if not differs or open_one.model.at is None:
        return open_one
    try:
        return analysis_of(open_one.model.at(shapes))
    except RfgraphError:
        return open_one


def _shape_as_stated(item: ModelInput, other: ModelInput) -> Shape:
    return tuple(
        other.shape[axis] if axis in item.probed and axis not in other.probed else length
        for axis, length in enumerate(item.shape)
    )


def _paired_inputs(old: Model, new: Model) -> list[Names]:
    """Return inputs of the same name, the others by shape, else by rank, in order."""
    names = [{item.name for item in model.inputs} for model in (old, new)]
    same = [item.name for item in old.inputs if item.name in names[1]]
    left = [item for item in old.inputs if item.name not in names[1]]
    right = [item for item in new.inputs if item.name not in names[0]]
    pairs: list[Pair[ModelInput]] = match(left, right, lambda item: item.shape)
    left = [one for one, other in pairs if one is not None and other is None]
    right = [other for one, other in pairs if one is None and other is not None]
    others: list[Pair[ModelInput]] = match(left, right, lambda item: len(item.shape))
    return [(name, name) for name in same] + [
        (None if one is None else one.name, None if other is None else other.name)
        for one, other in (*(pair for pair in pairs if None not in pair), *others)
    ]


def _outputs(old: Analysis, new: Analysis, source: Names) -> Iterator[tuple[Names, str | None]]:
    """Yield the pairs of tensors to compare, and the output that one feeds."""
    for one, other in _pair(old, new, old.model.outputs, new.model.outputs):
        yield (one, other), None
        if one is None or other is None or source[0] is None or source[1] is None:
            continue
        before, after = old.before_global(one, source[0]), new.before_global(other, source[1])
        if before and after:
            for pair in _pair(old, new, before, after):
                yield pair, other


def _pair(
    old: Analysis, new: Analysis, ones: Sequence[str], others: Sequence[str]
) -> Iterator[Names]:
    """Yield tensors of the same name, and the others by shape and order."""
    same = [name for name in ones if name in others]
    rest = [[name for name in side if name not in same] for side in (ones, others)]
    yield from ((name, name) for name in same)
    if len(rest[0]) == len(rest[1]):
        yield from zip(*rest, strict=True)
        return
    left = [(name, shape_of(old.graph, name)) for name in rest[0]]
    right = [(name, shape_of(new.graph, name)) for name in rest[1]]
    for one, other in match(left, right, lambda item: item[1]):
        yield None if one is None else one[0], None if other is None else other[0]


def _tensor_diff(
    old: Analysis, new: Analysis, pair: Names, source: Names, feeds: str | None
) -> TensorDiff | None:
    """Return what differs of a tensor on an input, None where neither reads it."""
    before, after = (
        measure(it, name, at)
        if name is not None and at is not None and name in it.forms[at]
        else None
        for it, name, at in zip((old, new), pair, source, strict=True)
    )
    return None if before is None and after is None else TensorDiff(before, after, feeds)


def _layer_diffs(old: Analysis, new: Analysis, one: str, other: str) -> Iterator[LayerDiff]:
    for before, after in paired_layers(layers_of(old, one), layers_of(new, other)):
        if any(it is not None and it.is_trivial for it in (before, after)) and None in (
            before,
            after,
        ):
            continue
        changes: dict[str, tuple[Any, Any]] = {}
        if before is not None and after is not None:
            pairs = {
                "kind": (before.kind, after.kind),
                **{key: (before.window.get(key), after.window.get(key)) for key in WINDOW},
                **{key: (before.values[key], after.values[key]) for key in FIELD},
            }
            changes = {key: values for key, values in pairs.items() if values[0] != values[1]}
        yield LayerDiff(before, after, changes)


# -- worse and better ------------------------------------------------------------------------------


def _worse(item: TensorDiff) -> Iterator[Verdict]:
    """Yield the ways in which a tensor got worse."""
    old, new = item.before, item.after
    if old is None:
        return
    if new is None or len(new.axes) < len(old.axes):
        yield Verdict("missing", old.tensor, old.input, None, "tensor", old.tensor, None)
        return
    if item.aligned == (True, False):
        yield Verdict("unaligned", new.tensor, new.input, None, "aligned", True, False)
    for axis in item.axes.values():
        for change in axis.changes:
            kind = _kind(change)
            if kind is not None:
                yield Verdict(kind, new.tensor, new.input, axis.after.axis, *change[:3])


def _kind(change: Change) -> Kind | None:
    """Return in which way a change is for the worse, None if in none."""
    if change.key in _SMALLER:
        return "smaller" if change.loss else None
    if change.key == "scope":
        lost = ("global", "unknown")
        became = change.after in lost and change.before not in lost
        return "global" if became or change.after == "unknown" else None
    if change.key == "lookahead":
        now: Any = change.after
        grew = now == WITHOUT_END or (change.before != WITHOUT_END and now > change.before)
        return "lookahead" if grew else None
    return None


def _better(item: TensorDiff) -> Iterator[Verdict]:
    """Yield the ways in which a tensor got better: it would be worse the other way round."""
    new = item.after
    if new is None:
        return
    axes = {axis.before.axis: axis.after.axis for axis in item.axes.values()}
    for it in _worse(replace(item, before=new, after=item.before)):
        axis = None if it.axis is None else axes[it.axis]
        yield Verdict(_BETTER[it.kind], new.tensor, new.input, axis, it.key, it.after, it.before)
