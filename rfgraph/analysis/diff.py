"""What differs between two models in what is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rfgraph.analysis.layers import FIELD, WINDOW, Layer, layers_of
from rfgraph.analysis.measurement import WITHOUT_END, Measured, MeasuredAxis, measured
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.analysis.pairing import Pair, matched, paired_layers
from rfgraph.analysis.result import analyze
from rfgraph.arguments import keywords_named, mapping, text
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.relations.graph import Model, shape_of
from rfgraph.version import __version__
from rfgraph.wording.names import quoted
from rfgraph.wording.numbers import rational

if TYPE_CHECKING:
    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.comparison import Change
    from rfgraph.domains.fields.axis import Json
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import ModelInput


Names: TypeAlias = tuple["str | None", "str | None"]
Kind: TypeAlias = Literal["smaller", "global", "unaligned", "lookahead", "missing"]

# What a pipeline may be asked to fail on; a tensor without a partner counts as each of them.
KINDS: tuple[Kind, ...] = ("smaller", "global", "unaligned", "lookahead")
_BETTER = {
    "smaller": "larger",
    "global": "local",
    "unaligned": "aligned",
    "lookahead": "lookahead",
    "missing": "added",
}
_SMALLER = ("size", "size_min", "paths_min", "paths_median")
# What is not read differently where only these are.
_HOW = ("effective",)


def kinds_of(words: Sequence[str]) -> tuple[Kind, ...]:
    """Return ways to be worse; UsageError for a word that is none, with those that are."""
    found = tuple(kind for kind in KINDS if kind in words)
    for word in words:
        if word not in KINDS:
            raise UsageError(f"fail-on requires some of {', '.join(KINDS)}, found {quoted(word)}")
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """One way in which an output got worse or better; `axis` is the new model's, None for all."""

    kind: str
    tensor: str
    input: str | None
    axis: int | None
    key: str
    before: Any
    after: Any

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "kind": self.kind,
            "tensor": self.tensor,
            "input": self.input,
            "axis": self.axis,
            "key": self.key,
            "before": _plain(self.before),
            "after": _plain(self.after),
        }


@dataclass(frozen=True, slots=True)
class AxisDiff:
    """One spatial axis of an input in both models, and what differs on it."""

    before: MeasuredAxis
    after: MeasuredAxis
    changes: tuple[Change, ...]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "axis": self.after.axis,
            "old": _values(self.before),
            "new": _values(self.after),
            "changes": {
                change.key: [_plain(change.before), _plain(change.after)] for change in self.changes
            },
        }


@dataclass(frozen=True, slots=True)
class TensorDiff:
    """A tensor on an input in both models; None in the one that lacks it.

    `feeds` is the output that the tensor feeds, where that is global itself.
    """

    before: Measured | None
    after: Measured | None
    axes: tuple[AxisDiff, ...]
    feeds: str | None = None

    @property
    def aligned(self) -> tuple[bool | None, bool | None]:
        """Whether its paths are aligned, before and after."""
        old, new = self.before, self.after
        return None if old is None else old.aligned, None if new is None else new.aligned

    @property
    def routes(self) -> tuple[int | None, int | None]:
        """How many routes lead to it, before and after; None where that is not counted."""
        old, new = self.before, self.after
        return None if old is None else old.routes, None if new is None else new.routes

    @property
    def same(self) -> bool:
        """Whether nothing that is read differs."""
        return (
            self.before is not None
            and self.after is not None
            and len(self.before.axes) == len(self.after.axes)
            and all(change.key in _HOW for axis in self.axes for change in axis.changes)
            and _equal(*self.aligned)
            and _equal(*self.routes)
        )

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        old, new = self.before, self.after
        return {
            "old": None if old is None else old.tensor,
            "new": None if new is None else new.tensor,
            "input": [None if it is None else it.input for it in (old, new)],
            "feeds": self.feeds,
            "aligned": list(self.aligned),
            "routes": [None if count is None else str(count) for count in self.routes],
            "axes": [axis.to_dict() for axis in self.axes],
        }


@dataclass(frozen=True, slots=True)
class LayerDiff:
    """A layer in both models, None in the one that lacks it; `changes` by key, per spatial axis."""

    before: Layer | None
    after: Layer | None
    changes: Mapping[str, tuple[Any, Any]]

    @property
    def own(self) -> bool:
        """Whether the layer itself is another, not only what it is fed with."""
        return None in (self.before, self.after) or any(key in self.changes for key in _OWN)

    @property
    def has_window(self) -> bool:
        """Whether either has a window: what else there is may be written in many ways."""
        return any(layer is not None and layer.window for layer in (self.before, self.after))

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        changes = {key: [_plain(was), _plain(now)] for key, (was, now) in self.changes.items()}
        return {
            "old": None if self.before is None else self.before.label,
            "new": None if self.after is None else self.after.label,
            "changes": changes,
        }


