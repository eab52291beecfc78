"""What ties it all together: load a model, analyse it, pick inputs and tensors by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from rfgraph.domains.closed_form import closed_forms
from rfgraph.domains.unknown import not_followed
from rfgraph.errors import BoundError, RfgraphError, UsageError, printable, quoted, shown_path
from rfgraph.fields import Finding, Output, ReceptiveField
from rfgraph.graph import Model
from rfgraph.local_paths import before_global
from rfgraph.measuring import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import onnx
    from numpy.typing import ArrayLike

    from rfgraph.domains.closed_form import ClosedForm
    from rfgraph.fields import Json
    from rfgraph.graph import Graph, Operator
    from rfgraph.ops.registry import Rule

Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto"


def load(
    source: Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
) -> Model:
    """Return an ONNX model as a graph of data dependences, without reading its weights.

    `source` is a path, bytes, a binary file object or an onnx.ModelProto. `input_shapes` binds the
    dimensions of inputs (the name "" stands for the only input); dimensions left open are probed
    and reported. `input_values` makes inputs constants. `rules` are your own, by (domain,
    operator); they come before those of rfgraph. With `masks`, constants that are added to the
    scores of an attention, or put in their place, are looked at: a score whose constant lies 87.34
    or more below the highest of its row has a weight of zero (less than any normal float32), which
    cuts the dependence. Scores themselves are taken to differ by less than what is left of that,
    and data to leave each row a key. `Model.masks` says where. Raises RfgraphError, one line that
    names file, node or tensor.
    """
    from rfgraph.onnxfile.load import as_array
    from rfgraph.onnxfile.load import load as load_file

    shapes = {name: tuple(int(n) for n in shape) for name, shape in (input_shapes or {}).items()}
    values = {name: as_array(value) for name, value in (input_values or {}).items()}
    try:
        return load_file(source, shapes, values, rules or {}, masks=masks)
    except RfgraphError as error:
        raise type(error)(f"{source_name(source)}: {error}") from None


def source_name(source: object) -> str:
    """Return what to call a model source in a message."""
    if isinstance(source, str | os.PathLike):
        return shown_path(os.fspath(source))
    return "<bytes>" if isinstance(source, bytes) else f"<{type(source).__name__}>"


@dataclass(slots=True)
class Result:
    """The analysis of one model; fields are measured when they are asked for.

    `outputs` and `findings` are values; `receptive_field` gives one field, `receptive_fields` all
    of them in topological order.
    """

    model: Model
    forms: Mapping[str, ClosedForm]
    _meters: dict[str, Meter] = field(default_factory=dict, repr=False)
    # The analysis at doubled lengths once it was asked for: none or one.
    _longer: tuple[Result, ...] | None = field(default=None, repr=False)

    @property
    def graph(self) -> Graph:
        """The model's graph."""
        return self.model.graph

    def receptive_field(
        self, tensor: str | None = None, input: str | None = None
    ) -> ReceptiveField:
        """Return the field of `tensor` on `input`; by default the only output on the only input.

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
        agree, axes = self._meter(source).measured(tensor)
        return ReceptiveField(
            tensor,
            None if operator is None else operator.label,
            None if operator is None else operator.op_type,
            data["shape"],
            source,
            agree,
            axes,
        )

    def _meter(self, source: str) -> Meter:
        if source not in self._meters:
            probed = next(item.probed for item in self.model.inputs if item.name == source)
            longer = partial(self._longer_meter, source)
            self._meters[source] = Meter(self.graph, self.forms[source], probed, longer)
        return self._meters[source]

    def _longer_meter(self, source: str) -> Meter | None:
        """Return the meter of an input on which every probed length is doubled."""
        if self._longer is None:
            model = self.model.longer() if self.model.longer is not None else None
            try:
                self._longer = () if model is None else (analyze(model),)
            except BoundError:
                self._longer = ()
        return self._longer[0]._meter(source) if self._longer else None

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The graph outputs."""
        nodes = self.graph.nodes
        return tuple(
            Output(name, nodes[name]["shape"], self.before_global(name))
            for name in self.model.outputs
        )

    def before_global(self, output: str, input: str | None = None) -> tuple[str, ...]:
        """Return the tensors on the way to `output` after which no path is local, none if one is.

        Of the paths from one `input`, or from any.
        """
        found: dict[str, None] = {}
        for name, form in self.forms.items():
            if input in (None, name):
                found.update(dict.fromkeys(before_global(self.graph, form, output)))
        order = {name: number for number, name in enumerate(self.graph)} if len(found) > 1 else {}
        return tuple(sorted(found, key=lambda name: order.get(name, 0)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the analysis could not follow."""
        return tuple(
            Finding(
                "RF005",
                "warning",
                f"{printable(item.operator.op_type)} is not followed: {item.reason}",
                item.operator.label,
                item.tensors[0],
            )
            for item in not_followed(self.model)
        )

    def to_dict(self, tensors: Sequence[str] | None = None) -> Json:
        """Return the JSON report of `rfgraph MODEL`, or that of `tensors` as by its `--tensor`.

        The paths to them are counted for it; `receptive_fields` alone counts none. Raises
        UsageError, with the nearest names, for a tensor that does not exist.
        """
        from rfgraph.report.document import contents
        from rfgraph.report.view import View

        inputs = tuple(item.name for item in self.model.inputs)
        names = None if tensors is None else [pick_tensor(self.model, name) for name in tensors]
        return contents(View(self, inputs, None if names is None else tuple(dict.fromkeys(names))))

    def __repr__(self) -> str:
        return f"Result({self.model.file!r}, tensors={len(self.graph)})"

    def _repr_html_(self) -> str:
        from rfgraph.report.notebook import result_html

        return result_html(self)


def analyze(model: Model | Source, **binding: Any) -> Result:
    """Return the closed-form analysis of a model; a path is loaded with `binding` as by `load`."""
    loaded = model if isinstance(model, Model) else load(model, **binding)
    return Result(loaded, closed_forms(loaded.graph, [item.name for item in loaded.inputs]))


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
