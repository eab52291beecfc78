"""What ties it all together: load a model, analyse it, pick inputs and tensors by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from rfgraph.arguments import dims as checked_dims
from rfgraph.arguments import mapping, shapes, text, texts
from rfgraph.domains.closed_form import closed_forms
from rfgraph.domains.unknown import not_followed
from rfgraph.errors import (
    BoundError,
    RfgraphError,
    UsageError,
    keywords_named,
    printable,
    quoted,
    shown_path,
)
from rfgraph.fields import Finding, Output, ReceptiveField
from rfgraph.graph import Model
from rfgraph.local_paths import before_global
from rfgraph.measuring import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike

    from rfgraph.domains.closed_form import ClosedForm
    from rfgraph.fields import Json
    from rfgraph.graph import Graph, Operator
    from rfgraph.ops.registry import Rule
    from rfgraph.sources import Source

# Of names, to find the nearest of.
MAX_COMPARED = 20_000


@keywords_named
def load(
    source: Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
) -> Model:
    """Return an ONNX model as a graph of data dependences, without reading its weights.

    `source` is a path, bytes, a binary file object, an onnx.ModelProto, an onnx_ir.Model or what an
    exporter returns (torch.onnx.export's program). `input_shapes` binds the dimensions of inputs
    (the name "" stands for the only input), `dims` symbols of the file in every input that has
    them. What is left open has the length that the file fixes, by arithmetic or by a weight, else
    one that is probed; either is reported. `input_values` makes inputs constants. `rules` are your
    own, by (domain, operator); they come before those of rfgraph. With `masks`, constants that are
    added to the scores of an attention, or put in their place, are looked at: a score whose
    constant lies 87.34 or more below the highest of its row has a weight of zero (less than any
    normal float32), which cuts the dependence. Scores themselves are taken to differ by less than
    what is left of that, and data to leave each row a key. `Model.masks` says where. Raises
    RfgraphError, one line that names file, node or tensor.
    """
    from rfgraph.onnxfile.load import as_array
    from rfgraph.onnxfile.load import load as load_file

    bound = shapes(input_shapes)
    values = {
        text("input_values", name): as_array(name, value)
        for name, value in mapping("input_values", input_values).items()
    }
    own = _own_rules(rules) if rules else {}
    try:
        return load_file(source, bound, values, own, dims=checked_dims(dims), masks=masks)
    except RfgraphError as error:
        raise type(error)(f"{source_name(source)}: {error}") from error.__cause__


def _own_rules(rules: object) -> dict[tuple[str, str], Rule]:
    from rfgraph.onnxfile.own_rules import own_rules

    return own_rules(mapping("rules", rules))


def source_name(source: object) -> str:
    """Return what to call a model source in a message."""
    if isinstance(source, str | os.PathLike):
        return shown_path(os.fsdecode(source))
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

        A node stands for the tensor that it makes.
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
        for name in self.graph if tensors is None else pick_tensors(self.model, tensors):
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
        output = pick_tensor(self.model, output)
        sources = self.forms if input is None else [pick_input(self.model, input)]
        found: dict[str, None] = {}
        for name in sources:
            found.update(dict.fromkeys(before_global(self.graph, self.forms[name], output)))
        return _in_order(self.graph, found)

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
        names = None if tensors is None else pick_tensors(self.model, tensors)
        return contents(View(self, inputs, names))

    def __reduce__(self) -> tuple[type[Result], tuple[Model, Mapping[str, ClosedForm]]]:
        # Without the meters: they know states by their place in this process's memory.
        return Result, (self.model, self.forms)

    def __repr__(self) -> str:
        return f"Result({self.model.file!r}, tensors={len(self.graph)})"

    def _repr_html_(self) -> str:
        from rfgraph.report.notebook import result_html

        return result_html(self)


@keywords_named
def analyze(
    model: Model | Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
) -> Result:
    """Return the closed-form analysis of a model.

    A source is loaded first, and the keywords are those of `load`. UsageError where one is given
    for a model that is loaded already.
    """
    if isinstance(model, Model):
        refuse_binding(
            input_shapes=input_shapes,
            input_values=input_values,
            dims=dims,
            rules=rules,
            masks=masks,
        )
        loaded = model
    else:
        loaded = load(
            model,
            input_shapes=input_shapes,
            input_values=input_values,
            dims=dims,
            rules=rules,
            masks=masks,
        )
    return Result(loaded, closed_forms(loaded.graph, [item.name for item in loaded.inputs]))


def refuse_binding(**given: object) -> None:
    """Raise UsageError for a keyword of `load` that is given with a model that is loaded."""
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} is said when a model is loaded, and this one is: give it to rfgraph.load"
            )


def pick_input(model: Model, name: str | None) -> str:
    """Return the input meant; UsageError with the names to choose from."""
    names = [item.name for item in model.inputs]
    if name is None:
        if len(names) != 1:
            raise UsageError(f"the model has {len(names)} inputs ({some(names)}): name one")
        return names[0]
    if text("input", name) not in names:
        raise UsageError(f"no input {quoted(name)}; the inputs are {some(names)}")
    return name


def pick_tensor(model: Model, name: str | None) -> str:
    """Return the tensor meant, a node standing for what it makes; by default the only output.

    UsageError with the names to choose from: of several outputs, and where there is no such name
    the nearest.
    """
    if name is None:
        if len(model.outputs) != 1:
            raise UsageError(
                f"the model has {len(model.outputs)} outputs ({some(model.outputs)}): name one"
            )
        return model.outputs[0]
    if text("tensor", name) in model.graph:
        return name
    made = made_by(model.graph, name)
    if not made:
        check_name(model, name, "tensor")
    if len(made) > 1:
        raise UsageError(f"node {quoted(name)} makes {len(made)} tensors ({some(made)}): name one")
    return made[0]


def pick_tensors(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """Return the distinct tensors meant, as by `pick_tensor`."""
    return tuple(dict.fromkeys(pick_tensor(model, name) for name in texts("tensors", names)))


def check_name(model: Model, name: str, what: str = "node or tensor") -> None:
    """Raise UsageError, with the nearest names, for what is neither a tensor nor a node.

    `what` says what was asked for.
    """
    tensors = list(model.graph)
    labels = {one.label for one in map(_producer(model.graph), tensors) if one is not None}
    if name not in model.graph and name not in labels:
        import difflib

        names = dict.fromkeys([*tensors[:MAX_COMPARED], *sorted(labels)[:MAX_COMPARED]])
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
        raise UsageError(f"no {what} {quoted(name)}; the nearest names are {some(near)}")


def made_by(graph: Graph, label: str) -> list[str]:
    """Return the tensors that a node makes, but not those that only it reads itself."""
    producer = _producer(graph)
    found = [name for name in graph if (made := producer(name)) is not None and made.label == label]
    return [
        name
        for name in found
        if not any(producer(after) is producer(name) for after in graph.succ[name])
    ]


def _producer(graph: Graph) -> Callable[[str], Operator | None]:
    nodes = graph.nodes
    return lambda name: nodes[name]["producer"]


def local_ends(model: Model, form: ClosedForm, output: str) -> tuple[str, ...]:
    """Return where the local paths from one input to an output end.

    At the output or, where none reaches it, at its `before_global` tensors.
    """
    return _in_order(model.graph, before_global(model.graph, form, output)) or (output,)


def _in_order(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    """Return tensors in topological order."""
    order = {name: number for number, name in enumerate(graph)} if len(names) > 1 else {}
    return tuple(sorted(names, key=lambda name: order.get(name, 0)))


def some(names: Sequence[str], limit: int = 5) -> str:
    """Return names for a message, the first few of them."""
    listed = ", ".join(quoted(name) for name in names[:limit])
    return listed + (f" and {len(names) - limit} more" if len(names) > limit else "")
