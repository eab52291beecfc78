"""From the file's nodes to the graph of data dependences, in one forward walk.

A node with a body or of sequences is followed into what it is made of. For any other its rule says
the shapes of the outputs and what they read; without one, its definition by ONNX does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import BoundError, ModelError, UsageError
from rfgraph.onnxfile.building import inference
from rfgraph.onnxfile.building.attributes import sparse_value, tensor_value
from rfgraph.onnxfile.building.call import Call
from rfgraph.onnxfile.building.expansion import Expansion
from rfgraph.onnxfile.building.order import (
    NodeBoundError,
    NodeError,
    NodeUsageError,
    describe,
    in_order,
)
from rfgraph.onnxfile.building.rules import Rules
from rfgraph.onnxfile.building.scope import Entry, Scope, opsets_of
from rfgraph.onnxfile.building.writer import Writer
from rfgraph.onnxfile.control.bodies import call_function
from rfgraph.onnxfile.control.handlers import find_handler
from rfgraph.onnxfile.lengths.refusal import lengths_at
from rfgraph.ops.node import Link, Value
from rfgraph.ops.registry import find_rule
from rfgraph.relations.how import SELECT
from rfgraph.relations.operator import Operator
from rfgraph.relations.steps import Pointwise
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import onnx

    from rfgraph.onnxfile.building.fetching import ConstantFetcher
    from rfgraph.onnxfile.building.revision import Reviser
    from rfgraph.onnxfile.building.stored_masks import MaskTracker
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.beside import Changes
    from rfgraph.relations.graph import ModelInput


class Builder:
    """Builds the graph of one model for one choice of input shapes."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        inputs: Iterable[ModelInput],
        rules: Mapping[tuple[str, str], Rule],
        masks: MaskTracker | None = None,
        changes: Changes | None = None,
        constants: ConstantFetcher | None = None,
    ) -> None:
        self.reviser = _reviser(changes, proto) if changes else None
        self.writer = Writer()
        self.masks = masks
        self._stored = stored_by(constants)
        self.operators = 0
        # The last node that was refused, the lengths that data gave it, and those that it states.
        self.refused: tuple[str, tuple[int, ...], tuple[int, ...]] = ("", (), ())
        self._proto = proto
        self._inputs = list(inputs)
        self._functions = _functions_of(proto)
        self._expansion = Expansion(self._functions)
        # What a file declares of its tensors holds at the lengths that it declares of its inputs,
        # and for the attributes that it has.
        replaced = bool(changes) or any(item.replaced for item in self._inputs)
        declared_shapes = {} if replaced else inference.declared_shapes(proto.graph)
        self._rules = Rules(rules, declared_shapes, masks, constants)

    def build(self, constants: Mapping[str, Value]) -> list[Entry]:
        """Fill the graph and return what the graph outputs stand for."""
        scope = Scope("", opsets_of(self._proto.opset_import))
        for name, value in constants.items():
            scope.define(name, Entry(value))
        for item in self._inputs:
            scope.define(item.name, Entry(Value(item.shape), item.name))
            self.writer.add_input(item.name, item.shape)
        graph = self._proto.graph
        for item in graph.input:
            if item.name not in scope.names:
                scope.define(item.name, Entry(Value(None), item.name))
                self.writer.add_input(item.name, None)
        self._expansion.check(graph.node, scope.find)
        self.walk(graph.node, scope)
        if self.reviser is not None:
            self.reviser.require_all()
        return [_output_of(scope, value.name) for value in graph.output]

    def walk(self, nodes: Sequence[onnx.NodeProto], scope: Scope) -> None:
        """Add the nodes of one graph body, in an order in which inputs come first."""
        for node in in_order(nodes, scope):
            self._add(node, scope)

    def _add(self, node: onnx.NodeProto, scope: Scope) -> None:
        """Add one node; an error names it."""
        try:
            self._define_outputs(node, scope)
        except (NodeError, NodeBoundError, NodeUsageError):
            raise
        except UsageError as error:
            what = f"{describe(node, scope.prefix)}: {error}"
            raise NodeUsageError(what) from error.__cause__
        except BoundError as error:
            raise NodeBoundError(f"{describe(node, scope.prefix)}: {error}") from None
        except ModelError as error:
            entries = [scope.find(name) for name in node.input if name]
            values = [None if entry is None else entry.value for entry in entries]
            self.refused = describe(node, scope.prefix), *lengths_at(node, values)
            raise NodeError(f"{describe(node, scope.prefix)}: {error}") from None

    def _define_outputs(self, node: onnx.NodeProto, scope: Scope) -> None:
        outputs = list(node.output)
        if not any(outputs):
            return
        operator = Operator(self.operators, scope.prefix + node.name, node.op_type, node.domain)
        self.operators += 1
        entries = [scope.find(name) if name else None for name in node.input]
        call = Call(
            *(operator, node, outputs, entries, scope, self.writer, self.walk, self._expansion),
            self._stored,
        )
        reviser = self.reviser
        made = self._follow(call) if reviser is None else reviser.follow(call, self._follow)
        for name, entry in zip(outputs, made, strict=False):
            if name:
                scope.define(name, _as_named(call, name, entry))

    def _follow(self, call: Call) -> list[Entry]:
        """Add a node by its body, its rule or its definition; return what its outputs stand for."""
        domain, op_type = call.operator.domain, call.operator.op_type
        rule = self._rules.own(call.operator)
        if rule is None:
            function = self._functions.get((domain, op_type, call.node.overload))
            if function is not None:
                return call_function(call, function)
            handler = find_handler(domain, op_type)
            made = None if handler is None else handler(call)
            if made is not None:
                return made
            registered = find_rule(domain, op_type)
            rule = None if registered is None else registered.function
        call = call.with_whole_sequences()
        if rule is None:
            made = _by_definition(call)
            if made is not None:
                return made
        return self._rules.apply(call, rule)


