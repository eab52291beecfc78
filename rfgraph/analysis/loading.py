"""Load a model from any source, without reading its weights."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rfgraph.arguments import dims as checked_dims
from rfgraph.arguments import keywords_named, mapping, shapes, text
from rfgraph.errors import RfgraphError, UsageError
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.graph import Model


@keywords_named
def load(
    source: Source,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
    override_shapes: Mapping[str, Sequence[int]] | None = None,
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
    what is left of that, and data to leave each row a key. `Model.masks` says where.
    `override_shapes` are like `input_shapes`, but take the place of lengths that the file declares.
    Raises RfgraphError, one line that names file, node or tensor.
    """
    from rfgraph.onnxfile.load import Binding
    from rfgraph.onnxfile.load import load as load_file
    from rfgraph.onnxfile.reading.input_values import as_array

    bound = shapes(input_shapes)
    values = {
        text("input_values", name): as_array(name, value)
        for name, value in mapping("input_values", input_values).items()
    }
    own = _own_rules(rules) if rules else {}
    binding = Binding(bound, values, own, checked_dims(dims), shapes(override_shapes), masks)
    try:
        return load_file(source, binding)
    except RfgraphError as error:
        raise type(error)(f"{source_name(source)}: {error}") from error.__cause__


def _own_rules(rules: object) -> dict[tuple[str, str], Rule]:
    from rfgraph.onnxfile.building.own_rules import own_rules

    return own_rules(mapping("rules", rules))


def source_name(source: object) -> str:
    """Return what to call a model source in a message."""
    if isinstance(source, str | os.PathLike):
        return shown_path(os.fsdecode(source))
    return "<bytes>" if isinstance(source, bytes) else f"<{type(source).__name__}>"


def refuse_binding(**given: object) -> None:
    """Raise UsageError for a keyword of `load` that is given with a model that is loaded."""
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} is said when a model is loaded, and this one is: give it to rfgraph.load"
            )
