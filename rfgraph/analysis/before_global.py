"""Which paths are local on the spatial axes, and where on the way to an output they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.fields.layout import _local_layouts, has_local_path, sharing
from rfgraph.domains.fields.pieces import Mapped
from rfgraph.relations.steps import Permute, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.relations.graph import Graph


def before_global(graph: Graph, form: ClosedForm, output: str) -> list[str]:
    """Return the last tensors with a local path on the way to an output that has none.

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
    chain = [tensor, *_moved_from(graph, form, tensor)]
    apart = [at for at in chain if not _is_merged(form, at)]
    if not apart:
        return tensor
    rank = len(graph.nodes[form.input]["shape"])
    whole = next((at for at in apart if len(graph.nodes[at]["shape"] or ()) >= rank), apart[0])
    # What only lost an axis of one position, by a Squeeze, still has the same maps.
    return apart[0] if _maps(form, apart[0]) == _maps(form, whole) else whole


def _moved_from(graph: Graph, form: ClosedForm, tensor: str) -> Iterator[str]:
    """Yield the tensors back from one to which only moves of elements, and no other data, lead."""
    at = tensor
    while True:
        edges = [
            (before, data) for before, many in graph.pred[at].items() for data in many.values()
        ]
        if len(edges) != 1 or edges[0][0] not in form.states:
            return
        at, data = edges[0]
        relation = data["relation"]
        if not relation.is_identity and not all(
            isinstance(step, Regroup | Permute) for step in relation.steps
        ):
            return
        yield at


def _is_merged(form: ClosedForm, tensor: str) -> bool:
    local = _local_layouts(form, tensor)
    return any(sharing(axis, local) for axis in form.spatial_axes)


def _maps(form: ClosedForm, tensor: str) -> set[tuple[int, object]]:
    """Return how local paths run along each spatial axis, whichever tensor axes carry them."""
    classes = form.states[tensor].classes
    return {
        (axis, piece.map if isinstance(piece, Mapped) else None)
        for layout in _local_layouts(form, tensor)
        for axis in form.spatial_axes
        if (field := classes[layout][axis]) is not None
        for piece in field.pieces
    }
