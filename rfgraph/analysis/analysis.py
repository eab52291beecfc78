"""The analysis of a model: its closed forms, and the fields that are measured from them."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from rfgraph.analysis.before_global import before_global, in_order_of
from rfgraph.analysis.field import Finding, Output, ReceptiveField
from rfgraph.analysis.loading import load
from rfgraph.analysis.names import pick_input, pick_tensor, pick_tensors
from rfgraph.analysis.not_followed import not_followed
from rfgraph.analysis.ranges import is_range
from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.domains.fields.meter import Meter, Seen
from rfgraph.domains.scope import Scope
from rfgraph.errors import BoundError, UsageError
from rfgraph.relations.graph import Model, producer_of, shape_of
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.examined import Examined
    from rfgraph.analysis.other_lengths import OtherLengths
    from rfgraph.domains.fields.layout import ClosedForm, State
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Graph, ModelInput


class Analysis:
    """What is known of one model: `forms` by graph input; fields are measured when asked for."""

    def __init__(self, model: Model, forms: Mapping[str, ClosedForm]) -> None:
        self.model = model
        self.forms = forms
        self._meters: dict[str, Meter] = {}
        self._seen: Seen = {}
        self._alike: dict[object, list[tuple[str, ...]]] = {}
        self._examined: Examined | None = None

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
        source, name = self.pair(tensor, input)
        return self._field(name, source)

    def pair(self, tensor: str | None, input: str | None) -> tuple[str, str]:
        """Return the input and the tensor meant; UsageError where it does not reach that."""
        source, name = self._pick_input(input), pick_tensor(self.model, tensor)
        if name not in self.forms[source]:
            raise UsageError(f"input {quote(source)} does not reach tensor {quote(name)}")
        return source, name

    def _pick_input(self, name: str | None) -> str:
        """Return the input meant, without a search where it is one by name."""
        if isinstance(name, str) and name in self.forms:
            return name
        return pick_input(self.model, name)

    def receptive_fields(
        self, tensors: Sequence[str] | None = None, inputs: Sequence[str] | None = None
    ) -> Iterator[ReceptiveField]:
        """Yield the fields of `tensors` (default: all) on every one of `inputs` that reaches them.

        By default on all inputs of the model.
        """
        sources = self.forms if inputs is None else map(self._pick_input, inputs)
        forms = [(source, self.forms[source]) for source in sources]
        for name in self.graph if tensors is None else pick_tensors(self.model, tensors):
            yield from (self._field(name, source) for source, form in forms if name in form)

    def alike_inputs(self, tensor: str) -> list[tuple[str, ...]]:
        """Return the inputs that reach a tensor, those together of which the same is to be said.

        They are of one shape, open on the same axes, and what leads from them to the tensor reads
        alike. In the order of the file.
        """
        every = [alike for group in self.groups(tensor) for alike in self._apart(group)]
        if len(every) > 1:
            every.sort(key=lambda names: self.forms[names[0]].number)
        return every

    def groups(self, tensor: str) -> tuple[State, ...]:
        """Return what is known of a tensor, once for all inputs that it reads alike."""
        form = next(iter(self.forms.values()), None)
        return () if form is None else form.groups.get(tensor, ())

    def _apart(self, group: State) -> list[tuple[str, ...]]:
        """Return the names of a group of inputs, by what the file says of them and by losses."""
        axes = range(len(group.lengths))
        scopes = [{layout.scopes[axis] for layout in group.classes} for axis in axes]
        sided = [axis for axis in axes if scopes[axis] & {Scope.BEFORE, Scope.AFTER}]
        lost = [axis for axis in axes if scopes[axis] - {Scope.LOCAL}]
        key = group.inputs, id(group.apart), tuple(lost), tuple(sided)
        if key not in self._alike:
            said: dict[object, list[str]] = {}
            for number in sorted(group.inputs):
                item, losses = self.model.inputs[number], group.losses(number)
                spatial = self.forms[item.name].spatial_axes
                told = tuple(losses[a] for a in lost if a in (*spatial, *sided))
                said.setdefault((item.facts, spatial, told), []).append(item.name)
            self._alike[key] = list(map(tuple, said.values()))
        return self._alike[key]

    def input(self, name: str) -> ModelInput:
        """Return a graph input by its name."""
        return self._inputs[name]

    @cached_property
    def _inputs(self) -> dict[str, ModelInput]:
        return {item.name: item for item in self.model.inputs}

    @cached_property
    def edges(self) -> int:
        """The number of edges of the graph."""
        return self.graph.number_of_edges()

    def _field(self, tensor: str, source: str) -> ReceptiveField:
        operator = producer_of(self.graph, tensor)
        agree, axes = self._meter(source).measure(tensor)
        return ReceptiveField(
            tensor,
            None if operator is None else operator.label,
            None if operator is None else operator.op_type,
            shape_of(self.graph, tensor),
            source,
            agree,
            axes,
        )

    def _meter(self, source: str) -> Meter:
        if source not in self._meters:
            probed = self.input(source).probed
            longer = partial(self._longer_meter, source)
            self._meters[source] = Meter(
                self.graph, self.forms[source], probed, is_range, self._seen, longer=longer
            )
        return self._meters[source]

    def _longer_meter(self, source: str) -> Meter | None:
        """Return the meter of an input on which every probed length is doubled."""
        return None if self._longer is None else self._longer._meter(source)

    @cached_property
    def _longer(self) -> Analysis | None:
        model = None if self.model.longer is None else self.model.longer()
        try:
            return None if model is None else Analysis(model, forms_of(model))
        except BoundError:
            return None

    @cached_property
    def lengths(self) -> OtherLengths:
        """What gives the model at other lengths."""
        from rfgraph.analysis.other_lengths import other_lengths

        return other_lengths(self.model)

    def examine(self, tensor: str) -> Examined:
        """Return what is worked out of a tensor, with what was so if it was asked for last."""
        if self._examined is None or self._examined.tensor != tensor:
            from rfgraph.analysis.examined import Examined

            self._examined = Examined(self.lengths, tensor)
        return self._examined

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The graph outputs."""
        return tuple(
            Output(name, shape_of(self.graph, name), self.before_global(name))
            for name in self.model.outputs
        )

    def before_global(self, output: str, input: str | None = None) -> tuple[str, ...]:
        """Return the tensors on the way to `output` after which no path is local, none if one is.

        Of the paths from one `input`, or from any.
        """
        output = pick_tensor(self.model, output)
        sources = self.forms if input is None else [self._pick_input(input)]
        before: dict[str, None] = {}
        for name in sources:
            before.update(dict.fromkeys(before_global(self.graph, self.forms[name], output)))
        return in_order_of(self.graph, before)

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

    def __reduce__(self) -> tuple[type[Analysis], tuple[Model, Mapping[str, ClosedForm]]]:
        # Without the meters: they know states by their place in this process's memory.
        return type(self), (self.model, self.forms)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model.file!r}, tensors={len(self.graph)})"


def forms_of(model: Model, input: str | None = None) -> dict[str, ClosedForm]:
    """Return the closed form of one input of a model, or of every one."""
    names = [item.name for item in model.inputs] if input is None else [pick_input(model, input)]
    return closed_forms(model.graph, names)


def analysis_of(model: Model | Analysis | Source, input: str | None = None) -> Analysis:
    """Return an analysis as it is, and that of anything else, on one input or on all."""
    if isinstance(model, Analysis):
        return model
    loaded = model if isinstance(model, Model) else load(model)
    return Analysis(loaded, forms_of(loaded, input))


def pair_asked(
    model: Model | Analysis | Source, tensor: str | None, input: str | None
) -> tuple[Analysis, str, str]:
    """Return the analysis, the input and the tensor meant; UsageError where it is not reached."""
    result = analysis_of(model)
    return result, *result.pair(tensor, input)
