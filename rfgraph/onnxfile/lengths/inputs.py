"""The graph inputs with concrete shapes: declared, bound by the user, or probed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import ModelError
from rfgraph.onnxfile.lengths.dimensions import UNNAMED, Declared
from rfgraph.onnxfile.reading.tensors import MAX_RANK
from rfgraph.relations.graph import ModelInput
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from rfgraph.onnxfile.lengths.dimensions import Dimension, Dimensions, Lengths, Shapes
    from rfgraph.onnxfile.lengths.trials import Reason


def declared_inputs(graph: onnx.GraphProto, constants: Mapping[str, object]) -> list[Declared]:
    """Return the graph's inputs without those that are constants."""
    declared = [_declared_input(value) for value in graph.input if value.name not in constants]
    names: set[str] = set()
    for name in (item.name for item in declared):
        if not name:
            raise ModelError("a graph input has no name")
        if name in names:
            raise ModelError(f"graph input {quote(name)} is declared twice")
        names.add(name)
    return declared


def _declared_input(value: onnx.ValueInfoProto) -> Declared:
    if not value.type.HasField("tensor_type"):
        return Declared(value.name, None, {}, is_tensor=not value.type.WhichOneof("value"))
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return Declared(value.name, None, {})
    dims = tensor.shape.dim
    empty = frozenset(axis for axis, dim in enumerate(dims) if _is_empty(dim))
    return Declared(value.name, tuple(map(_dim, dims)), {}, empty=empty)


def _is_empty(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return dim.HasField("dim_value") and dim.dim_value == 0


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str:
    """An axis without a positive length is symbolic: exporters write -1, 0, "?" or nothing."""
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return dim.dim_value
    return dim.dim_param or UNNAMED


def concrete_inputs(
    declared: Sequence[Declared],
    shapes: Shapes,
    dimensions: Dimensions,
    lengths: Lengths,
    reasons: Mapping[Dimension, Reason],
) -> list[ModelInput]:
    """Return the inputs with every axis bound, determined or of one of `lengths`, the open ones.

    Raises ModelError where an input has neither a declared nor a bound shape, and where the file's
    arithmetic gives no length.
    """
    inputs = []
    for item in declared:
        if not item.is_tensor:
            continue
        _check_rank(item.name, shapes.get(item.name, item.dims or ()))
        if item.name in shapes:
            symbolic = dict(item.named_dims())
            shape = tuple(shapes[item.name])
            inputs.append(ModelInput(item.name, shape, symbolic, replaced=item.replaced))
        elif item.dims is None:
            raise ModelError(
                f"input {quote(item.name)} has no declared shape: "
                "give its dimensions by --input-shape"
            )
        else:
            inputs.append(_input_with_lengths(item, item.dims, dimensions, lengths, reasons))
    return inputs


def _check_rank(name: str, dims: Sequence[object]) -> None:
    if len(dims) > MAX_RANK:
        raise ModelError(
            f"input {quote(name)} requires at most {MAX_RANK} dimensions, found {len(dims)}"
        )


def _input_with_lengths(
    item: Declared,
    dims: Sequence[int | str],
    dimensions: Dimensions,
    lengths: Lengths,
    reasons: Mapping[Dimension, Reason],
) -> ModelInput:
    """Return an input with a length on every axis, those that were probed and why."""
    shape: list[int] = []
    probed: dict[int, int] = {}
    why: dict[int, str] = {}
    for axis, dim in enumerate(dims):
        if isinstance(dim, int):
            shape.append(dim)
            continue
        length = dimensions.length(item.name, axis, dim, lengths)
        shape.append(length)
        keys = dimensions.keys(item.name, axis, dim)
        if not all(_is_determined(key, dimensions, reasons) for key in keys):
            probed[axis] = length
        said = ["the file declares 0"] if axis in item.empty else []
        said += _why_that_length(dim, keys, dimensions, lengths, reasons)
        if said:
            why[axis] = "; ".join(said)
    return ModelInput(item.name, tuple(shape), dict(item.named_dims()), probed, why)


def _is_determined(
    key: Dimension, dimensions: Dimensions, reasons: Mapping[Dimension, Reason]
) -> bool:
    if key in dimensions.bound:
        return key not in dimensions.loose
    return key in reasons and reasons[key].fixed


def _why_that_length(
    dim: str,
    keys: Sequence[Dimension],
    dimensions: Dimensions,
    lengths: Lengths,
    reasons: Mapping[Dimension, Reason],
) -> list[str]:
    """Say why an axis has its length: what its symbols are, and why they are that."""
    said = [reasons[key].text for key in keys if key in reasons]
    said += [why for key, why in dimensions.loose.items() if key in keys]
    if dim in dimensions.arithmetic:
        known = dimensions.known_symbols(lengths)
        said.insert(
            0, ", ".join(f"{printable(key)} is {known[key]}" for key in known if key in keys)
        )
    return list(dict.fromkeys(said))
