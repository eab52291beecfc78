"""Which input and which tensor a name means, and what to say where it means none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.arguments import text, texts
from rfgraph.errors import UsageError
from rfgraph.relations.graph import producer_of
from rfgraph.wording.names import quote, some_quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Graph, Model


# Of names, to find the nearest of.
MAX_COMPARED = 20_000


def pick_input(model: Model, name: str | None) -> str:
    """Return the input meant; UsageError with the names to choose from."""
    names = [item.name for item in model.inputs]
    if name is None:
        if len(names) != 1:
            raise UsageError(_not_one(names, "input"))
        return names[0]
    if text("input", name) not in names:
        raise UsageError(f"no input {quote(name)}; the inputs are {some_quoted(names)}")
    return name


def _not_one(names: Sequence[str], noun: str) -> str:
    if not names:
        return f"the model has no {noun}"
    return f"the model has {len(names)} {noun}s ({some_quoted(names)}): name one"


def pick_tensor(model: Model, name: str | None) -> str:
    """Return the tensor meant, a node standing for what it makes; by default the only output.

    UsageError with the names to choose from: of several outputs, and where there is no such name
    the nearest.
    """
    if name is None:
        if len(model.outputs) != 1:
            raise UsageError(_not_one(model.outputs, "output"))
        return model.outputs[0]
    if text("tensor", name) in model.graph:
        return name
    made = made_by(model.graph, name)
    if not made:
        check_name(model, name, "tensor")
    if len(made) > 1:
        tensors = some_quoted(made)
        raise UsageError(f"node {quote(name)} makes {len(made)} tensors ({tensors}): name one")
    return made[0]


def pick_tensors(model: Model, names: Sequence[str]) -> tuple[str, ...]:
    """Return the distinct tensors meant, as by `pick_tensor`."""
    return tuple(dict.fromkeys(pick_tensor(model, name) for name in texts("tensors", names)))


def check_name(model: Model, name: str, what: str = "node or tensor") -> None:
    """Raise UsageError, with the nearest names, for what is neither a tensor nor a node.

    `what` says what was asked for.
    """
    tensors = list(model.graph)
    makers = (producer_of(model.graph, tensor) for tensor in tensors)
    labels = {operator.label for operator in makers if operator is not None}
    if name not in model.graph and name not in labels:
        import difflib

        names = dict.fromkeys([*tensors[:MAX_COMPARED], *sorted(labels)[:MAX_COMPARED]])
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.0)
        raise UsageError(f"no {what} {quote(name)}; the nearest names are {some_quoted(near)}")


def made_by(graph: Graph, label: str) -> list[str]:
    """Return the tensors that a node makes, but not those that only it reads itself."""
    return [
        name
        for name in graph
        if (operator := producer_of(graph, name)) is not None
        and operator.label == label
        and not any(producer_of(graph, after) is operator for after in graph.succ[name])
    ]
