"""From a model source to a `Model`: read, bind the inputs, fold and build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from rfgraph.errors import ModelError, RfgraphError, UsageError
from rfgraph.onnxfile.builder import Builder, initial_constants
from rfgraph.onnxfile.building.scope import opsets_of
from rfgraph.onnxfile.building.stored_masks import Masks
from rfgraph.onnxfile.lengths.dimensions import dimensions
from rfgraph.onnxfile.lengths.first_axis import with_moved_axes
from rfgraph.onnxfile.lengths.inputs import concrete_inputs, declared_inputs
from rfgraph.onnxfile.lengths.probing import Search
from rfgraph.onnxfile.lengths.refusal import Refusal, stated_by
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.tensors import value as stored_value
from rfgraph.ops.node import Value
from rfgraph.relations.graph import Model
from rfgraph.wording.names import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.onnxfile.lengths.dimensions import Declared, Dimensions, Lengths
    from rfgraph.onnxfile.lengths.probing import Choice
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.graph import Graph, ModelInput, StoredMasks, Unanalysed


def load(
    source: Source,
    input_shapes: Mapping[str, Shape],
    input_values: Mapping[str, NDArray[Any]],
    rules: Mapping[tuple[str, str], Rule],
    *,
    dims: Mapping[str, int],
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
    open_dims = dimensions(declared, shapes, dims)

    def build(lengths: Lengths) -> Built | Refusal:
        try:
            inputs = concrete_inputs(declared, shapes, open_dims, lengths, {})
        except ModelError as error:
            return Refusal(error, 0)
        return _built(Builder(proto, inputs, rules, stored), proto, constants | given)

    stated = {length for value in constants.values() for length in stated_by(value)}
    search = Search(build, open_dims, stated)
    choice = with_moved_axes(search, search.run(), declared, open_dims)
    inputs = concrete_inputs(declared, shapes, open_dims, choice.lengths, choice.reasons)
    model = _model(found.name, proto, inputs, choice.built)
    if stored is not None:
        return model
    longer = _longer(declared, shapes, open_dims, choice)
    if longer is None:
        return model
    again = partial(_built_again, found.name, proto, longer, constants | given, rules)
    return replace(model, longer=again)


def _longer(
    declared: list[Declared],
    shapes: Mapping[str, Shape],
    open_dims: Dimensions,
    choice: Choice[Built],
) -> list[ModelInput] | None:
    """Return the inputs with every length doubled that is open and more than 1; None without any.

    None as well where the file's arithmetic gives no length then.
    """
    lengths, reasons = choice.lengths, choice.reasons
    fixed = {key for key, reason in reasons.items() if reason.fixed}
    doubled = {key: 2 * n for key, n in lengths.items() if n > 1 and key not in fixed}
    if not doubled:
        return None
    try:
        return concrete_inputs(declared, shapes, open_dims, {**lengths, **doubled}, reasons)
    except ModelError:
        return None


def _built_again(
    name: str,
    proto: onnx.ModelProto,
    inputs: list[ModelInput],
    constants: Mapping[str, Value],
    rules: Mapping[tuple[str, str], Rule],
) -> Model | None:
    """Return the model with other lengths of its inputs, None where the graph refuses them."""
    try:
        built = _built(Builder(proto, inputs, rules, None), proto, constants)
    except RfgraphError:
        return None
    return None if isinstance(built, Refusal) else _model(name, proto, inputs, built)


def _model(name: str, proto: onnx.ModelProto, inputs: Sequence[ModelInput], built: Built) -> Model:
    return Model(
        file=name,
        ir_version=proto.ir_version,
        opsets=opsets_of(proto.opset_import),
        producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
        nodes=len(proto.graph.node),
        inputs=tuple(inputs),
        outputs=built.outputs,
        graph=nx.freeze(built.graph),
        unanalysed=built.unanalysed,
        masks=built.masks,
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
                array = _cast(name, array, np.dtype(kind))
            if array.size == 1 and tensor.HasField("shape") and len(tensor.shape.dim) < 8:
                array = array.reshape((1,) * len(tensor.shape.dim))
    return array


def _cast(name: str, array: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Return numbers in a declared type; UsageError where an integral one cannot hold them."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(kind)
    if kind.kind in "iub" and not np.array_equal(cast, array):
        raise UsageError(f"the value of input {quoted(name)} requires {kind}, found other numbers")
    return cast


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


@dataclass(frozen=True, slots=True)
class Built:
    """The graph of a model for some lengths of its inputs."""

    graph: Graph
    outputs: tuple[str, ...]
    unanalysed: tuple[Unanalysed, ...]
    masks: StoredMasks | None


def _built(
    builder: Builder, proto: onnx.ModelProto, constants: Mapping[str, Value]
) -> Built | Refusal:
    """Return what the builder makes of its inputs, or why the graph refuses them."""
    try:
        entries = builder.build(constants)
    except ModelError as error:
        return Refusal(error, builder.operators, *builder.refused)
    return Built(
        builder.graph,
        tuple(_output_names(proto, builder, entries)),
        tuple(builder.unanalysed),
        None if builder.masks is None else builder.masks.report(),
    )


def _output_names(proto: onnx.ModelProto, builder: Builder, entries: list[Any]) -> list[str]:
    """Return the tensors of the graph outputs, of a sequence its elements.

    A constant one stands in the graph without edges.
    """
    names: dict[str, None] = {}
    for value, entry in zip(proto.graph.output, entries, strict=True):
        for item in entry.items or (entry,):
            if item.tensor is None and value.name not in builder.graph:
                builder.graph.add_node(value.name, shape=item.value.shape, producer=None)
            names[item.tensor or value.name] = None
    return list(names)


def as_array(name: str, value: object) -> NDArray[Any]:
    """Return a given input value as an array of numbers."""
    try:
        array = np.asarray(value)
    except Exception as error:  # a stranger's object raises whatever it likes
        reason = printable(" ".join(str(error).split()), 120)
        raise UsageError(f"the value of input {quoted(name)} is no array ({reason})") from None
    if array.dtype.kind == "i":
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array
