"""What the families of onnxruntime's own operators share: standard rules on other operands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rfgraph.ops import registry
from rfgraph.ops.chain import Chain
from rfgraph.ops.node import Link, OpNode, Outcome, UnresolvedError, Value
from rfgraph.ops.steps import expect_broadcast, own_link, parameter_links, scalar_links
from rfgraph.relations.steps import Permute, Pointwise, Prefix, Reduce, Step, Taps
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rfgraph.relations.axis_rules import Shape


rule = partial(registry.rule, domain="com.microsoft")
# The version of the standard operators that the others are described by.
STANDARD = 22


@dataclass(frozen=True, slots=True)
class Operand:
    """An input of the node as a standard operator takes it: `steps` lead from it to `value`."""

    slot: int
    value: Value
    steps: tuple[Step, ...] = ()


def permuted_operand(node: OpNode, slot: int, perm: tuple[int, ...]) -> Operand:
    """Return an input with its axes permuted."""
    value, lengths = node.value(slot), node.ranked(slot, len(perm), len(perm))
    if perm == tuple(range(len(perm))):
        return Operand(slot, value)
    shape = tuple(lengths[axis] for axis in perm)
    data = None if value.data is None else value.data.transpose(perm)
    return Operand(slot, Value(shape, value.constant, data), (Permute(perm),))


def apply_standard(
    node: OpNode,
    op_type: str,
    operands: Sequence[Operand | int | None],
    attributes: Mapping[str, Any] | None = None,
    version: int = STANDARD,
    scalars: Iterable[int] = (),
) -> Outcome:
    """Return what the rule of the standard operator `op_type` says of these operands.

    A number stands for that input of the node as it is, if it is there. Links lead from the inputs
    of the node. Attributes are those of the node unless given. `scalars` are optional inputs of
    one element that every output reads beside.
    """
    entry = registry.find_rule("", op_type)
    if entry is None:
        raise UnresolvedError(f"the standard operator {quote(op_type)} has no rule")
    given = [_operand(node, item) if isinstance(item, int) else item for item in operands]
    view = OpNode(
        op_type,
        [None if operand is None else operand.value for operand in given],
        node.outputs,
        node.attributes if attributes is None else attributes,
        version=version,
        name=node.name,
    )
    view.read = node.read
    outcome = entry.function(view)
    sources = {slot: operand for slot, operand in enumerate(given) if operand is not None}
    links = tuple(_link_from(sources[link.input], link) for link in outcome.links)
    outcome = Outcome(outcome.shapes, links, outcome.values)
    return with_scalars(node, outcome, scalars) if scalars else outcome


def _operand(node: OpNode, slot: int) -> Operand | None:
    return Operand(slot, node.value(slot)) if node.has(slot) else None


def first_shape(found: Outcome) -> Shape:
    """Return the shape of the first output; raise UnresolvedError if it could not be told."""
    shape = found.shapes[0] if found.shapes else None
    if shape is None:
        raise UnresolvedError("the shape of the output is not known")
    return shape


def with_links(found: Outcome, *links: Iterable[Link]) -> Outcome:
    """Return the outcome with more links."""
    return Outcome(found.shapes, (*found.links, *(link for more in links for link in more)))


def with_scalars(node: OpNode, found: Outcome, slots: Iterable[int]) -> Outcome:
    """Return the outcome with optional inputs of one element added, that every output reads."""
    return with_links(found, scalar_links(node, slots, first_shape(found)))


def _link_from(operand: Operand, link: Link) -> Link:
    """Return the link as one from the input that the operand was made of."""
    spatial = link.spatial
    for step in operand.steps:
        if isinstance(step, Permute):
            spatial = tuple(step.perm[axis] for axis in spatial)
    steps = (*operand.steps, *link.steps)
    # What is said of stored numbers is said of the standard operator's inputs.
    how = link.how and link.how._replace(stored=None)
    return Link(operand.slot, steps, link.output, tuple(sorted(spatial)), how)


# -- channels last ---------------------------------------------------------------------------------


def channels_first(rank: int) -> tuple[int, ...]:
    """Return the permutation from (batch, space..., channel) to (batch, channel, space...)."""
    return (0, rank - 1, *range(1, rank - 1))


def channels_last(rank: int) -> tuple[int, ...]:
    """Return the permutation from (batch, channel, space...) to (batch, space..., channel)."""
    return (0, *range(2, rank), 1)


def with_channels_last(
    node: OpNode,
    op_type: str,
    slots: Sequence[int],
    version: int = STANDARD,
) -> Outcome:
    """Return what a standard operator reads that holds the channels last.

    `slots` are the node's inputs in the order of that operator; the first one and the output hold
    the channels on the last axis.
    """
    (first, *rest) = slots or [0]
    data = permuted_operand(node, first, channels_first(len(node.ranked(first, 3))))
    outcome = apply_standard(node, op_type, [data, *rest], version=version)
    shapes = tuple(
        None if shape is None else _channels_moved_last(shape) for shape in outcome.shapes
    )
    links = [
        replace(link, steps=_with_channels_moved(node.shape(link.input), link.steps))
        for link in outcome.links
    ]
    return Outcome(shapes, tuple(links))


def _channels_moved_last(shape: Shape) -> Shape:
    return tuple(shape[axis] for axis in channels_last(len(shape))) if len(shape) > 2 else shape


def _with_channels_moved(shape: Shape, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return `steps` followed by the channels' way to the end.

    Where all of them keep the axes apart, the axes are renamed instead, which moves nothing.
    """
    rank = len(Chain(shape).add(*steps).shape)
    if rank < 3:
        return steps
    first = channels_first(rank)
    if steps and steps[0] == Permute(first):
        renamed = [_rename_axes(step, first) for step in steps[1:]]
        if renamed and None not in renamed:
            return tuple(step for step in renamed if step is not None)
    return (*steps, Permute(channels_last(rank)))


def _rename_axes(step: Step, axes: tuple[int, ...]) -> Step | None:
    """Return a step with axis a called axes[a], None if it does not keep the axes apart."""
    if isinstance(step, Pointwise) and len(step.shape) == len(axes):
        return Pointwise(_channels_moved_last(step.shape))
    if isinstance(step, Taps):
        return Taps(tuple(sorted((axes[a], rule) for a, rule in step.rules)))
    if isinstance(step, Reduce):
        return Reduce(tuple(sorted((axes[a], rule) for a, rule in step.rules)), step.weighted)
    if isinstance(step, Prefix):
        return Prefix(tuple(sorted((axes[a], rule) for a, rule in step.rules)))
    return None


# -- operands --------------------------------------------------------------------------------------


def broadcast_links(node: OpNode, slot: int, shape: Shape, output: int = 0) -> tuple[Link, ...]:
    """Return the link of an optional input that broadcasts to `shape`."""
    if not node.has(slot):
        return ()
    expect_broadcast(node, slot, shape)
    return (own_link(shape, slot, output),)


def vector_links(
    node: OpNode, slot: int, shape: Shape, axis: int = -1, output: int = 0
) -> tuple[Link, ...]:
    """Return the link of an optional input that holds one value, or one per position of `axis`."""
    if not node.has(slot) or not shape:
        return ()
    return parameter_links(node, slot, shape, axis % len(shape), output)
