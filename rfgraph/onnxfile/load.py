"""From a model source to a `Model`: read, bind the inputs, fold and build."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import onnx

from rfgraph.errors import ModelError, RfgraphError, UsageError
from rfgraph.onnxfile.builder import Builder, initial_constants
from rfgraph.onnxfile.building.scope import opsets_of
from rfgraph.onnxfile.lengths.dimensions import dimensions, with_lengths
from rfgraph.onnxfile.lengths.first_axis import with_moved_axes
from rfgraph.onnxfile.lengths.inputs import concrete_inputs, declared_inputs
from rfgraph.onnxfile.lengths.probing import Search
from rfgraph.onnxfile.lengths.refusal import Refusal, stated_by
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.input_values import as_declared
from rfgraph.onnxfile.reading.source import BytesSource
from rfgraph.onnxfile.reading.tensors import external_files
from rfgraph.onnxfile.reading.tensors import value as stored_value
from rfgraph.ops.node import Value
from rfgraph.relations.graph import Model
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.fetching import ConstantFetcher
    from rfgraph.onnxfile.building.operands import Operands
    from rfgraph.onnxfile.building.revision import Edit, Reviser
    from rfgraph.onnxfile.lengths.dimensions import Declared, Dimensions, Lengths
    from rfgraph.onnxfile.lengths.trials import Choice
    from rfgraph.onnxfile.reading.file import StoredModel
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.beside import Changes, FileGraph, Revision, StoredMasks, Unanalysed
    from rfgraph.relations.graph import Graph, ModelInput


class Binding(NamedTuple):
    """What the caller says of a file: lengths and values of inputs, own rules, masks or not."""

    input_shapes: Mapping[str, Shape]
    input_values: Mapping[str, NDArray[Any]]
    rules: Mapping[tuple[str, str], Rule]
    dims: Mapping[str, int]
    override_shapes: Mapping[str, Shape]
    masks: bool = False


class Reading(NamedTuple):
    """A file that was read, with all but the lengths of its inputs decided.

    `stored` are the constants that the file holds, `given` those that took the place of inputs,
    `changes` the attributes that nodes have instead of the file's.
    """

    file: StoredModel
    binding: Binding
    declared: tuple[Declared, ...]
    stored: Mapping[str, Value]
    given: Mapping[str, Value]
    changes: Changes

    def build(
        self,
        inputs: Iterable[ModelInput],
        stored: Mapping[str, Value],
        constants: ConstantFetcher | None,
    ) -> Built | Refusal:
        """Return the graph for some lengths of its inputs, or why it refuses them."""
        proto, tracker = self.file.proto, None
        if constants is not None and self.binding.masks:
            from rfgraph.onnxfile.building.stored_masks import MaskTracker

            tracker = MaskTracker(constants)
        builder = Builder(proto, inputs, self.binding.rules, tracker, self.changes, constants)
        return _build(builder, proto, {**stored, **self.given})

    def at(self, shapes: Mapping[str, Shape]) -> Model:
        """Return the model at other lengths of its inputs, declared ones among them.

        Raises RfgraphError where the graph refuses them.
        """
        return self.model(*self._at(shapes, _fetcher(self.file) if self.binding.masks else None))

    def weights(self, shapes: Mapping[str, Shape]) -> Operands:
        """Return what fetches constant operands of the nodes, at some lengths of the inputs."""
        from rfgraph.onnxfile.building.operands import Operands

        operands = Operands(partial(_restore, self.file))
        self._at(shapes, operands)
        return operands

    def _at(
        self, shapes: Mapping[str, Shape], constants: ConstantFetcher | None
    ) -> tuple[tuple[ModelInput, ...], Built]:
        declared = [with_lengths(item, shapes.get(item.name)) for item in self.declared]
        inputs = concrete_inputs(declared, shapes, dimensions(declared, shapes, {}), {}, {})
        stored = self.stored
        if constants is not None:
            stored = initial_constants(self.file.proto.graph, constants)
        built = self.build(inputs, stored, constants)
        if isinstance(built, Refusal):
            raise built.error
        return tuple(inputs), built

    def or_none(self, shapes: Mapping[str, Shape]) -> Model | None:
        """Return the model at other lengths of its inputs, None where the graph refuses them."""
        try:
            return self.at(shapes)
        except RfgraphError:
            return None

    def revise(self, changes: Changes, shapes: Mapping[str, Shape] | None = None) -> Model:
        """Return the file with further attributes of other values.

        At some lengths of its inputs, RfgraphError where it refuses them; else decided anew.
        """
        both = {**self.changes, **changes}
        if shapes is not None:
            return self._replace(changes=both).at(shapes)
        return _load(self.file, self.binding, both)

    def item_sizes(self) -> dict[str, int]:
        """Return the bytes of an element of each tensor of the file, as far as ONNX can tell."""
        typed = _infer_types(self.file.proto)
        sizes = {}
        for value in (*typed.input, *typed.value_info, *typed.output):
            kind = value.type.tensor_type.elem_type
            if kind in onnx.helper.get_all_tensor_dtypes():
                sizes[value.name] = onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
        return sizes

    def file_graph(self) -> FileGraph:
        """Return the main graph as it stands in the file."""
        from rfgraph.relations.beside import FileGraph, FileNode

        graph = self.file.proto.graph
        nodes = (FileNode(node.name, node.op_type, tuple(node.output)) for node in graph.node)
        return FileGraph(graph.name, tuple(nodes), external_files(self.file.proto))

    def model(self, inputs: Iterable[ModelInput], built: Built) -> Model:
        """Return what was built of the file, with what it says of itself."""
        proto = self.file.proto
        return Model(
            file=self.file.name,
            ir_version=proto.ir_version,
            opsets=opsets_of(proto.opset_import),
            producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
            nodes=len(proto.graph.node),
            inputs=tuple(inputs),
            outputs=built.outputs,
            graph=nx.freeze(built.graph),
            unanalysed=built.unanalysed,
            masks=built.masks,
            at=self.at,
            item_sizes=self.item_sizes,
            revision=built.revision,
            revise=self.revise,
            encoded=partial(_encode, self.file, built.edits),
            file_graph=self.file_graph,
            annotated=partial(_annotate, self.file, built.edits),
            weights=partial(self.weights, {item.name: item.shape for item in inputs}),
        )


def load(source: Source, binding: Binding) -> Model:
    """Return the model in `source` as a graph; see `rfgraph.load`."""
    return _load(read(source), binding, {})


def _load(file: StoredModel, binding: Binding, changes: Changes) -> Model:
    graph = file.proto.graph
    constants = _fetcher(file) if binding.masks else None
    stored = initial_constants(graph, constants)
    given = _given_constants(graph, binding.input_values)
    declared = declared_inputs(graph, stored | given)
    kept = {} if binding.masks else stored
    reading = Reading(file, binding, tuple(declared), kept, given, changes)
    others = _bindings(graph, declared, binding.override_shapes, binding.input_values)
    shapes = _bindings(graph, declared, binding.input_shapes, binding.input_values) | others
    declared = [with_lengths(item, others.get(item.name)) for item in declared]
    open_dims = dimensions(declared, shapes, binding.dims)

    def build(lengths: Lengths) -> Built | Refusal:
        try:
            inputs = concrete_inputs(declared, shapes, open_dims, lengths, {})
        except ModelError as error:
            return Refusal(error, 0)
        return reading.build(inputs, stored, constants)

    stated = {length for value in stored.values() for length in stated_by(value)}
    search = Search(build, open_dims, stated)
    choice = with_moved_axes(search, search.run(), declared, open_dims)
    inputs = concrete_inputs(declared, shapes, open_dims, choice.lengths, choice.reasons)
    model = reading.model(inputs, choice.built)
    longer = None if binding.masks else _longer_shapes(declared, shapes, open_dims, choice)
    return model if longer is None else replace(model, longer=partial(reading.or_none, longer))


def _infer_types(proto: onnx.ModelProto) -> onnx.GraphProto:
    """Return the graph with the types that ONNX infers; as it is, where ONNX refuses it.

    It would for a domain that the file does not import, which does not matter here.
    """
    absent = {node.domain for node in proto.graph.node}
    absent -= {"", *(item.domain for item in proto.opset_import)}
    if absent:
        whole = onnx.ModelProto()
        whole.CopyFrom(proto)
        whole.opset_import.extend(onnx.helper.make_opsetid(name, 1) for name in sorted(absent))
        proto = whole
    try:
        return onnx.shape_inference.infer_shapes(proto).graph
    except (onnx.shape_inference.InferenceError, RuntimeError):
        return proto.graph


def _encode(file: StoredModel, edits: tuple[Edit, ...], beside: bool) -> bytes:
    from rfgraph.onnxfile.building.encoding import encode

    return encode(file, edits, beside)


def _annotate(
    file: StoredModel, edits: tuple[Edit, ...], notes: Mapping[int, dict[str, str]], prefix: str
) -> Iterator[bytes]:
    from rfgraph.onnxfile.reading.annotation import annotate

    changed = _encode(file, edits, True) if edits else None
    source = file.source if changed is None else BytesSource(file.name, changed)
    return annotate(source, notes, prefix)


def _fetcher(file: StoredModel) -> ConstantFetcher:
    from rfgraph.onnxfile.building.fetching import ConstantFetcher

    return ConstantFetcher(partial(_restore, file))


def _restore(file: StoredModel, tensor: onnx.TensorProto) -> NDArray[Any] | None:
    return stored_value(file.restore(tensor))


def _longer_shapes(
    declared: list[Declared],
    shapes: Mapping[str, Shape],
    open_dims: Dimensions,
    choice: Choice[Built],
) -> dict[str, Shape] | None:
    """Return the shapes with every length doubled that is open and more than 1; None without any.

    None as well where the file's arithmetic gives no length then.
    """
    lengths, reasons = choice.lengths, choice.reasons
    fixed = {key for key, reason in reasons.items() if reason.fixed}
    doubled = {key: 2 * n for key, n in lengths.items() if n > 1 and key not in fixed}
    if not doubled:
        return None
    try:
        longer = concrete_inputs(declared, shapes, open_dims, {**lengths, **doubled}, {})
    except ModelError:
        return None
    return {item.name: item.shape for item in longer}


def _given_constants(
    graph: onnx.GraphProto, input_values: Mapping[str, NDArray[Any]]
) -> dict[str, Value]:
    """Return the inputs whose values are given, as constants."""
    arrays = {name: as_declared(graph, name, array) for name, array in input_values.items()}
    return {
        name: Value(tuple(array.shape), constant=True, data=array) for name, array in arrays.items()
    }


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
                f"no input {quote(name)}; the inputs are {', '.join(map(quote, names[:8]))}"
            )
    return shapes


class Built(NamedTuple):
    """The graph of a model for some lengths of its inputs."""

    graph: Graph
    outputs: tuple[str, ...]
    unanalysed: tuple[Unanalysed, ...]
    masks: StoredMasks | None
    revision: Revision | None = None
    edits: tuple[Edit, ...] = ()


def _build(
    builder: Builder, proto: onnx.ModelProto, constants: Mapping[str, Value]
) -> Built | Refusal:
    """Return what the builder makes of its inputs, or why the graph refuses them."""
    try:
        entries = builder.build(constants)
    except ModelError as error:
        return Refusal(error, builder.operators, *builder.refused)
    return Built(
        builder.writer.graph,
        tuple(_output_names(proto, builder, entries)),
        tuple(builder.writer.unanalysed),
        None if builder.masks is None else builder.masks.report(),
        *_revision(builder.reviser),
    )


def _revision(reviser: Reviser | None) -> tuple[Revision | None, tuple[Edit, ...]]:
    if reviser is None:
        return None, ()
    from rfgraph.relations.beside import Revision

    return Revision(tuple(reviser.changes), tuple(reviser.warnings)), tuple(reviser.edits)


def _output_names(proto: onnx.ModelProto, builder: Builder, entries: list[Any]) -> list[str]:
    """Return the tensors of the graph outputs, of a sequence its elements.

    A constant one stands in the graph without edges.
    """
    names: dict[str, None] = {}
    for value, entry in zip(proto.graph.output, entries, strict=True):
        for item in entry.items or (entry,):
            if item.tensor is None and value.name not in builder.writer.graph:
                builder.writer.graph.add_node(value.name, shape=item.value.shape, producer=None)
            names[item.tensor or value.name] = None
    return list(names)
