"""The same model with other attributes: nothing is written, and no weights are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rfgraph.analysis.loading import load
from rfgraph.arguments import describe, keywords_named, mapping, text
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.relations.graph import Model
from rfgraph.wording.names import quote, shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.relations.beside import Changes, Setting


Given: TypeAlias = "Mapping[tuple[str, str], int | float | str | Sequence[Any]]"


@keywords_named
def what_if(model: Model | Source, changes: Given) -> Model:
    """Return the model with other attributes, as {("conv5", "dilations"): (2, 2)}.

    A node is named as in the file, or by a tensor that it makes. A constant that the operator takes
    as an input is set by the operator's name for it, `("pad", "pads")`; `("conv5", "repeat")` puts
    the node so often in a row, the copies with stride 1 and padded to keep the length. Where the
    extent of a window changes, that is added to its pads in proportion to those there, unless they
    are given: all on the left stays so, none stays none. Stored weights need not fit: they are not
    read. `Model.revision` says what is changed, and warns of separate Pad nodes. A source whose
    inputs are to be bound is loaded first (`load`). Raises UsageError, listing what there is, for
    an unknown node or attribute and for a wrong number of values, ModelError where the graph then
    contradicts itself.
    """
    loaded = model if isinstance(model, Model) else load(model)
    if loaded.revise is None:
        raise UsageError("a model that was built by hand has no file whose attributes could differ")
    checked = {
        _key(key): _setting(key, value) for key, value in mapping("changes", changes).items()
    }
    try:
        return loaded.revise(checked, None)
    except RfgraphError as error:
        raise type(error)(f"{shown_path(loaded.file)}: {error}") from error.__cause__


def revised_here(model: Model, changes: Changes) -> Model:
    """Return a model with other attributes at its own lengths; RfgraphError where it has none."""
    if model.revise is None:
        raise UsageError("a model that was built by hand has no file")
    return model.revise(changes, {item.name: item.shape for item in model.inputs})


def _key(key: object) -> tuple[str, str]:
    if not isinstance(key, tuple) or len(key) != 2:
        raise UsageError(f"changes requires (node, attribute) as keys, found {describe(key)}")
    return text("a node of changes", key[0]), text("an attribute of changes", key[1])


def _setting(key: tuple[str, str], value: object) -> Setting:
    """Return a value as Python's own numbers or texts."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    items = tuple(value) if isinstance(value, list | tuple | range) else (value,)
    if any(isinstance(item, bool) or not isinstance(item, int | float | str) for item in items):
        raise UsageError(
            f"attribute {quote(key[1])} of changes requires numbers or a text, "
            f"found {describe(value)}"
        )
    return items if isinstance(value, list | tuple | range) else items[0]


def encode(model: Model, path: Path) -> bytes:
    """Return a file for `path` that says what a model does, with the weights that its own holds.

    UsageError for what cannot be written.
    """
    if model.encoded is None:
        raise UsageError("a model that was built by hand has no file")
    return model.encoded(path.resolve().parent == Path(model.file).resolve().parent)
