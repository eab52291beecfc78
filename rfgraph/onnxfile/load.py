"""From a model source to a `Model`: read, bind the inputs, fold and build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import onnx

from rfgraph.errors import ModelError, UsageError
from rfgraph.onnxfile.builder import Builder, initial_constants
from rfgraph.onnxfile.building.inputs import (
    Declared,
    concrete_inputs,
    declared_inputs,
    open_dimensions,
    relengthened,
)
from rfgraph.onnxfile.building.probing import Search
from rfgraph.onnxfile.building.scope import opsets_of
from rfgraph.onnxfile.building.stored_masks import Masks
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.tensors import value as stored_value
from rfgraph.ops.node import Value
from rfgraph.relations.graph import Model
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.inputs import Lengths
    from rfgraph.onnxfile.reading.file import Model as StoredModel
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.axis_rules import Shape


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that was read, with all but the lengths of its inputs decided."""

    found: StoredModel
    declared: tuple[Declared, ...]
    constants: Mapping[str, Value]
    given: tuple[str, ...]
    rules: Mapping[tuple[str, str], Rule]
    masks: Masks | None

    def at(self, shapes: Mapping[str, Shape]) -> Model:
        """Return the model at other lengths of its inputs, declared ones among them."""
        return self.built({}, shapes)

    def item_sizes(self) -> dict[str, int]:
        """Return the bytes of an element of each tensor of the file, as far as ONNX can tell."""
        typed = onnx.shape_inference.infer_shapes(self.found.proto).graph
        found = {}
        for value in (*typed.input, *typed.value_info, *typed.output):
            kind = value.type.tensor_type.elem_type
            if kind in onnx.helper.get_all_tensor_dtypes():
                found[value.name] = onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
        return found

    def built(self, bound: Mapping[str, Shape], replaced: Mapping[str, Shape]) -> Model:
        """Return the model with open lengths bound, and declared ones replaced."""
        declared = list(self.declared)
        proto = self.found.proto
        wanted = _bindings(proto.graph, declared, bound, self.given)
        others = _bindings(proto.graph, declared, replaced, self.given)
        declared = [relengthened(item, others.get(item.name)) for item in declared]
        builder, outputs = _build(
            proto, declared, wanted | others, self.constants, self.rules, self.masks
        )
        return Model(
            file=self.found.name,
            ir_version=proto.ir_version,
            opsets=opsets_of(proto.opset_import),
            producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
            nodes=len(proto.graph.node),
            inputs=tuple(builder.inputs),
            outputs=outputs,
            graph=builder.writer.graph,
            unanalysed=tuple(builder.writer.unanalysed),
            masks=None if self.masks is None else self.masks.report(),
            at=self.at,
            item_sizes=self.item_sizes,
        )


def load(
    source: str | os.PathLike[str] | bytes | BinaryIO | onnx.ModelProto,
    input_shapes: Mapping[str, Shape],
    input_values: Mapping[str, NDArray[Any]],
    rules: Mapping[tuple[str, str], Rule],
    *,
    masks: bool = False,
    override_shapes: Mapping[str, Shape] | None = None,
) -> Model:
    """Return the model in `source` as a graph; see `rfgraph.load`."""
    found = read(source)
    graph = found.proto.graph

    def fetch(tensor: onnx.TensorProto) -> NDArray[Any] | None:
        return stored_value(found.restored(tensor))

    stored = Masks(fetch) if masks else None
    constants = initial_constants(graph, stored)
    arrays = {name: _fitted(graph, name, array) for name, array in input_values.items()}
    constants |= {
        name: Value(tuple(array.shape), constant=True, data=array) for name, array in arrays.items()
    }
    declared = tuple(declared_inputs(graph, constants))
    reading = Reading(found, declared, constants, tuple(input_values), rules, stored)
    return reading.built(input_shapes, override_shapes or {})


def _bindings(
    graph: onnx.GraphProto,
    declared: list[Declared],
    input_shapes: Mapping[str, Shape],
    input_values: Iterable[str],
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
        inputs = concrete_inputs(declared, shapes, lengths)
        builder = Builder(proto, inputs, rules, masks)
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
        if entry.tensor is None and value.name not in builder.writer.graph:
            builder.writer.graph.add_node(value.name, shape=entry.value.shape, producer=None)
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
