"""The layers of a model: windows, and what else changes what is read.

An operator without a window counts where the field of a tensor that it makes differs in more than
its place from that of everything it reads: merges, what makes an axis global. What only moves (a
Pad, a crop) or computes element by element does not, however an exporter or a runtime wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rfgraph.domains.fields.axis import numbers
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.graph import ancestors, edges_into, producer_of
from rfgraph.relations.steps import Permute, Taps

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.field import ReceptiveField
    from rfgraph.domains.fields.axis import Axis
    from rfgraph.relations.graph import Edge

# Of the field of a layer, and of its window.
FIELD = ("scope", "size", "size_min", "stride", "start", "shortest", "longest")
WINDOW = ("kernel_shape", "strides", "dilations")


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator that changes what is read.

    `name` is the file's, empty without one, `label` what reports call it. `window` has
    `kernel_shape`, `strides` and `dilations`, one number for each spatial axis, where the operator
    has a window; `values` the field of its tensor by key, likewise. `kind` is what it does: a word
    of how a window enters, "merge" of several tensors, or the scope that it gives an axis.
    """

    label: str
    name: str
    op_type: str
    tensor: str
    kind: str
    window: Mapping[str, tuple[int, ...]]
    values: Mapping[str, tuple[Any, ...]]

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
        for field in result.receptive_fields()
        if field.input == source and field.tensor in wanted and spatial
    }
    made: dict[int, Layer] = {}
    for name, field in fields.items():
        operator = producer_of(result.graph, name)
        if operator is None or operator.index in made:
            continue
        edges = [edge for edge in edges_into(result.graph, name) if edge.source in fields]
        kind, window = _does(result, source, edges, field, spatial)
        key = _key(field, spatial)
        if not window and any(_key(fields[edge.source], spatial) == key for edge in edges):
            continue
        values = {item: tuple(_value(field.axes[a], item) for a in spatial) for item in FIELD}
        made[operator.index] = Layer(
            operator.label, operator.name, operator.op_type, name, kind, window, values
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


def _does(
    result: Analysis,
    source: str,
    edges: Sequence[Edge],
    field: ReceptiveField,
    spatial: Sequence[int],
) -> tuple[str, Mapping[str, tuple[int, ...]]]:
    """Return the kind of an operator and its window."""
    for edge in edges:
        rules = [_window(result, source, edge, axis) for axis in spatial]
        if any(rule is not None for rule in rules):
            window = {
                "kernel_shape": tuple(1 if rule is None else rule.kernel for rule in rules),
                "strides": tuple(1 if rule is None else rule.stride for rule in rules),
                "dilations": tuple(1 if rule is None else rule.dilation for rule in rules),
            }
            back = "transposed " if any(isinstance(rule, Transposed) for rule in rules) else ""
            how = "window" if edge.how is None else edge.how.word
            return back + how, window
    if len({edge.source for edge in edges}) > 1:
        return "merge", {}
    scopes = {field.axes[axis].scope for axis in spatial} - {"local", "none"}
    return " and ".join(sorted(scopes)) or "resample", {}


def _window(result: Analysis, source: str, edge: Edge, axis: int) -> Window | Transposed | None:
    """Return the window along what carries an axis of the input; None without one."""
    classes = result.forms[source].states[edge.source].classes
    carriers = {carrier for layout in classes for carrier in layout.carriers(axis)}
    return next((rule for at, rule in _windows(edge) if at in carriers), None)


def _windows(edge: Edge) -> Iterator[tuple[int, Window | Transposed]]:
    """Yield the windows of an edge that move, by the axis of the tensor that they slide along."""
    axes = list(range(len(edge.relation.in_shape)))
    for step in edge.relation.steps:
        if isinstance(step, Permute):
            axes = [axes[axis] for axis in step.perm]
        elif isinstance(step, Taps):
            for axis, rule in step.rules:
                if isinstance(rule, Window | Transposed) and axis < len(axes):
                    yield axes[axis], rule
        else:
            return