_OWN = ("kind", *WINDOW)


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two models; `worse` and `better` are ways in which outputs do."""

    old: Model
    new: Model
    outputs: tuple[TensorDiff, ...]
    layers: tuple[LayerDiff, ...]
    worse: tuple[Verdict, ...]
    better: tuple[Verdict, ...]

    @property
    def same(self) -> bool:
        """Whether there is no difference in what is read, at the outputs and on the way."""
        return self.same_outputs and not any(it.own and it.has_window for it in self.layers)

    @property
    def same_outputs(self) -> bool:
        """Whether there is no difference in what the outputs read."""
        return all(item.same for item in self.outputs)

    def failing(self, kinds: Sequence[str] = KINDS) -> tuple[Verdict, ...]:
        """Return what got worse in one of some ways; UsageError for a word that is none."""
        wanted = {*kinds_of(kinds), "missing"} if kinds else set()
        return tuple(item for item in self.worse if item.kind in wanted)

    def to_dict(self) -> Json:
        """Return the JSON report."""
        return {
            "schema": 1,
            "version": __version__,
            "old": {"file": self.old.file, "nodes": self.old.nodes},
            "new": {"file": self.new.file, "nodes": self.new.nodes},
            "same": self.same,
            "outputs": [item.to_dict() for item in self.outputs],
            "layers": [item.to_dict() for item in self.layers],
            "worse": [item.to_dict() for item in self.worse],
            "better": [item.to_dict() for item in self.better],
        }


def _values(axis: MeasuredAxis) -> Json:
    return {"axis": axis.axis, **{key: _plain(value) for key, value in axis.values().items()}}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return rational(value) if isinstance(value, Fraction) else value


def _equal(before: object, after: object) -> bool:
    return None in (before, after) or before == after


# -- comparing -------------------------------------------------------------------------------------


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
    before, after = _at_same_lengths(_analysed(old), _analysed(new))
    sources = _paired_inputs(before.model, after.model)
    if input is not None:
        named = pick_input(after.model, input)
        sources = [pair for pair in sources if pair[1] == named]
    asked = [_named(before, after, pair) for pair in mapping("tensors", tensors).items()]
    found = tuple(
        _tensor_diff(before, after, pair, source, feeds)
        for source in sources
        for pair, feeds in (asked or _outputs(before, after, source))
        if _is_reached(before, after, pair, source)
    )
    layers = tuple(
        layer
        for one, other in sources
        if one is not None and other is not None
        for layer in _layer_diffs(before, after, one, other)
    )
    worse = tuple(chain.from_iterable(_worse(item) for item in found))
    better = tuple(_turned(it) for item in found for it in _worse(_reversed(item)))
    return Diff(before.model, after.model, found, layers, worse, better)


def _analysed(model: Model | Analysis | Source) -> Analysis:
    from rfgraph.analysis.analysis import Analysis

    if isinstance(model, Analysis):
        return model
    return analyze(model)


def _named(
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
            shapes[item.name] = _filled(item, other)
    differs = any(item.shape != shapes.get(item.name, item.shape) for item in open_one.model.inputs)
    if not differs or open_one.model.at is None:
        return open_one
    try:
        return analyze(open_one.model.at(shapes))
    except RfgraphError:
        return open_one


def _filled(item: ModelInput, other: ModelInput) -> Shape:
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
    pairs: list[Pair[ModelInput]] = matched(left, right, lambda item: item.shape)
    left = [one for one, other in pairs if one is not None and other is None]
    right = [other for one, other in pairs if one is None and other is not None]
    others: list[Pair[ModelInput]] = matched(left, right, lambda item: len(item.shape))
    return [(name, name) for name in same] + [
        (None if one is None else one.name, None if other is None else other.name)
        for one, other in (*(pair for pair in pairs if None not in pair), *others)
    ]


def _outputs(old: Analysis, new: Analysis, source: Names) -> Iterator[tuple[Names, str | None]]:
    """Yield the pairs of tensors to compare, and the output that one feeds."""
    for one, other in _paired(old, new, old.model.outputs, new.model.outputs):
        yield (one, other), None
        if one is None or other is None or source[0] is None or source[1] is None:
            continue
        before, after = old.before_global(one, source[0]), new.before_global(other, source[1])
        if before and after:
            for pair in _paired(old, new, before, after):
                yield pair, other


def _paired(
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
    for one, other in matched(left, right, lambda item: item[1]):
        yield None if one is None else one[0], None if other is None else other[0]


def _is_reached(old: Analysis, new: Analysis, pair: Names, source: Names) -> bool:
    """Whether either tensor reads the input."""
    return any(map(_reads, (old, new), pair, source))


def _reads(result: Analysis, tensor: str | None, source: str | None) -> bool:
    return None not in (tensor, source) and tensor in result.forms[source or ""].states


def _tensor_diff(
    old: Analysis,
    new: Analysis,
    pair: Names,
    source: Names,
    feeds: str | None,
) -> TensorDiff:
    sides = [
        measured(it, name, at) if name and at and _reads(it, name, at) else None
        for it, name, at in zip((old, new), pair, source, strict=True)
    ]
    before, after = sides
    if before is None or after is None:
        return TensorDiff(before, after, (), feeds)
    axes = tuple(
        AxisDiff(one, other, tuple(one.changes(other)))
        for one, other in zip(before.axes, after.axes, strict=False)
    )
    return TensorDiff(before, after, axes, feeds)


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
    for axis in item.axes:
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


def _reversed(item: TensorDiff) -> TensorDiff:
    axes = tuple(
        AxisDiff(axis.after, axis.before, tuple(axis.after.changes(axis.before)))
        for axis in item.axes
    )
    return TensorDiff(item.after, item.before, axes, item.feeds)


def _turned(item: Verdict) -> Verdict:
    return Verdict(
        _BETTER[item.kind], item.tensor, item.input, item.axis, item.key, item.after, item.before
    )
