"""From a model source to a `Model`: read, bind the inputs, fold and build."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rfgraph.errors import ModelError, RfgraphError, UsageError, quoted
from rfgraph.graph import Model
from rfgraph.onnxfile.build import Builder, initial_constants
from rfgraph.onnxfile.inputs import (
    Declared,
    concrete_inputs,
    declared_inputs,
    dimension,
    open_dimensions,
)
from rfgraph.onnxfile.masks import Masks
from rfgraph.onnxfile.probing import Search
from rfgraph.onnxfile.read import read
from rfgraph.onnxfile.scope import opsets_of
from rfgraph.onnxfile.tensors import value as stored_value
from rfgraph.ops.node import Value

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.graph import ModelInput
    from rfgraph.onnxfile.inputs import Dimension, Lengths
    from rfgraph.ops.registry import Rule
    from rfgraph.relations import Shape


def load(
    source: str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto,
    input_shapes: Mapping[str, Shape],
    input_values: Mapping[str, NDArray[Any]],
    rules: Mapping[tuple[str, str], Rule],
    *,
    masks: bool = False,
) -> Model:
    """Return the model in `source` as a graph; see `rfgraph.load`."""
    found = read(source)
    proto = found.proto

    def fetch(tensor: onnx.TensorProto) -> NDArray[Any] | None:
        return stored_value(found.restored(tensor))

    stored = Masks(fetch) if masks else None
    constants = initial_constants(proto.graph, stored)
    arrays = {name: _fitted(proto.graph, name, array) for name, array in input_values.items()}
    given = {
        name: Value(tuple(array.shape), constant=True, data=array) for name, array in arrays.items()
    }
    declared = declared_inputs(proto.graph, constants | given)
    shapes = _bindings(proto.graph, declared, input_shapes, input_values)
    builder, outputs = _build(proto, declared, shapes, constants | given, rules, stored)
    model = _model(found.name, proto, builder, outputs)
    if stored is not None:
        return replace(model, masks=stored.report())
    probed = _doubled(builder.inputs)
    if max(probed.values(), default=1) == 1:
        return model
    inputs = concrete_inputs(declared, shapes, probed)
    again = partial(_built_again, found.name, proto, inputs, constants | given, rules)
    return replace(model, longer=again)


def _doubled(inputs: Sequence[ModelInput]) -> dict[Dimension, int]:
    """Return the probed lengths doubled, where they are more than 1, by what names them."""
    return {
        dimension(item.name, axis, item.symbolic[axis]): length if length == 1 else 2 * length
        for item in inputs
        for axis, length in item.probed.items()
    }


def _built_again(
    name: str,
    proto: onnx.ModelProto,
    inputs: list[ModelInput],
    constants: Mapping[str, Value],
    rules: Mapping[tuple[str, str], Rule],
) -> Model | None:
    """Return the model with other lengths of its inputs, None where the graph refuses them."""
    builder = Builder(proto, inputs, rules, None)
    try:
        entries = builder.build(constants)
    except RfgraphError:
        return None
    return _model(name, proto, builder, tuple(_output_names(proto, builder, entries)))


def _model(name: str, proto: onnx.ModelProto, builder: Builder, outputs: tuple[str, ...]) -> Model:
    return Model(
        file=name,
        ir_version=proto.ir_version,
        opsets=opsets_of(proto.opset_import),
        producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
        nodes=len(proto.graph.node),
        inputs=tuple(builder.inputs),
        outputs=outputs,
        graph=builder.graph,
        unanalysed=tuple(builder.unanalysed),
    )


def _bindings(
    graph: onnx.GraphProto,
    declared: list[Declared],
    input_shapes: Mapping[str, Shape],
    input_values: Mapping[str, NDArray[Any]],
) -> dict[str, Shape]:
    """Return the bound shapes by input name; the name may be left out when there is one input."""
    names = [item.name for item in declared]
    shapes: dict[str, Shape] = {}
    for name, shape in input_shapes.items():
        if not name and len(names) != 1:
            raise UsageError(f"an input shape requires a name: the model has {len(names)} inputs")
        shapes[name or names[0]] = tuple(shape)
    known = {value.name for value in graph.input}
    for name in (*shapes, *input_values):
        if name not in known or (name in shapes and name not in names):
            raise UsageError(
                f"no input {quoted(name)}; the inputs are {', '.join(map(quoted, names[:8]))}"
            )
    return shapes


def _fitted(graph: onnx.GraphProto, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a given input value in the declared type and, for a single number, rank."""
    if array.dtype.kind not in "biuf":
        raise UsageError(f"the value of input {quoted(name)} requires numbers, found {array.dtype}")
    for value in graph.input:
        if value.name == name and value.type.HasField("tensor_type"):
            tensor = value.type.tensor_type
            kind = _NUMBERS.get(tensor.elem_type)
            if kind is not None:
                array = array.astype(kind)
            if array.size == 1 and tensor.HasField("shape") and len(tensor.shape.dim) < 8:
                array = array.reshape((1,) * len(tensor.shape.dim))
    return array


# NumPy's names of the element types that a given value may take.
_NUMBERS = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}


def _build(
    proto: onnx.ModelProto,
    declared: list[Declared],
    shapes: Mapping[str, Shape],
    constants: Mapping[str, Value],
    rules: Mapping[tuple[str, str], Rule],
    masks: Masks | None,
) -> tuple[Builder, tuple[str, ...]]:
    """Build with the first lengths of the open dimensions that the graph accepts."""

    def build(lengths: Lengths) -> tuple[tuple[Builder, tuple[str, ...]] | ModelError, int]:
        builder = Builder(proto, concrete_inputs(declared, shapes, lengths), rules, masks)
        try:
            entries = builder.build(constants)
        except ModelError as error:
            return error, builder.operators
        return (builder, tuple(_output_names(proto, builder, entries))), builder.operators

    return Search(build, open_dimensions(declared, shapes)).run()


def _output_names(proto: onnx.ModelProto, builder: Builder, entries: list[Any]) -> list[str]:
    """Return the tensors of the graph outputs; a constant one stands in the graph without edges."""
    names = []
    for value, entry in zip(proto.graph.output, entries, strict=True):
        if entry.tensor is None and value.name not in builder.graph:
            builder.graph.add_node(value.name, shape=entry.value.shape, producer=None)
        names.append(entry.tensor or value.name)
    return names


def as_array(value: object) -> NDArray[Any]:
    """Return a given input value as an array of numbers."""
    array = np.asarray(value)
    if array.dtype.kind == "i":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array
