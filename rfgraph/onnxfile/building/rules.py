"""What the rule of a node makes of it: tensors with edges, constants, or all of it unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rfgraph.errors import BoundError, UsageError
from rfgraph.onnxfile.building import fold, inference
from rfgraph.onnxfile.building.scope import Entry
from rfgraph.onnxfile.reading.tensors import check_shape
from rfgraph.ops import registry
from rfgraph.ops.node import Link, OpNode, Outcome, UnresolvedError, Value
from rfgraph.relations.graph import producer_of
from rfgraph.relations.steps import Everything
from rfgraph.wording.names import printable, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.relations.axis_rules import Shape


class Rules:
    """The rules of one model: the caller's `own`, by (domain, operator), before the registered.

    `declared` are the shapes that the file states, for what has no rule.
    """

    def __init__(
        self, own: Mapping[tuple[str, str], registry.Rule], declared: Mapping[str, Shape]
    ) -> None:
        self._own = own
        self._declared = declared

    def has_own(self, node: onnx.NodeProto) -> bool:
        """Whether the caller has a rule for a node; UsageError where its key is the wrong way."""
        key = registry.normal_domain(node.domain), node.op_type
        turned = key[1], key[0]
        if key not in self._own and turned in self._own:
            raise UsageError(
                "rules requires domain before operator in its keys: "
                + printable(f"{key}, found {turned}", 160)
            )
        return key in self._own

    def find(self, domain: str, op_type: str) -> registry.Rule | None:
        """Return the rule of an operator, None if there is none."""
        own = self._own.get((registry.normal_domain(domain), op_type))
        if own is not None:
            return own
        entry = registry.find_rule(domain, op_type)
        return None if entry is None else entry.function

    def apply(self, call: Call) -> list[Entry]:
        """Add what the rule of a node says; without one, all of it is unknown."""
        if call.constants is not None:
            call.constants.note(call.operator, call.values)
        op_node, budget = call.op_node(), call.writer.budget
        listed = budget.listed
        outcome, reason = self._outcome(call, op_node)
        if reason and call.masks is not None:
            # What cannot be cut for its size is as it would be without masks.
            budget.listed = listed
            op_node = call.masks.without_masks(op_node)
            outcome, reason = self._outcome(call, op_node)
        made = _connect(call, outcome)
        if call.masks is not None and not reason and not self.has_own(call.node):
            made = call.masks.with_marks(call, op_node, made)
        if reason and not _follows_from_another(call):
            call.report(reason, made)
        return made

    def _outcome(self, call: Call, op_node: OpNode) -> tuple[Outcome, str]:
        """Return what the rule says, or all that can be said without it and why."""
        node, budget = call.node, call.writer.budget
        rule = self.find(op_node.domain, op_node.op_type)
        if rule is None:
            domain = f" of domain {quoted(node.domain)}" if op_node.domain else ""
            reason = f"operator {quoted(node.op_type)}{domain} has no rule"
        else:
            try:
                outcome = rule(op_node)
                budget.list_indices(outcome.links)
                return outcome, ""
            except (UnresolvedError, BoundError) as error:
                reason = str(error)
            finally:
                budget.take(op_node.taken)
        shapes = inference.inferred_shapes(node, call.values, call.scope.opsets)
        shapes = [
            self._declared.get(name) if shape is None and not call.scope.prefix else shape
            for name, shape in zip(node.output, shapes, strict=True)
        ]
        budget.connect(len(shapes) * len(op_node.inputs))
        return _unknown_outcome(op_node, shapes), reason


def _unknown_outcome(op_node: OpNode, shapes: Sequence[Shape | None]) -> Outcome:
    """Return the outcome of an operator without a rule: all outputs may read all inputs."""
    links = tuple(
        Link(slot, (Everything(shape or (), unknown=True),), number)
        for number, shape in enumerate(shapes)
        for slot in op_node.data_inputs()
    )
    return Outcome(tuple(shapes), links)


def _follows_from_another(call: Call) -> bool:
    """Whether an input has no shape because an operator before it was not followed."""
    return any(
        entry is not None
        and entry.tensor is not None
        and entry.value.shape is None
        and producer_of(call.writer.graph, entry.tensor) is not None
        for entry in call.entries
    )


def _connect(call: Call, outcome: Outcome) -> list[Entry]:
    """Add the outputs that data reaches as tensors with edges; the others are constants."""
    count = len(call.node.output)
    shapes = [*outcome.shapes, *([None] * count)][:count]
    for shape in shapes:
        check_shape(shape)
    fed = _fed_links(outcome, call)
    if not any(number < count for number in fed):
        return _constants(call, outcome, shapes)
    made = []
    for number, (name, shape) in enumerate(zip(call.node.output, shapes, strict=True)):
        if not name or number not in fed:
            made.append(Entry(Value(shape, constant=True)))
            continue
        tensor = call.add_tensor(name, shape)
        parts: dict[int, int] = {}
        for link, source in fed[number]:
            call.writer.add_edge(source, tensor, call.operator, link, shape, parts)
        made.append(Entry(Value(shape), tensor))
    return made


def _fed_links(outcome: Outcome, call: Call) -> dict[int, list[tuple[Link, Entry]]]:
    """Return for each output the links along which data comes, with what they read."""
    fed: dict[int, list[tuple[Link, Entry]]] = {}
    for link in outcome.links:
        entry = call.entry(link.input)
        if entry is not None and entry.tensor is not None:
            fed.setdefault(link.output, []).append((link, entry))
    return fed


def _constants(call: Call, outcome: Outcome, shapes: Sequence[Shape | None]) -> list[Entry]:
    """Return the outputs of a node of constants, evaluated where they may steer a shape."""
    node, scope = call.node, call.scope
    data: list[NDArray[Any] | None] = [*outcome.values, *([None] * len(shapes))]
    if not outcome.values and fold.may_fold(node, call.entries, shapes):
        inputs = [None if value is None else value.data for value in call.values]
        results = fold.evaluate(fold.plain(node, scope), scope.opsets.get("", 1), inputs)
        data = [*(results or []), *([None] * len(shapes))]
    kept = call.writer.budget.fold(data)
    made = []
    for shape, array in zip(shapes, data, strict=False):
        known = shape if array is None else tuple(array.shape)
        made.append(Entry(Value(known, constant=True, data=array if kept else None)))
    if call.constants is not None and made:
        made[0] = made[0]._replace(value=call.constants.with_computed(call, made[0].value))
    return made
