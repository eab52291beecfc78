"""Which paths are local on the spatial axes, and where on the way to an output they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.domains.fields.layout import has_local_path, local_layouts
from rfgraph.domains.fields.pieces import Mapped
from rfgraph.domains.moved import Moved, flatten
from rfgraph.relations.graph import edges_into, input_shape, shape_of
from rfgraph.relations.steps import Permute, Regroup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rfgraph.domains.fields.layout import ClosedForm
    from rfgraph.domains.movement import Movement
    from rfgraph.relations.graph import Graph, Model


def local_ends(model: Model, form: ClosedForm, output: str) -> tuple[str, ...]:
    """Return where the local paths from one input to an output end.

    At the output or, where none reaches it, at its `before_global` tensors.
    """
    return in_order_of(model.graph, before_global(model.graph, form, output)) or (output,)


def in_order_of(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    """Return tensors in topological order."""
    order = {name: number for number, name in enumerate(graph)} if len(names) > 1 else {}
    return tuple(sorted(names, key=lambda name: order.get(name, 0)))


def before_global(graph: Graph, form: ClosedForm, output: str) -> list[str]:
    """Return the last tensors with a local path on the way to an output that has none.

    A tensor that only flattens its spatial axes together stands for the feature map before it. The
    input itself is none: it is no layer's.
    """
    if output not in form or has_local_path(form, output):
        return []
    last: dict[str, None] = {}
    seen = {output}
    stack = [output]
    while stack:
        for before in graph.pred[stack.pop()]:
            if before in seen or before not in form:
                continue
            seen.add(before)
            if has_local_path(form, before):
                last[_before_flattening(graph, form, before)] = None
            else:
                stack.append(before)
    return [name for name in last if name != form.input]


def _before_flattening(graph: Graph, form: ClosedForm, tensor: str) -> str:
    """Step back over moves of elements while the spatial axes lie merged with others."""
    chain = [tensor, *_before_moves(graph, form, tensor)]
    apart = [at for at in chain if not _is_merged(form, at)]
    if not apart:
        return tensor
    rank = len(input_shape(graph, form.input))
    whole = next((at for at in apart if len(shape_of(graph, at) or ()) >= rank), apart[0])
    # What only lost an axis of one position, by a Squeeze, still has the same maps.
    return apart[0] if _maps(form, apart[0]) == _maps(form, whole) else whole


def _before_moves(graph: Graph, form: ClosedForm, tensor: str) -> Iterator[str]:
    """Yield the tensors back from one to which only moves of elements, and no other data, lead."""
    at = tensor
    while True:
        edges = list(edges_into(graph, at))
        if len(edges) != 1 or edges[0].source not in form:
            return
        at, relation = edges[0].source, edges[0].relation
        if not relation.is_identity and not all(
            isinstance(step, Regroup | Permute) for step in relation.steps
        ):
            return
        yield at


def _is_merged(form: ClosedForm, tensor: str) -> bool:
    local = local_layouts(form, tensor)
    return any(layout.sharing_axes(axis) for layout in local for axis in form.spatial_axes)


def _maps(form: ClosedForm, tensor: str) -> set[tuple[int, object]]:
    """Return how local paths run along each spatial axis, whichever tensor axes carry them."""
    classes = form[tensor].classes
    return {
        (axis, piece.map if isinstance(piece, Mapped) else None)
        for layout in local_layouts(form, tensor)
        for axis in form.spatial_axes
        if (field := classes[layout][axis]) is not None
        for piece in field.pieces
    }


def before_stops(
    graph: Graph, source: str, stopped: Collection[str], moves: Sequence[Movement]
) -> tuple[str, ...]:
    """Return the last tensors that move along all axes of an input, each along an axis of its own.

    Of those with none of the operators `stopped` on the way to them, if there are any of these.
    """
    clean = {source}
    for name in graph if stopped else ():
        edges = list(edges_into(graph, name))
        if edges and all(
            edge.source in clean and edge.operator.label not in stopped for edge in edges
        ):
            clean.add(name)
    moved = {name for name in clean - {source} if _keeps_all(graph, name, moves)}
    return in_order_of(graph, {name for name in moved if moved.isdisjoint(graph.succ[name])})


def _keeps_all(graph: Graph, name: str, moves: Sequence[Movement]) -> bool:
    """Whether a tensor has an axis of its own for each that moves."""
    values = [along.values.get(name) for along in moves]
    carriers = {
        value.axis
        for value in values
        if isinstance(value, Moved)
        and flatten(value).length == (shape_of(graph, name) or ())[value.axis]
    }
    return len(carriers) == len(values)
