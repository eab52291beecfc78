"""From the file's nodes to the graph of data dependences, in one forward walk.

For each node its rule says the shapes of the outputs and what they read; what no data reaches is a
constant, evaluated where it may steer a shape. Nodes that cannot be followed become unknown edges.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import networkx as nx

from rfgraph.errors import BoundError, ModelError
from rfgraph.onnxfile.building import fold, inference
from rfgraph.onnxfile.building.attributes import decode_all, sparse_value, tensor_value
from rfgraph.onnxfile.building.budget import Budget
from rfgraph.onnxfile.building.expansion import Expansion
from rfgraph.onnxfile.building.order import NodeBoundError, NodeError, describe, in_order
from rfgraph.onnxfile.building.scope import Entry, Scope, opsets_of
from rfgraph.onnxfile.building.stored_masks import without_masks
from rfgraph.onnxfile.building.writer import parts_of
from rfgraph.onnxfile.control import bodies as control
from rfgraph.onnxfile.control import branches, loops, sequences
from rfgraph.onnxfile.reading.tensors import check_shape
from rfgraph.ops import registry
from rfgraph.ops.node import Link, OpNode, Outcome, UnresolvedError, Value
from rfgraph.relations.graph import Graph, ModelInput, Operator, Unanalysed
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Everything, Pointwise
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.stored_masks import Masks
    from rfgraph.relations.axis_rules import Shape


HANDLERS: dict[str, control.Handler] = {**branches.HANDLERS, **sequences.HANDLERS, **loops.HANDLERS}


class Builder:
    """Builds the graph of one model for one choice of input shapes."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        inputs: Iterable[ModelInput],
        rules: Mapping[tuple[str, str], registry.Rule],
        masks: Masks | None = None,
    ) -> None:
        self.graph: Graph = nx.MultiDiGraph()
        self.inputs = list(inputs)
        self.unanalysed: list[Unanalysed] = []
        self.functions = _functions(proto)
        self.expansion = Expansion(self.functions)
        self.rules = rules
        self.masks = masks
        self.budget = Budget()
        self.operators = 0
        # Sequences by identity, which are kept for it, and what stands for them.
        self._pools: dict[int, tuple[Entry, Entry | None]] = {}
        self._numbers: dict[str, int] = {}
        self._relations: dict[object, Relation] = {}
        self._declared: dict[str, Shape] = inference.declared_shapes(proto.graph)
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
            self.graph.add_node(item.name, shape=item.shape, producer=None)
        graph = self._proto.graph
        for item in graph.input:
            if item.name not in scope.names:
                scope.define(item.name, Entry(Value(None), item.name))
                self.graph.add_node(item.name, shape=None, producer=None)
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
        function = self.functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            made = control.call(self, function, node, entries, scope)
        else:
            handler = None
            if node.domain in ("", "ai.onnx"):
                handler = HANDLERS.get(node.op_type)
            handled = handler(self, operator, node, entries, scope) if handler else None
            if handled is None:
                handled = self.operator(operator, node, entries, scope)
            made = handled
        for name, entry in zip(node.output, made, strict=False):
            if name:
                scope.define(name, self._named(name, entry, operator, scope))

    def operator(
        self,
        operator: Operator,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> list[Entry]:
        """Apply the operator's rule; without one, its definition; else all of it is unknown."""
        entries = [self._whole(entry, operator, scope) for entry in entries]
        if self._rule(node.domain, node.op_type) is None:
            values = [None if entry is None else entry.value for entry in entries]
            body = inference.function_body(node, values, scope.opsets)
            made = None if body is None else self._by_definition(body, node, entries, scope)
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
        listed = self.budget.listed
        outcome, reason = self._outcome(op_node, node, values, scope)
        if reason and self.masks is not None:
            # What cannot be cut for its size is as it would be without masks.
            self.budget.listed = listed
            op_node = without_masks(op_node)
            outcome, reason = self._outcome(op_node, node, values, scope)
        made = self._connect(operator, node, entries, outcome, scope)
        own = (op_node.domain, node.op_type) in self.rules
        if self.masks is not None and not reason and not own:
            made = self.masks.marked(operator, op_node, node, made, scope)
        if reason and not self._follows_from_another(entries) and any(e.tensor for e in made):
            tensors = tuple(entry.tensor for entry in made if entry.tensor is not None)
            self.unanalysed.append(Unanalysed(operator, reason, tensors))
        return made

    def _by_definition(
        self,
        body: onnx.FunctionProto,
        node: onnx.NodeProto,
        entries: Sequence[Entry | None],
        scope: Scope,
    ) -> list[Entry] | None:
        """Inline an operator's definition by ONNX; None where that does not fit the node."""
        before = self.mark()
        try:
            return control.call(self, body, node, entries, scope)
        except ModelError:
            self.back_to(before)
            return None

    def mark(self) -> tuple[int, int]:
        """Return how much has been added so far."""
        return len(self.graph), len(self.unanalysed)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Take away what has been added since a mark."""
        tensors, reports = mark
        self.graph.remove_nodes_from(list(self.graph)[tensors:])
        del self.unanalysed[reports:]

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
                self.budget.list_indices(outcome.links)
                return outcome, ""
            except (UnresolvedError, BoundError) as error:
                reason = str(error)
            finally:
                self.budget.take(op_node.taken)
        shapes = inference.inferred_shapes(node, values, scope.opsets)
        shapes = [
            self._declared.get(name) if shape is None and not scope.prefix else shape
            for name, shape in zip(node.output, shapes, strict=True)
        ]
        self.budget.connect(len(shapes) * len(op_node.inputs))
        return unknown_outcome(op_node, shapes), reason

    def _follows_from_another(self, entries: Sequence[Entry | None]) -> bool:
        """Whether an input has no shape because an operator before it was not followed."""
        return any(
            entry is not None
            and entry.tensor is not None
            and entry.value.shape is None
            and self.graph.nodes[entry.tensor]["producer"] is not None
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
            tensor = self.add_tensor(scope.prefix + name, shape, operator)
            parts: dict[int, int] = {}
            for link, source in fed[number]:
                self.add_edge(source, tensor, operator, link, shape, parts)
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
        kept = self.budget.fold(data)
        made = []
        for shape, array in zip(shapes, data, strict=False):
            known = shape if array is None else tuple(array.shape)
            made.append(Entry(Value(known, constant=True, data=array if kept else None)))
        if self.masks is not None and made:
            value = self.masks.computed(node, scope, entries, made[0].value)
            made[0] = replace(made[0], value=value)
        return made

    # -- the graph -------------------------------------------------------------------------------

    def add_tensor(self, name: str, shape: Shape | None, operator: Operator) -> str:
        """Add a tensor and return its name in the graph, which differs if that one is taken."""
        unique, number = name, self._numbers.get(name, 1)
        while unique in self.graph:
            number += 1
            unique = f"{name}#{number}"
        self._numbers[name] = number
        self.graph.add_node(unique, shape=shape, producer=operator)
        return unique

    def add_edge(
        self,
        source: Entry,
        tensor: str,
        operator: Operator,
        link: Link,
        shape: Shape | None,
        parts: dict[int, int],
    ) -> None:
        """Add the edge of one link; parallel links of one input are numbered as its parts."""
        part = parts.get(link.input, 0)
        parts[link.input] = part + 1
        if source.tensor is None:
            return
        self.budget.connect(1)
        self.graph.add_edge(
            source.tensor,
            tensor,
            relation=self._relation(source.value.shape, link, shape),
            operator=operator,
            slot=link.input,
            output=link.output,
            part=part,
        )

    def _relation(self, source: Shape | None, link: Link, shape: Shape | None) -> Relation:
        steps, spatial = link.steps, link.spatial
        if source is None or shape is None:
            steps, spatial = (Everything(shape or (), unknown=True),), ()
        key = (source, steps, spatial)
        found = self._relations.get(key)
        if found is None:
            found = self._relations[key] = Relation(source or (), steps, spatial)
            if found.out_shape != (shape or ()):
                given = list(found.out_shape)
                raise ModelError(f"requires shape {list(shape or ())}, but its inputs give {given}")
        return found

    def _whole(self, entry: Entry | None, operator: Operator, scope: Scope) -> Entry | None:
        """Return a sequence that an operator reads as a whole as one tensor of unknown shape."""
        if entry is None or entry.items is None:
            return entry
        sources = [item for item in entry.items if item.tensor is not None]
        if not sources:
            return Entry(Value(None, constant=True))
        tensor = self.add_tensor(f"{scope.prefix}{operator.label}/sequence", None, operator)
        for slot, item in enumerate(sources):
            self.add_edge(item, tensor, operator, Link(slot, ()), None, {})
        return Entry(Value(None), tensor)

    def _pooled(self, entry: Entry | None, operator: Operator, scope: Scope) -> Entry | None:
        """Return a sequence as one tensor, the same for all its readers, each of one edge then."""
        if entry is None or entry.items is None or len(entry.items) < 2:
            return entry
        found = self._pools.get(id(entry))
        if found is None:
            flat = Entry(entry.value, None, tuple(parts_of(entry)))
            found = self._pools[id(entry)] = (entry, self._whole(flat, operator, scope))
        return found[1]

    def _named(self, name: str, entry: Entry, operator: Operator, scope: Scope) -> Entry:
        """Return the value under a node's output name; a tensor of another one is read as it is."""
        wanted = scope.prefix + name
        if entry.tensor is None or entry.tensor == wanted or entry.tensor.startswith(f"{wanted}#"):
            return entry
        return self.merged(name, [entry], operator, scope)

    def merged(
        self, name: str, sources: Sequence[Entry], operator: Operator, scope: Scope
    ) -> Entry:
        """Add a tensor that is one of several alternatives; a constant if none is fed by data."""
        shapes = {entry.value.shape for entry in sources}
        shape = shapes.pop() if len(shapes) == 1 else None
        if all(entry.tensor is None for entry in sources):
            return Entry(Value(shape, constant=True))
        tensor = self.add_tensor(scope.prefix + name, shape, operator)
        for slot, entry in enumerate(sources):
            if entry.tensor is not None:
                steps = () if shape is None else (Pointwise(shape),)
                self.add_edge(entry, tensor, operator, Link(slot, steps), shape, {})
        if len(sources) == 1:
            return Entry(Value(shape, marks=sources[0].value.marks), tensor)
        if shape is None:
            reason = "its alternatives have different shapes"
            self.unanalysed.append(Unanalysed(operator, reason, (tensor,)))
        return Entry(Value(shape), tensor)

    def unknown(
        self,
        name: str,
        sources: Sequence[Entry | None],
        operator: Operator,
        scope: Scope,
        reason: str,
        shape: Shape | None = None,
    ) -> Entry:
        """Add a tensor that may read all of several values, and report why no more can be said."""
        fed = [
            entry for source in sources for entry in parts_of(self._pooled(source, operator, scope))
        ]
        if not fed or not name:
            return Entry(Value(shape, constant=True))
        tensor = self.add_tensor(scope.prefix + name, shape, operator)
        for slot, entry in enumerate(fed):
            link = Link(slot, (Everything(shape or (), unknown=True),))
            self.add_edge(entry, tensor, operator, link, shape, {})
        self.unanalysed.append(Unanalysed(operator, reason, (tensor,)))
        return Entry(Value(shape), tensor)


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
