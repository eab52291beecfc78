"""Which input and which tensor a name means, and what to say where it means none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfgraph.relations.graph import Model


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