def _as_named(call: Call, name: str, entry: Entry) -> Entry:
    """Return a value under an output's name; a tensor of another one is read as it is."""
    full, shape = call.scope.prefix + name, entry.value.shape
    if entry.tensor is None or entry.tensor == full or entry.tensor.startswith(f"{full}#"):
        return entry
    steps = () if shape is None else (Pointwise(shape),)
    made = call.add(name, shape, [(entry, Link(0, steps, how=SELECT))])
    return made._replace(value=Value(shape, marks=entry.value.marks))


def _reviser(changes: Changes, proto: onnx.ModelProto) -> Reviser:
    from rfgraph.onnxfile.building.revision import Reviser

    return Reviser(changes, proto.graph.node)


def _by_definition(call: Call) -> list[Entry] | None:
    """Inline an operator's definition by ONNX; None without one that fits the node."""
    body = inference.function_body(call.node, call.values, call.scope.opsets)
    if body is None:
        return None
    before = call.writer.mark()
    try:
        return call_function(call, body)
    except ModelError:
        call.writer.back_to(before)
        return None


def _output_of(scope: Scope, name: str) -> Entry:
    entry = scope.find(name)
    if entry is None:
        raise ModelError(
            f"graph output {quote(name)} requires a tensor of its name, which nothing produces"
        )
    return entry


def _functions_of(proto: onnx.ModelProto) -> dict[tuple[str, str, str], onnx.FunctionProto]:
    functions: dict[tuple[str, str, str], onnx.FunctionProto] = {}
    for function in proto.functions:
        key = (function.domain, function.name, function.overload)
        if key in functions:
            raise ModelError(f"function {quote(function.name)} is defined twice")
        functions[key] = function
    return functions


def stored_by(constants: ConstantFetcher | None) -> Callable[[onnx.TensorProto], Value]:
    """Return what gives the value of a stored tensor."""
    return tensor_value if constants is None else constants.value_of


def initial_constants(
    graph: onnx.GraphProto, constants: ConstantFetcher | None = None
) -> dict[str, Value]:
    """Return the graph's stored tensors by name."""
    values: dict[str, Value] = {}
    stored = stored_by(constants)
    for tensor in graph.initializer:
        if tensor.name in values:
            raise ModelError(f"initializer {quote(tensor.name)} is given twice")
        values[tensor.name] = stored(tensor)
    for sparse in graph.sparse_initializer:
        values[sparse.values.name] = sparse_value(sparse)
    return values
