"""From the file's nodes to the graph of data dependences, in one forward walk.

For each node its rule says the shapes of the outputs and what they read; what no data reaches is a
constant, evaluated where it may steer a shape. Nodes that cannot be followed become unknown edges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, ModelError
from rfgraph.onnxfile.building import fold, inference
from rfgraph.onnxfile.building.attributes import decode_all, sparse_value, tensor_value
from rfgraph.onnxfile.building.expansion import Expansion
from rfgraph.onnxfile.building.order import NodeBoundError, NodeError, describe, in_order
from rfgraph.onnxfile.building.scope import Entry, Scope, opsets_of
from rfgraph.onnxfile.building.stored_masks import without_masks
from rfgraph.onnxfile.building.writer import Writer
from rfgraph.onnxfile.control import branches, loops, sequences
from rfgraph.onnxfile.control.bodies import call_function
from rfgraph.onnxfile.control.call import Call, Handler
from rfgraph.onnxfile.reading.tensors import check_shape
from rfgraph.ops import registry
from rfgraph.ops.node import Link, OpNode, Outcome, UnresolvedError, Value
from rfgraph.relations.graph import ModelInput, Operator, Unanalysed
from rfgraph.relations.steps import Everything
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.stored_masks import Masks
    from rfgraph.relations.axis_rules import Shape


HANDLERS: dict[str, Handler] = {**branches.HANDLERS, **sequences.HANDLERS, **loops.HANDLERS}


class Builder:
    """Builds the graph of one model for one choice of input shapes."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        inputs: Iterable[ModelInput],
        rules: Mapping[tuple[str, str], registry.Rule],
        masks: Masks | None = None,
    ) -> None:
        self.writer = Writer()
        self.inputs = list(inputs)
        self.functions = _functions(proto)
        self.expansion = Expansion(self.functions)
        self.rules = rules
        self.masks = masks
        self.operators = 0
        # What a file declares of its tensors holds at the lengths that it declares of its inputs.
        replaced = any(item.replaced for item in self.inputs)
        self._declared = {} if replaced else inference.declared_shapes(proto.graph)
        self._proto = proto

    def build(self, constants: Mapping[str, Value]) -> list[Entry]:
        """Fill the graph and return what the graph outputs stand for."""
        if self.masks is not None:
            self.masks.restart()
        scope = Scope("", opsets_of(self._proto.opset_import))
        for name, value in constants.items():
            scope.define(name, Entry(value))
        for item in self.inputs:
            scope.define(item.name, Entry(Value(item.shape), item.name))
            self.writer.add_input(item.name, item.shape)
        graph = self._proto.graph
        for item in graph.input:
            if item.name not in scope.names:
                scope.define(item.name, Entry(Value(None), item.name))
                self.writer.add_input(item.name, None)
        self.expansion.check(graph.node, scope.find)
        self.walk(graph.node, scope)
        return [self._output(value.name, scope) for value in graph.output]

    def walk(self, nodes: Sequence[onnx.NodeProto], scope: Scope) -> None:
        """Add the nodes of one graph body, in an order in which inputs come first."""
        for node in in_order(nodes, scope):
            self._node(node, scope)

    def _output(self, name: str, scope: Scope) -> Entry:
        found = scope.find(name)
        if found is None:
            raise ModelError(
                f"graph output {quoted(name)} requires a tensor of its name, which nothing produces"
            )
        return found

    # -- one node --------------------------------------------------------------------------------

    def _node(self, node: onnx.NodeProto, scope: Scope) -> None:
        """Add one node; an error names it."""
        try:
            self._add(node, scope)
        except (NodeError, NodeBoundError):
            raise
        except BoundError as error:
            raise NodeBoundError(f"{describe(node, scope.prefix)}: {error}") from None
        except ModelError as error:
            raise NodeError(f"{describe(node, scope.prefix)}: {error}") from None

    def _add(self, node: onnx.NodeProto, scope: Scope) -> None:
        if not any(node.output):
            return
        operator = Operator(self.operators, scope.prefix + node.name, node.op_type, node.domain)
        self.operators += 1
        entries = [scope.find(name) if name else None for name in node.input]
        made = self._handled(operator, node, entries, scope)
        if made is None:
            made = self.operator(operator, node, entries, scope)
        for name, entry in zip(node.output, made, strict=False):
            if name:
                scope.define(name, self.writer.named(scope.prefix + name, entry, operator))

    def _handled(
        self,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> list[Entry] | None:
        """Add a node with a body, or of sequences; None for one of which a rule can speak."""
        function = self.functions.get((node.domain, node.op_type, node.overload))
        handler = HANDLERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if function is not None:
            return call_function(self._call(operator, node, entries, scope), function)
        if handler is not None:
            return handler(self._call(operator, node, entries, scope))
        return None

    def _call(
        self,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> Call:
        return Call(
            operator, node, entries, scope, self.writer, self.walk, self.expansion, self.masks
        )

    def operator(
        self,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> list[Entry]:
        """Apply the operator's rule; without one, its definition; else all of it is unknown."""
        entries = [self.writer.whole(entry, operator, scope.prefix) for entry in entries]
        if self._rule(node.domain, node.op_type) is None:
            values = [None if entry is None else entry.value for entry in entries]
            body = inference.function_body(node, values, scope.opsets)
            made = (
                None if body is None else self._by_definition(body, operator, node, entries, scope)
            )
            if made is not None:
                return made
        values = [None if entry is None else entry.value for entry in entries]
        version = scope.opsets.get(registry.normal_domain(node.domain), 0)
        op_node = OpNode(
            node.op_type,
            values,
            [bool(name) for name in node.output],
            decode_all(node, scope.attributes),
            version or 1,
            registry.normal_domain(node.domain),
            node.name,
            masks=self.masks is not None,
        )
        listed = self.writer.budget.listed
        outcome, reason = self._outcome(op_node, node, values, scope)
        if reason and self.masks is not None:
            # What cannot be cut for its size is as it would be without masks.
            self.writer.budget.listed = listed
            op_node = without_masks(op_node)
            outcome, reason = self._outcome(op_node, node, values, scope)
        made = self._connect(operator, node, entries, outcome, scope)
        own = (op_node.domain, node.op_type) in self.rules
        if self.masks is not None and not reason and not own:
            made = self.masks.marked(operator, op_node, node, made, scope)
        if reason and not self._follows_from_another(entries) and any(e.tensor for e in made):
            tensors = tuple(entry.tensor for entry in made if entry.tensor is not None)
            self.writer.unanalysed.append(Unanalysed(operator, reason, tensors))
        return made

    def _by_definition(
        self,
        body: onnx.FunctionProto,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> list[Entry] | None:
        """Inline an operator's definition by ONNX; None where that does not fit the node."""
        before = self.writer.mark()
        try:
            return call_function(self._call(operator, node, entries, scope), body)
        except ModelError:
            self.writer.back_to(before)
            return None

    def _outcome(
        self, op_node: OpNode, node: onnx.NodeProto, values: Sequence[Value | None], scope: Scope
    ) -> tuple[Outcome, str]:
        """Return what the rule says, or all that can be said without it and why."""
        rule = self._rule(op_node.domain, op_node.op_type)
        if rule is None:
            domain = f" of domain {quoted(node.domain)}" if op_node.domain else ""
            reason = f"operator {quoted(node.op_type)}{domain} has no rule"
        else:
            try:
                outcome = rule(op_node)
                self.writer.budget.list_indices(outcome.links)
                return outcome, ""
            except (UnresolvedError, BoundError) as error:
                reason = str(error)
            finally:
                self.writer.budget.take(op_node.taken)
        shapes = inference.inferred_shapes(node, values, scope.opsets)
        shapes = [
            self._declared.get(name) if shape is None and not scope.prefix else shape
            for name, shape in zip(node.output, shapes, strict=True)
        ]
        self.writer.budget.connect(len(shapes) * len(op_node.inputs))
        return unknown_outcome(op_node, shapes), reason

    def _follows_from_another(self, entries: Sequence[Entry | None]) -> bool:
        """Whether an input has no shape because an operator before it was not followed."""
        return any(
            entry is not None
            and entry.tensor is not None
            and entry.value.shape is None
            and self.writer.graph.nodes[entry.tensor]["producer"] is not None
            for entry in entries
        )

    def _rule(self, domain: str, op_type: str) -> registry.Rule | None:
        """Return the caller's own rule for an operator, else the registered one."""
        own = self.rules.get((registry.normal_domain(domain), op_type))
        if own is not None:
            return own
        entry = registry.find_rule(domain, op_type)
        return None if entry is None else entry.function

    def _connect(
        self,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        outcome: Outcome,
        scope: Scope,
    ) -> list[Entry]:
        """Add the outputs that data reaches as tensors with edges; the others are constants."""
        count = len(node.output)
        shapes = [*outcome.shapes, *([None] * count)][:count]
        for shape in shapes:
            check_shape(shape)
        fed = _fed(outcome, entries)
        if not any(number < count for number in fed):
            return self._constants(node, entries, outcome, shapes, scope)
        made = []
        for number, (name, shape) in enumerate(zip(node.output, shapes, strict=True)):
            if not name or number not in fed:
                made.append(Entry(Value(shape, constant=True)))
                continue
            tensor = self.writer.add_tensor(scope.prefix + name, shape, operator)
            parts: dict[int, int] = {}
            for link, source in fed[number]:
                self.writer.add_edge(source, tensor, operator, link, shape, parts)
            made.append(Entry(Value(shape), tensor))
        return made

    def _constants(
        self,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        outcome: Outcome,
        shapes: Sequence[Shape | None],
        scope: Scope,
    ) -> list[Entry]:
        data: list[NDArray[Any] | None] = [*outcome.values, *([None] * len(shapes))]
        if not outcome.values and fold.may_fold(node, entries, shapes):
            inputs = [None if entry is None else entry.value.data for entry in entries]
            results = fold.evaluate(fold.plain(node, scope), scope.opsets.get("", 1), inputs)
            data = [*(results or []), *([None] * len(shapes))]
        kept = self.writer.budget.fold(data)
        made = []
        for shape, array in zip(shapes, data, strict=False):
            known = shape if array is None else tuple(array.shape)
            made.append(Entry(Value(known, constant=True, data=array if kept else None)))
        if self.masks is not None and made:
            value = self.masks.computed(node, scope, entries, made[0].value)
            made[0] = replace(made[0], value=value)
        return made


def _fed(outcome: Outcome, entries: Sequence[Entry | None]) -> dict[int, list[tuple[Link, Entry]]]:
    """Return for each output the links along which data comes, with what they read."""
    found: dict[int, list[tuple[Link, Entry]]] = {}
    for link in outcome.links:
        entry = entries[link.input] if link.input < len(entries) else None
        if entry is not None and entry.tensor is not None:
            found.setdefault(link.output, []).append((link, entry))
    return found


def unknown_outcome(op_node: OpNode, shapes: Sequence[Shape | None]) -> Outcome:
    """Return the outcome of an operator without a rule: all outputs may read all inputs."""
    links = tuple(
        Link(slot, (Everything(shape or (), unknown=True),), number)
        for number, shape in enumerate(shapes)
        for slot in op_node.data_inputs()
    )
    return Outcome(tuple(shapes), links)


def _functions(proto: onnx.ModelProto) -> dict[tuple[str, str, str], onnx.FunctionProto]:
    found: dict[tuple[str, str, str], onnx.FunctionProto] = {}
    for function in proto.functions:
        key = (function.domain, function.name, function.overload)
        if key in found:
            raise ModelError(f"function {quoted(function.name)} is defined twice")
        found[key] = function
    return found


def initial_constants(graph: onnx.GraphProto, masks: Masks | None = None) -> dict[str, Value]:
    """Return the graph's stored tensors by name."""
    found: dict[str, Value] = {}
    for tensor in graph.initializer:
        if tensor.name in found:
            raise ModelError(f"initializer {quoted(tensor.name)} is given twice")
        value = tensor_value(tensor)
        found[tensor.name] = value if masks is None else masks.stored(tensor, value)
    for sparse in graph.sparse_initializer:
        found[sparse.values.name] = sparse_value(sparse)
    return found
