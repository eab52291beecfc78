"""Actual paths of a tensor, one by one, largest or smallest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from rfgraph.analysis.analysis import Result
from rfgraph.analysis.names import pick_input, pick_tensor, some
from rfgraph.analysis.result import analyze
from rfgraph.domains.fields.closed_form import closed_forms
from rfgraph.domains.paths.listing import in_order
from rfgraph.domains.paths.states import Question, state_graph
from rfgraph.errors import UsageError
from rfgraph.relations.graph import Model
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.loading import Source
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.fields.layout import ClosedForm


Count: TypeAlias = Literal["routes", "paths"]
Order: TypeAlias = Literal["largest", "smallest"]


@dataclass(frozen=True, slots=True)
class Path:
    """One path: the operators it passes, in order, and its sizes on the spatial axes of the input.

    `axes` maps those axes, by number, to the sizes.
    """

    nodes: tuple[str, ...]
    sizes: tuple[int, ...]
    axes: Mapping[int, int] = field(repr=False)
    op_types: tuple[str, ...] = field(repr=False)

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {"size": list(self.sizes), "nodes": list(self.nodes)}


def _loaded(model: Model | Result | Source) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, Result):
        return model.model
    return analyze(model).model


def _question(
    result: Result | None,
    model: Model,
    tensor: str | None,
    source: str | None,
    count: str,
    through: Sequence[str],
    avoiding: Sequence[str],
) -> Question:
    if count not in ("routes", "paths"):
        raise UsageError(f"count requires 'routes' or 'paths', found {quoted(count)}")
    name = pick_input(model, source)
    form = result.forms[name] if result else _form(model, name)
    for wanted in (*through, *avoiding):
        _check_name(model, wanted)
    return Question(
        model.graph, form, pick_tensor(model, tensor), count, tuple(through), tuple(avoiding)
    )


def _form(model: Model, name: str) -> ClosedForm:
    cache: dict[str, ClosedForm] = model.graph.graph.setdefault("closed_forms", {})
    if name not in cache:
        cache |= closed_forms(model.graph, [name])
    return cache[name]


def _check_name(model: Model, wanted: str) -> None:
    if wanted in model.graph:
        return
    labels = {
        data["producer"].label
        for _, data in model.graph.nodes(data=True)
        if data["producer"] is not None
    }
    if wanted not in labels:
        import difflib

        near = difflib.get_close_matches(wanted, sorted(labels)[:20000], n=3, cutoff=0.0)
        raise UsageError(f"no node or tensor {quoted(wanted)}; the nearest names are {some(near)}")


def paths(
    model: Model | Result | Source,
    tensor: str | None = None,
    input: str | None = None,
    *,
    order: Order = "largest",
    count: Count = "routes",
    through: Sequence[str] = (),
    avoiding: Sequence[str] = (),
) -> Iterator[Path]:
    """Yield the paths that are local on every spatial axis, largest (or smallest) first, lazily.

    The order is lexicographic over the spatial axes, ties by the operators' order in the file. With
    "routes", one path stands for all that differ only in pointwise edges. UsageError for unknown
    names or orders.
    """
    if order not in ("largest", "smallest"):
        raise UsageError(f"order requires 'largest' or 'smallest', found {quoted(order)}")
    result = model if isinstance(model, Result) else None
    question = _question(result, _loaded(model), tensor, input, count, through, avoiding)
    return _paths(question, largest=order == "largest")


def _paths(question: Question, *, largest: bool) -> Iterator[Path]:
    axes = question.form.spatial_axes
    made = state_graph(question, axes, question.plan())
    for found in in_order(made, largest=largest):
        operators = [edge.operator for edge in found.edges]
        yield Path(
            tuple(operator.label for operator in operators),
            found.sizes,
            MappingProxyType(dict(zip(axes, found.sizes, strict=True))),
            tuple(operator.op_type for operator in operators),
        )
