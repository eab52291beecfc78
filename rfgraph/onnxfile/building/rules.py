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
from rfgraph.wording.names import printable, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.call import Call
    from rfgraph.onnxfile.building.fetching import ConstantFetcher
    from rfgraph.onnxfile.building.stored_masks import MaskTracker
    from rfgraph.relations.axis_rules import Shape
    from rfgraph.relations.operator import Operator


# Inputs of a node, and elements of each, by which it is told from others: beyond, it is not.
MAX_COMPARED = 16


class Rules:
    """The rules of one model: the caller's `own`, by (domain, operator), before the registered.

    `declared` are the shapes that the file states, for what has no rule. `masks` and `constants`
    follow stored masks, and fetch the values of constants, where these are asked for.
    """

    def __init__(
        self,
        own: Mapping[tuple[str, str], registry.Rule],
        declared: Mapping[str, Shape],
        masks: MaskTracker | None,
        constants: ConstantFetcher | None,
    ) -> None:
        self._own = own
        self._declared = declared
        self._masks, self._constants = masks, constants
        self._outcomes: dict[object, Outcome] = {}

    def own(self, operator: Operator) -> registry.Rule | None:
        """Return the caller's rule, None without; UsageError where its key is the wrong way."""
        key = registry.normal_domain(operator.domain), operator.op_type
        rule, turned = self._own.get(key), key[::-1]
        if rule is None and turned in self._own:
            raise UsageError(
                "rules requires domain before operator in its keys: "
                + printable(f"{key}, found {turned}", 160)
            )
        return rule

    def apply(self, call: Call, rule: registry.Rule | None) -> list[Entry]:
        """Add what the rule of a node says; without one, all of it is unknown."""
        if self._constants is not None:
            self._constants.note(call.operator, call.values)
        own = self.own(call.operator) is not None
        key = None if own or self._constants is not None else _told_by(call)
        known = self._outcomes.get(key)
        if known is not None:
            return self._connect(call, known)
        op_node, budget = call.op_node(masks=self._masks is not None), call.writer.budget
        listed = budget.listed
        outcome, reason = self._outcome(call, op_node, rule)
        if reason and self._masks is not None:
            # What cannot be cut for its size is as it would be without masks.
            budget.listed = listed
            op_node = self._masks.without_masks(op_node)
            outcome, reason = self._outcome(call, op_node, rule)
        if key is not None and not reason:
            self._outcomes[key] = outcome
        made = self._connect(call, outcome)
        if self._masks is not None and not reason and not own:
            made = self._masks.with_marks(call, op_node, made)
        if reason and not _follows_from_another(call):
            call.report(reason, made)
        return made

    def _outcome(
        self, call: Call, op_node: OpNode, rule: registry.Rule | None
    ) -> tuple[Outcome, str]:
        """Return what the rule says, or all that can be said without it and why."""
        budget = call.writer.budget
        if rule is None:
            domain = f" of domain {quote(op_node.domain)}" if op_node.domain else ""
            reason = f"operator {quote(op_node.op_type)}{domain} has no rule"
        else:
            try:
                outcome = rule(op_node)
                budget.list_indices(outcome.links)
                return outcome, ""
            except (UnresolvedError, BoundError) as error:
                reason = str(error)
            finally:
                budget.take(op_node.taken)
        shapes = inference.inferred_shapes(call.node, call.values, call.scope.opsets)
        shapes = [
            self._declared.get(name) if shape is None and not call.scope.prefix else shape
            for name, shape in zip(call.outputs, shapes, strict=True)
        ]
        budget.connect(len(shapes) * len(op_node.inputs))
        return _unknown_outcome(op_node, shapes), reason

    def _connect(self, call: Call, outcome: Outcome) -> list[Entry]:
        """Add the outputs that data reaches as tensors with edges; the others are constants."""
        count = len(call.outputs)
        shapes = [*outcome.shapes, *([None] * count)][:count]
        for shape in shapes:
            check_shape(shape)
        reads: list[list[tuple[Entry, Link]]] = [[] for _ in shapes]
        for link in outcome.links:
            entry = call.entry(link.input)
            if entry is not None and entry.tensor is not None and link.output < count:
                reads[link.output].append((entry, link))
        if not any(reads):
            made = _constants(call, outcome, shapes)
            if self._constants is not None and made:
                value = self._constants.with_computed(call, made[0].value)
                made[0] = made[0]._replace(value=value)
            return made
        return list(map(call.add, call.outputs, shapes, reads))


def _told_by(call: Call) -> object:
    """Return all that a rule may look at in a node, None where that is much to compare."""
    if not 0 < len(call.entries) <= MAX_COMPARED or call.scope.attributes:
        return None
    operator = call.operator
    domain = registry.normal_domain(operator.domain)
    told: list[object] = [operator.op_type, domain, call.scope.opsets.get(domain)]
    told += map(bool, call.outputs)
    for value in call.values:
        data = None if value is None else value.data
        if data is not None and (data.size > MAX_COMPARED or data.dtype.kind not in "biuf"):
            return None
        told += (None,) if value is None else (value.shape, value.constant)
        told += () if data is None else (data.dtype, data.tobytes())
    told += [attribute.SerializeToString() for attribute in call.node.attribute]
    return tuple(told)


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


def _constants(call: Call, outcome: Outcome, shapes: Sequence[Shape | None]) -> list[Entry]:
    """Return the outputs of a node of constants, evaluated where they may steer a shape."""
    data: list[NDArray[Any] | None] = [*outcome.values, *([None] * len(shapes))]
    if not outcome.values and fold.may_fold(call, shapes):
        inputs = [None if value is None else value.data for value in call.values]
        results = fold.evaluate(fold.plain(call), call.scope.opsets.get("", 1), inputs)
        data = [*(results or []), *([None] * len(shapes))]
    kept = call.writer.budget.fold(data)
    made = []
    for shape, array in zip(shapes, data, strict=False):
        known = shape if array is None else tuple(array.shape)
        made.append(Entry(Value(known, constant=True, data=array if kept else None)))
    return made
