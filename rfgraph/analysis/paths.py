"""Actual paths of a tensor, one by one, largest or smallest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from rfgraph.analysis.analysis import analysis_of
from rfgraph.analysis.before_global import local_ends
from rfgraph.analysis.names import check_name, pick_input, pick_tensor
from rfgraph.arguments import describe, keywords_named, texts
from rfgraph.domains.paths.states import Question, state_graph
from rfgraph.errors import UsageError
from rfgraph.frozen import FrozenDict
from rfgraph.wording.names import quote, some_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.domains.fields.axis import Json
    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.graph import Model


Count: TypeAlias = Literal["routes", "paths"]


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


def question(
    result: Analysis,
    tensor: str | None,
    source: str | None,
    count: str,
    through: Sequence[str],
    avoiding: Sequence[str],
) -> Question:
    """Return which paths are meant; UsageError for what there is not."""
    model = result.model
    if count not in ("routes", "paths"):
        raise UsageError(f"count requires 'routes' or 'paths', found {describe(count)}")
    form = result.forms[pick_input(model, source)]
    passed, avoided = texts("through", through), texts("avoiding", avoiding)
    for wanted in (*passed, *avoided):
        check_name(model, wanted)
    target = _default_tensor(model, form) if tensor is None else pick_tensor(model, tensor)
    return Question(model.graph, form, target, count, tuple(passed), tuple(avoided))


def _default_tensor(model: Model, form: ClosedForm) -> str:
    """Return where local paths to the outputs end; UsageError if that is not one tensor."""
    ends = [end for output in model.outputs for end in local_ends(model, form, output)]
    tensors = list(dict.fromkeys(ends))
    if len(tensors) != 1:
        raise UsageError(
            f"paths from {quote(form.input)} lead to {len(tensors)} tensors "
            f"({some_quoted(tensors)}): name one as tensor"
        )
    return tensors[0]


@keywords_named
def paths(
    model: Model | Analysis | Source,
    tensor: str | None = None,
    input: str | None = None,
    *,
    order: Literal["largest", "smallest"] = "largest",
    count: Count = "routes",
    through: Sequence[str] = (),
    avoiding: Sequence[str] = (),
) -> Iterator[Path]:
    """Yield the paths that are local on every spatial axis, largest (or smallest) first, lazily.

    The defaults of `tensor` and `input` are those of `path_histogram`. The order is lexicographic
    over the spatial axes, ties by the operators' order in the file. With "routes", one path stands
    for all that differ only in pointwise edges. UsageError for unknown names or orders.
    """
    if order not in ("largest", "smallest"):
        raise UsageError(f"order requires 'largest' or 'smallest', found {describe(order)}")
    asked = question(analysis_of(model, input), tensor, input, count, through, avoiding)
    return _paths(asked, largest=order == "largest")


def _paths(asked: Question, *, largest: bool) -> Iterator[Path]:
    from rfgraph.domains.paths.listing import in_order

    axes = asked.form.spatial_axes
    states = state_graph(asked, axes, asked.plan(listed=True))
    for edges, sizes in in_order(states, largest=largest):
        operators = [edge.operator for edge in edges]
        yield Path(
            tuple(operator.label for operator in operators),
            sizes,
            FrozenDict(dict(zip(axes, sizes, strict=True))),
            tuple(operator.op_type for operator in operators),
        )


def walks_by_size(
    result: Analysis, tensor: str, source: str, axis: int, most: int
) -> dict[int, tuple[str, ...]]:
    """Return by size along a spatial axis the tensors on one route of that size.

    Of the routes that are local on every spatial axis; at most `most`, evenly chosen, with the
    smallest and the largest among them. BoundError where there are too many sizes on the way.
    """
    from rfgraph.domains.paths.listing import of_each_size

    asked = question(result, tensor, source, "routes", (), ())
    axes = asked.form.spatial_axes
    place = axes.index(axis)
    walks = list(of_each_size(state_graph(asked, axes, asked.plan(listed=True)), place))
    last = len(walks) - 1
    chosen = {last * number // (most - 1) for number in range(most)}
    return {
        sizes[place]: (source, *(edge.target for edge in edges))
        for number, (edges, sizes) in enumerate(walks)
        if last < most or number in chosen
    }
