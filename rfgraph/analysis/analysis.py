"""What ties it all together: load a model, analyse it, pick inputs and tensors by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rfgraph.analysis.before_global import before_global
from rfgraph.analysis.field import Finding, Output, ReceptiveField
from rfgraph.analysis.names import pick_input, pick_tensor
from rfgraph.analysis.not_followed import not_followed
from rfgraph.analysis.ranges import is_range
from rfgraph.domains.fields.numbers import Meter
from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.relations.graph import Graph, Model, Operator


@dataclass(slots=True)
class Result:
    """The analysis of one model; fields are measured when they are asked for.

    `outputs` and `findings` are values; `receptive_field` gives one field, `receptive_fields` all
    of them in topological order.
    """

    model: Model
    forms: Mapping[str, ClosedForm]
    _meters: dict[str, Meter] = field(default_factory=dict, repr=False)

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
            self._meters[source] = Meter(self.graph, self.forms[source], probed, is_range)
        return self._meters[source]

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
        from rfgraph.analysis.document import contents
        from rfgraph.analysis.view import View

        inputs = tuple(item.name for item in self.model.inputs)
        names = None if tensors is None else [pick_tensor(self.model, name) for name in tensors]
        return contents(View(self, inputs, None if names is None else tuple(dict.fromkeys(names))))

    def __repr__(self) -> str:
        return f"Result({self.model.file!r}, tensors={len(self.graph)})"

    def _repr_html_(self) -> str:
        from rfgraph.analysis.result import result_html

        return result_html(self)
