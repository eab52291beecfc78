"""What rfgraph answers: load a model, analyse it, and the results as frozen values."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from rfgraph import __version__
from rfgraph.domains.closed_form import (
    AxisField,
    ClosedForm,
    Layout,
    State,
    closed_form,
    merge_pieces,
    merge_spreads,
)
from rfgraph.domains.measure import Numbers, aligned, bounded_reach, measure
from rfgraph.domains.pieces import Lost
from rfgraph.domains.reads import Masks, read_positions
from rfgraph.domains.unknown import not_followed
from rfgraph.errors import BoundError, RfgraphError, UsageError, printable, quoted
from rfgraph.graph import Graph, Model, Operator
from rfgraph.relations import Permute, Regroup, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from fractions import Fraction

    import numpy as np
    import onnx
    from numpy.typing import ArrayLike, NDArray

    from rfgraph.ops.registry import Rule

Scope: TypeAlias = Literal["none", "local", "one-sided", "global", "unknown"]
Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto"
Json: TypeAlias = dict[str, Any]

# How many of the operators that made an axis global are named.
MAX_THROUGH = 4


def load(
    source: Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
) -> Model:
    """Return an ONNX model as a graph of data dependences, without reading its weights.

    `source` is a path, bytes, a binary file object or an onnx.ModelProto. `input_shapes` binds the
    dimensions of inputs (the name "" stands for the only input); dimensions left open are probed and
    reported. `input_values` makes inputs constants. `rules` are your own, by (domain, operator); they
    come before those of rfgraph. Raises RfgraphError, one line that names file,
    node or tensor.
    """
    from rfgraph.onnxfile.load import as_array
    from rfgraph.onnxfile.load import load as load_file

    shapes = {name: tuple(int(n) for n in shape) for name, shape in (input_shapes or {}).items()}
    values = {name: as_array(value) for name, value in (input_values or {}).items()}
    try:
        return load_file(source, shapes, values, rules or {})
    except RfgraphError as error:
        raise type(error)(f"{source_name(source)}: {error}") from None


def source_name(source: object) -> str:
    """Return what to call a model source in a message."""
    if isinstance(source, str | os.PathLike):
        return printable(os.fspath(source), 120)
    return "<bytes>" if isinstance(source, bytes) else f"<{type(source).__name__}>"


@dataclass(frozen=True, slots=True)
class Axis:
    """The receptive field along one input axis, in input positions.

    `local` are the same numbers for the paths that are local on every spatial axis, where `scope` is
    not local; `through` names the first operators that made it so. Numbers that do not exist are None.
    """

    axis: int
    scope: Scope
    size: int | None = None
    size_min: int | None = None
    stride: Fraction | None = None
    start: int | None = None
    center: Fraction | None = None
    before: Fraction | None = None
    after: Fraction | None = None
    period: tuple[int, int] | None = None
    shortest: int | None = None
    longest: int | None = None
    covers_input: bool | None = None
    regular: bool = True
    local: Axis | None = None
    through: tuple[str, ...] = ()

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "axis": self.axis,
            "scope": self.scope,
            **self._numbers(),
            "local": None if self.local is None else self.local._numbers(),
            "through": list(self.through),
        }

    def _numbers(self) -> Json:
        return {
            "size": self.size,
            "size_min": self.size_min,
            "stride": rational(self.stride),
            "start": self.start,
            "center": rational(self.center),
            "before": rational(self.before),
            "after": rational(self.after),
            "period": None if self.period is None else list(self.period),
            "shortest": self.shortest,
            "longest": self.longest,
            "covers_input": self.covers_input,
            "regular": self.regular,
        }


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The receptive field of one tensor on one graph input; `axes` by the input's axis number."""

    tensor: str
    node: str | None
    op_type: str | None
    shape: Shape | None
    input: str
    aligned: bool | None
    axes: Mapping[int, Axis]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "tensor": self.tensor,
            "node": self.node,
            "op_type": self.op_type,
            "shape": None if self.shape is None else list(self.shape),
            "input": self.input,
            "aligned": self.aligned,
            "axes": [axis.to_dict() for axis in self.axes.values()],
        }

    def __repr__(self) -> str:
        parts = []
        for axis in self.axes.values():
            parts.append(f"{axis.axis}: {axis.scope if axis.size is None else axis.size}")
        return f"ReceptiveField({self.tensor!r} on {self.input!r}, {{{', '.join(parts)}}})"

    def _repr_html_(self) -> str:
        from rfgraph.report.notebook import field_html

        return field_html(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check, or the analysis itself, has to say about a model."""

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    node: str | None = None
    tensor: str | None = None

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "node": self.node,
            "tensor": self.tensor,
        }


@dataclass(frozen=True, slots=True)
class Output:
    """A graph output; `before_global` are the last tensors on the way that have a local path."""

    name: str
    shape: Shape | None
    before_global: tuple[str, ...]

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "name": self.name,
            "shape": None if self.shape is None else list(self.shape),
            "before_global": list(self.before_global),
        }


def rational(value: Fraction | int | None) -> int | str | None:
    """Return a rational number as JSON has it: a number when integral, else "p/q"."""
    if value is None:
        return None
    if value == int(value):
        return int(value)
    return f"{value.numerator}/{value.denominator}"


@dataclass(slots=True)
class Result:
    """The analysis of one model; fields are measured when they are asked for.

    `inputs`, `outputs` and `findings` are values; `receptive_field` gives one field,
    `receptive_fields` all of them in topological order.
    """

    model: Model
    forms: Mapping[str, ClosedForm]
    _seen: dict[tuple[int, Shape | None], tuple[bool | None, Mapping[int, Axis]]] = field(
        default_factory=dict, repr=False
    )
    _read: dict[tuple[str, str], Masks | None] = field(default_factory=dict, repr=False)

    @property
    def graph(self) -> Graph:
        return self.model.graph

    def receptive_field(
        self, tensor: str | None = None, input: str | None = None
    ) -> ReceptiveField:
        """Return the field of `tensor` (default: the only output) on `input` (default: the only one).

        Raises UsageError, with the nearest names, for a name that does not exist, and where the
        input does not reach the tensor.
        """
        source = pick_input(self.model, input)
        name = pick_tensor(self.model, tensor)
        if name not in self.forms[source].states:
            raise UsageError(f"input {quoted(source)} does not reach tensor {quoted(name)}")
        return self._field(name, source)

    def receptive_fields(self, tensors: Sequence[str] | None = None) -> Iterator[ReceptiveField]:
        """Yield the fields of `tensors` (default: all) on every input that reaches them."""
        for name in self.graph if tensors is None else tensors:
            for source, form in self.forms.items():
                if name in form.states:
                    yield self._field(name, source)

    def _field(self, tensor: str, source: str) -> ReceptiveField:
        data = self.graph.nodes[tensor]
        operator: Operator | None = data["producer"]
        agree, axes = self._axes(tensor, source)
        return ReceptiveField(
            tensor,
            None if operator is None else operator.name,
            None if operator is None else operator.op_type,
            data["shape"],
            source,
            agree,
            axes,
        )

    def _axes(self, tensor: str, source: str) -> tuple[bool | None, Mapping[int, Axis]]:
        form = self.forms[source]
        state = form.states[tensor]
        shape = self.graph.nodes[tensor]["shape"]
        key = (id(state), shape)
        if key not in self._seen:
            self._seen[key] = _measure_state(self, form, state, shape)
        return self._seen[key]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The graph outputs."""
        nodes = self.graph.nodes
        return tuple(
            Output(name, nodes[name]["shape"], self.before_global(name))
            for name in self.model.outputs
        )

    def before_global(self, output: str, input: str | None = None) -> tuple[str, ...]:  # noqa: A002
        """Return the tensors on the way to `output` after which no path is local, none if one is.

        Of the paths from one `input`, or from any.
        """
        found: dict[str, None] = {}
        for name, form in self.forms.items():
            if input in (None, name):
                found.update(dict.fromkeys(_before_global(self.graph, form, output)))
        order = {name: number for number, name in enumerate(self.graph)} if len(found) > 1 else {}
        return tuple(sorted(found, key=lambda name: order.get(name, 0)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the analysis could not follow."""
        return tuple(
            Finding(
                "RF005",
                "warning",
                f"{item.operator.op_type} is not followed: {item.reason}",
                item.operator.label,
                item.tensors[0],
            )
            for item in not_followed(self.model)
        )

    def to_dict(self, tensors: Sequence[str] | None = None) -> Json:
        """Return the JSON report, without the paths."""
        model = self.model
        return {
            "schema": 1,
            "version": __version__,
            "model": {
                "file": model.file,
                "ir_version": model.ir_version,
                "opsets": dict(model.opsets),
                "producer": model.producer,
                "nodes": model.nodes,
            },
            "inputs": [
                {
                    "name": item.name,
                    "shape": list(item.shape),
                    "symbolic": {str(axis): name for axis, name in item.symbolic.items()},
                    "probed": {str(axis): length for axis, length in item.probed.items()},
                    "spatial_axes": list(self.forms[item.name].spatial_axes),
                }
                for item in model.inputs
            ],
            "outputs": [output.to_dict() for output in self.outputs],
            "receptive_fields": [item.to_dict() for item in self.receptive_fields(tensors)],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def covered(self, form: ClosedForm, losses: int, axis: int) -> bool | None:
        """Whether the global paths of a set of losses read every position of an input axis.

        None where the axis is too long to tabulate.
        """
        read: NDArray[np.bool_] | None = None
        for number in _bits(losses):
            masks = self._positions(form, form.losses[number].tensor)
            if masks is None:
                return None
            if axis < len(masks):
                read = masks[axis] if read is None else read | masks[axis]
            if read is not None and read.all():
                return True
        return False

    def _positions(self, form: ClosedForm, tensor: str) -> Masks | None:
        key = (form.input, tensor)
        if key not in self._read:
            try:
                self._read[key] = read_positions(self.graph, form.input, tensor) or ()
            except BoundError:
                self._read[key] = None
        return self._read[key]

    def __repr__(self) -> str:
        return f"Result({self.model.file!r}, tensors={len(self.graph)})"


def analyze(model: Model | Source, **binding: Any) -> Result:
    """Return the closed-form analysis of a model; a path is loaded with `binding` as `load` takes it."""
    loaded = model if isinstance(model, Model) else load(model, **binding)
    forms = {item.name: closed_form(loaded.graph, item.name) for item in loaded.inputs}
    return Result(loaded, forms)


def pick_input(model: Model, name: str | None) -> str:
    """Return the input meant; UsageError with the names to choose from."""
    names = [item.name for item in model.inputs]
    if name is None:
        if len(names) != 1:
            raise UsageError(f"the model has {len(names)} inputs ({some(names)}): name one")
        return names[0]
    if name not in names:
        raise UsageError(f"no input {quoted(name)}; the inputs are {some(names)}")
    return name


def pick_tensor(model: Model, name: str | None) -> str:
    """Return the tensor meant; UsageError with the nearest names."""
    if name is None:
        if len(model.outputs) != 1:
            raise UsageError(
                f"the model has {len(model.outputs)} outputs ({some(model.outputs)}): name one"
            )
        return model.outputs[0]
    if name not in model.graph:
        import difflib

        near = difflib.get_close_matches(name, list(model.graph)[:20000], n=3, cutoff=0.0)
        raise UsageError(f"no tensor {quoted(name)}; the nearest names are {some(near)}")
    return name


def some(names: Sequence[str], limit: int = 5) -> str:
    """Return names for a message, the first few of them."""
    listed = ", ".join(quoted(name) for name in names[:limit])
    return listed + (f" and {len(names) - limit} more" if len(names) > limit else "")


# -- from states to axes -----------------------------------------------------------------------------


def is_local(layout: Layout, axes: Sequence[int]) -> bool:
    """Whether paths of this layout are local on all of `axes`."""
    return all(isinstance(layout[axis], frozenset) for axis in axes)


def has_local_path(form: ClosedForm, tensor: str) -> bool:
    """Whether some path to the tensor is local on every spatial axis."""
    state = form.states.get(tensor)
    return state is not None and any(
        is_local(layout, form.spatial_axes) for layout in state.classes
    )


def _measure_state(
    result: Result, form: ClosedForm, state: State, shape: Shape | None
) -> tuple[bool | None, Mapping[int, Axis]]:
    source_shape: Shape = result.graph.nodes[form.input]["shape"]
    probed = next(item.probed for item in result.model.inputs if item.name == form.input)
    local = {
        layout: fields
        for layout, fields in state.classes.items()
        if is_local(layout, form.spatial_axes)
    }
    axes: dict[int, Axis] = {}
    for axis, length in enumerate(source_shape):
        known = None if axis in probed else length
        found = _axis(axis, state, local, shape, known)
        if found.scope not in ("local", "none"):
            covers = None
            if found.scope == "global" and known is not None:
                covers = result.covered(form, state.through[axis], axis)
            found = replace(found, through=_through(form, state.through[axis]), covers_input=covers)
        axes[axis] = found
    agree = None
    if local:
        agree = _agreement(local.values(), form.spatial_axes)
    return agree, MappingProxyType(axes)


def _agreement(
    local: Iterable[tuple[AxisField | None, ...]], axes: Sequence[int]
) -> bool | None:
    """Whether local paths are aligned on all axes; None if that could not be told on some."""
    listed = list(local)
    verdicts = [
        aligned([field.spread for fields in listed if (field := fields[axis]) is not None])
        for axis in axes
    ]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _through(form: ClosedForm, losses: int) -> tuple[str, ...]:
    """Return the names of the first operators of a set of losses."""
    operators = sorted(
        {form.losses[k].operator for k in _bits(losses)}, key=lambda item: item.index
    )
    return tuple(operator.label for operator in operators[:MAX_THROUGH])


def _bits(number: int) -> Iterator[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def _axis(
    axis: int,
    state: State,
    local: Mapping[Layout, tuple[AxisField | None, ...]],
    shape: Shape | None,
    length: int | None,
) -> Axis:
    scope = _scope([layout[axis] for layout in state.classes])
    if scope == "none" or shape is None:
        return Axis(axis, scope, regular=scope == "none")
    if scope == "local":
        return _local_axis(axis, state.classes, shape, length)
    before = after = None
    if scope == "one-sided":
        united = _united(axis, state.classes, shape)
        if united is not None:
            before, after = bounded_reach(united, shape)
    inner = None
    if local and all(isinstance(layout[axis], frozenset) for layout in local):
        inner = _local_axis(axis, local, shape, length)
    found = Axis(axis, scope, before=before, after=after, local=inner)
    return (
        found if inner is None else replace(found, shortest=inner.shortest, longest=inner.longest)
    )


def _scope(statuses: Sequence[object]) -> Scope:
    if not statuses:
        return "none"
    if Lost.UNKNOWN in statuses:
        return "unknown"
    if Lost.GLOBAL in statuses or ("before" in statuses and "after" in statuses):
        return "global"
    return "one-sided" if "before" in statuses or "after" in statuses else "local"


def _local_axis(
    axis: int,
    classes: Mapping[Layout, tuple[AxisField | None, ...]],
    shape: Shape,
    length: int | None,
) -> Axis:
    united = _united(axis, classes, shape)
    if united is None:
        return Axis(axis, "none")
    numbers = measure(united, shape, shared=_shared(axis, classes))
    covers = None
    if length is not None and numbers.size_min is not None:
        covers = numbers.size_min >= length
    return _axis_of(axis, numbers, covers=covers)


def _axis_of(axis: int, numbers: Numbers, *, covers: bool | None) -> Axis:
    return Axis(
        axis,
        "local",
        numbers.size,
        numbers.size_min,
        numbers.stride,
        numbers.start,
        numbers.center,
        numbers.before,
        numbers.after,
        numbers.period,
        numbers.shortest,
        numbers.longest,
        covers,
        numbers.regular,
    )


def _united(
    axis: int, classes: Mapping[Layout, tuple[AxisField | None, ...]], shape: Shape
) -> AxisField | None:
    fields = [found for fields in classes.values() if (found := fields[axis]) is not None]
    if len(fields) <= 1:
        return fields[0] if fields else None
    pieces = merge_pieces((piece for item in fields for piece in item.pieces), shape)
    return AxisField(pieces, merge_spreads([item.spread for item in fields]))


def _shared(axis: int, classes: Mapping[Layout, object]) -> bool:
    """Whether another input axis lies on the same tensor axis."""
    for layout in classes:
        mine = layout[axis]
        if isinstance(mine, frozenset) and any(
            isinstance(other, frozenset) and mine & other
            for number, other in enumerate(layout)
            if number != axis
        ):
            return True
    return False


def _before_global(graph: Graph, form: ClosedForm, output: str) -> list[str]:
    """Walk back from an output without a local path to the last tensors that have one.

    A tensor that only flattens its spatial axes together stands for the feature map before it.
    """
    if output not in form.states or has_local_path(form, output):
        return []
    found: dict[str, None] = {}
    seen = {output}
    stack = [output]
    while stack:
        for before in graph.pred[stack.pop()]:
            if before in seen or before not in form.states:
                continue
            seen.add(before)
            if has_local_path(form, before):
                found[_unflattened(graph, form, before)] = None
            else:
                stack.append(before)
    return list(found)


def _unflattened(graph: Graph, form: ClosedForm, tensor: str) -> str:
    """Step back over moves of elements while the spatial axes lie merged with others."""
    at = tensor
    while _is_merged(form, at):
        edges = [
            (before, data) for before, many in graph.pred[at].items() for data in many.values()
        ]
        if len(edges) != 1 or edges[0][0] not in form.states:
            return tensor
        before, data = edges[0]
        relation = data["relation"]
        if not relation.is_identity and not all(
            isinstance(step, Regroup | Permute) for step in relation.steps
        ):
            return tensor
        at = before
    return at


def _is_merged(form: ClosedForm, tensor: str) -> bool:
    local = [
        layout for layout in form.states[tensor].classes if is_local(layout, form.spatial_axes)
    ]
    return any(_shared(axis, dict.fromkeys(local)) for axis in form.spatial_axes)
