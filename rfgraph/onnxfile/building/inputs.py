"""The graph inputs with concrete shapes: declared, bound by the user, or probed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from rfgraph.errors import ModelError, UsageError
from rfgraph.onnxfile.reading.tensors import MAX_RANK
from rfgraph.relations.graph import ModelInput
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from rfgraph.relations.axis_rules import Shape


MAX_LENGTH = 1 << 62

# A symbol, or an input's name and the axis where the file gives none.
Dimension: TypeAlias = str | tuple[str, int]
Lengths: TypeAlias = "Mapping[Dimension, int]"


@dataclass(frozen=True, slots=True)
class Declared:
    """A graph input as the file declares it.

    `dims` has an integer or a symbol for each axis; it is None where no shape is declared.
    `replaced` are the declared lengths, by axis, in whose place others stand in `dims`.
    """

    name: str
    dims: tuple[int | str, ...] | None
    is_tensor: bool = True
    replaced: dict[int, int] = field(default_factory=dict)


def declared_inputs(graph: onnx.GraphProto, constants: Mapping[str, object]) -> list[Declared]:
    """Return the graph's inputs without those that are constants."""
    found = [_declared(value) for value in graph.input if value.name not in constants]
    names = [item.name for item in found]
    for name in names:
        if not name:
            raise ModelError("a graph input has no name")
        if names.count(name) > 1 and len(names) < 1000:
            raise ModelError(f"graph input {quoted(name)} is declared twice")
    if len(set(names)) != len(names):
        raise ModelError("a graph input is declared twice")
    return found


def _declared(value: onnx.ValueInfoProto) -> Declared:
    if not value.type.HasField("tensor_type"):
        return Declared(value.name, None, is_tensor=not value.type.WhichOneof("value"))
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return Declared(value.name, None)
    return Declared(value.name, tuple(_dim(dim) for dim in tensor.shape.dim))


def relengthened(item: Declared, shape: Shape | None) -> Declared:
    """Return an input that declares the lengths of `shape` where it declares others."""
    if shape is None or item.dims is None or len(item.dims) != len(shape):
        return item
    pairs = list(zip(item.dims, shape, strict=True))
    dims = tuple(dim if isinstance(dim, str) else length for dim, length in pairs)
    others = {
        axis: dim
        for axis, (dim, length) in enumerate(pairs)
        if isinstance(dim, int) and dim != length
    }
    return replace(item, dims=dims, replaced=others)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str:
    """An axis without a positive length is symbolic: exporters write -1, 0, "?" or nothing."""
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return dim.dim_value
    return dim.dim_param or "?"


def open_dimensions(
    declared: Sequence[Declared], bound: Mapping[str, Shape]
) -> dict[Dimension, bool]:
    """Return the dimensions whose lengths are open, and of each whether it is an axis 0.

    A symbol is one dimension wherever it stands. Raises UsageError where a bound shape contradicts
    the declared one.
    """
    symbols = _bound_symbols(declared, bound)
    found: dict[Dimension, bool] = {}
    for item in declared:
        if item.is_tensor and item.name not in bound:
            for axis, dim in enumerate(item.dims or ()):
                if isinstance(dim, str) and dim not in symbols:
                    key = _dimension(item, axis, dim)
                    found[key] = found.get(key, False) or axis == 0
    return found


def _dimension(item: Declared, axis: int, dim: str) -> Dimension:
    return (item.name, axis) if dim == "?" else dim


def _bound_symbols(declared: Sequence[Declared], bound: Mapping[str, Shape]) -> dict[str, int]:
    symbols: dict[str, int] = {}
    for item in declared:
        if item.name in bound:
            _bind(item, bound[item.name], symbols)
    return symbols


def concrete_inputs(
    declared: Sequence[Declared], bound: Mapping[str, Shape], lengths: Lengths
) -> list[ModelInput]:
    """Return the inputs with every axis bound, or of one of `lengths`, which are probes.

    Raises UsageError where a bound shape contradicts the declared one, ModelError where an input
    has neither a declared nor a bound shape.
    """
    symbols = _bound_symbols(declared, bound)
    found = []
    for item in declared:
        if not item.is_tensor:
            continue
        _check_rank(item.name, bound.get(item.name, item.dims or ()))
        if item.name in bound:
            dims = item.dims or ()
            symbolic = {axis: dim for axis, dim in enumerate(dims) if isinstance(dim, str)}
            found.append(ModelInput(item.name, bound[item.name], symbolic, {}, item.replaced))
        else:
            found.append(_probed(item, symbols, lengths))
    return found


def _check_rank(name: str, dims: Sequence[object]) -> None:
    if len(dims) > MAX_RANK:
        raise ModelError(
            f"input {quoted(name)} requires at most {MAX_RANK} dimensions, found {len(dims)}"
        )


def _bind(item: Declared, shape: Shape, symbols: dict[str, int]) -> None:
    for length in shape:
        if not 0 < length <= MAX_LENGTH:
            raise UsageError(
                f"input {quoted(item.name)} requires lengths from 1 to 2^62, found {length}"
            )
    if item.dims is None:
        return
    if len(item.dims) != len(shape):
        raise UsageError(
            f"input {quoted(item.name)} requires {len(item.dims)} dimensions, found {list(shape)}"
        )
    for axis, length in enumerate(shape):
        _bind_axis(item.name, axis, item.dims[axis], length, symbols)


def _bind_axis(name: str, axis: int, dim: int | str, length: int, symbols: dict[str, int]) -> None:
    if isinstance(dim, int):
        if dim != length:
            raise UsageError(
                f"input {quoted(name)} requires length {dim} on axis {axis}, found {length}"
            )
    elif dim != "?" and symbols.setdefault(dim, length) != length:
        raise UsageError(
            f"dimension {quoted(dim)} is bound to {symbols[dim]} and, by input {quoted(name)}, "
            f"to {length}"
        )


def _probed(item: Declared, symbols: Mapping[str, int], lengths: Lengths) -> ModelInput:
    if item.dims is None:
        raise ModelError(
            f"input {quoted(item.name)} has no declared shape: give its dimensions by --input-shape"
        )
    shape, symbolic, probed = [], {}, {}
    for axis, dim in enumerate(item.dims):
        if isinstance(dim, int):
            shape.append(dim)
            continue
        symbolic[axis] = dim
        known = symbols.get(dim)
        if known is None:
            known = probed[axis] = lengths[_dimension(item, axis, dim)]
        shape.append(known)
    return ModelInput(item.name, tuple(shape), symbolic, probed)
