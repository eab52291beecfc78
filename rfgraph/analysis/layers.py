"""The layers of a model: windows, and what else changes what is read.

An operator without a window counts where the field of a tensor that it makes differs in more than
its place from that of everything it reads: merges, what makes an axis global. What only moves (a
Pad, a crop) or computes element by element does not, however an exporter or a runtime wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rfgraph.domains.fields.axis import numbers
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.graph import ancestors, edges_into, producer_of
from rfgraph.relations.steps import Everything, Gathered, Permute, Pointwise, Regroup, Taps

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import Edge
    from rfgraph.relations.relation import Relation

# Of the field of a layer, and of its window.
FIELD = ("scope", "size", "size_min", "stride", "start", "shortest", "longest")
WINDOW = ("kernel_shape", "strides", "dilations")
_PARTS = {"kernel_shape": "kernel", "strides": "stride", "dilations": "dilation"}


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator that changes what is read.

    `name` is the file's, empty without one, `label` what reports call it. `window` has
    `kernel_shape`, `strides` and `dilations`, one number for each spatial axis, where the operator
    has a window; `values` the field of its tensor by key, likewise. `rules` are the operator's own
    windows, `places` where among them that of each spatial axis stands (-1: nowhere). `kind` is
    what it does: a word of how a window enters, "merge" of several tensors, or the scope that it
    gives an axis.
    """

    label: str
    name: str
    op_type: str
    tensor: str
    kind: str
    window: Mapping[str, tuple[int, ...]]
    values: Mapping[str, tuple[Any, ...]]
    rules: tuple[Window | Transposed, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def address(self) -> str:
        """By which name `what_if` finds the operator."""
        return self.name or self.tensor

    def setting(self, name: str) -> tuple[int, ...]:
        """Return an attribute of the window, in the operator's own order."""
        return tuple(getattr(rule, _PARTS[name]) for rule in self.rules)

    def enlarge(self, part: str, steps: Sequence[int], each: int) -> tuple[int, ...]:
        """Return a part of the window, larger by steps along the spatial axes, in its order."""
        values = [getattr(rule, part) for rule in self.rules]
        for place, step in zip(self.places, steps, strict=True):
            if place >= 0:
                values[place] += each * step
        return tuple(values)

    @property
    def has_weights(self) -> bool:
        """Whether the taps of its window are weights."""
        return self.kind.endswith("weighted")

    @property
    def is_trivial(self) -> bool:
        """Whether the layer is a window of one position that goes from one to the next."""
        return bool(self.window) and {*self.window["kernel_shape"], *self.window["strides"]} == {1}

    @property
    def signature(self) -> Hashable:
        """What layers of two models are matched by: what the operator does, and its window."""
        return self.kind, *(self.window.get(key) for key in WINDOW)


def layers_of(result: Analysis, source: str) -> list[Layer]:
    """Return the layers on the way from an input, in the order of the file."""
    spatial = result.forms[source].spatial_axes
    wanted = ancestors(result.graph, result.model.outputs)
    fields = {
        field.tensor: field
        for field in result.receptive_fields(inputs=[source])
        if field.tensor in wanted and spatial
    }
    made: dict[int, Layer] = {}
    for name, field in fields.items():
        operator = producer_of(result.graph, name)
        if operator is None or operator.index in made:
            continue
        edges = [edge for edge in edges_into(result.graph, name) if edge.source in fields]
        rules, places = _windows_along(result, source, edges, spatial)
        window = _window(rules, places)
        kind = _kind(edges, window, rules, field, spatial)
        key = _key(field, spatial)
        if not window and any(_key(fields[edge.source], spatial) == key for edge in edges):
            continue
        values = {item: tuple(_value(field.axes[a], item) for a in spatial) for item in FIELD}
        made[operator.index] = Layer(
            operator.label,
            operator.name,
            operator.op_type,
            name,
            kind,
            window,
            values,
            rules,
            places,
        )
    return list(made.values())


def _key(field: ReceptiveField, spatial: Sequence[int]) -> Hashable:
    """Return what of a field is not its place."""
    return tuple(
        tuple(_value(field.axes[axis], key) for key in FIELD if key != "start") for axis in spatial
    )


def _value(axis: Axis, key: str) -> Any:
    if key == "scope":
        return axis.scope
    shown = numbers(axis)
    return None if shown is None else getattr(shown, key)


Rules: TypeAlias = tuple["Window | Transposed", ...]


def _windows_along(
    result: Analysis, source: str, edges: Sequence[Edge], spatial: Sequence[int]
) -> tuple[Rules, tuple[int, ...]]:
    """Return the windows of an operator, and which of them each spatial axis of the input has."""
    for edge in edges:
        windows = list(windows_of(edge.relation))
        at = [axis for axis, _ in windows]
        classes = result.forms[source][edge.source].classes
        places = []
        for axis in spatial:
            carriers = {carrier for layout in classes for carrier in layout.along[axis]}
            places.append(next((at.index(carrier) for carrier in at if carrier in carriers), -1))
        if any(place >= 0 for place in places):
            return tuple(rule for _, rule in windows), tuple(places)
    return (), ()


def _window(rules: Rules, places: Sequence[int]) -> Mapping[str, tuple[int, ...]]:
    along = [None if place < 0 else rules[place] for place in places]
    if not along:
        return {}
    return {
        "kernel_shape": tuple(1 if rule is None else rule.kernel for rule in along),
        "strides": tuple(1 if rule is None else rule.stride for rule in along),
        "dilations": tuple(1 if rule is None else rule.dilation for rule in along),
    }


def _kind(
    edges: Sequence[Edge],
    window: Mapping[str, tuple[int, ...]],
    rules: Rules,
    field: ReceptiveField,
    spatial: Sequence[int],
) -> str:
    """Return what an operator does."""
    if window:
        back = "transposed " if any(isinstance(rule, Transposed) for rule in rules) else ""
        how = next((edge.how.word for edge in edges if edge.how is not None), "window")
        return back + how
    if len({edge.source for edge in edges}) > 1:
        return "merge"
    scopes = {field.axes[axis].scope for axis in spatial} - {"local", "none"}
    return " and ".join(sorted(scopes)) or "resample"


def windows_of(relation: Relation) -> Iterator[tuple[int, Window | Transposed]]:
    """Yield the windows of a relation, by the axis of what it reads that they slide along."""
    axes = list(range(len(relation.in_shape)))
    for step in relation.steps:
        if isinstance(step, Permute):
            axes = [axes[axis] for axis in step.perm]
        elif isinstance(step, Taps):
            for axis, rule in step.rules:
                if isinstance(rule, Window | Transposed):
                    yield axes[axis], rule
        elif isinstance(step, Regroup | Gathered | Everything) or (
            isinstance(step, Pointwise) and len(step.shape) != len(axes)
        ):
            return
