"""The training preview: optimizers, and gradients taken within a graph."""

from __future__ import annotations

from typing import NamedTuple

from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import scalar_link, unknown_links
from rfgraph.relations.steps import Pointwise

DOMAIN = "ai.onnx.preview.training"
RATE, COUNT = 0, 1


class Update(NamedTuple):
    """What a new value reads: its tensor's value, gradient and states by kind, and scalars."""

    kinds: tuple[int, ...]
    scalars: tuple[int, ...] = ()


@rule("Adagrad", domain=DOMAIN, ignores="decay_factor epsilon norm_coefficient")
def adagrad(node: OpNode) -> Outcome:
    """An output reads the same index of its tensor's value, gradient and accumulated square.

    A new value also reads the learning rate and the update count.

    Exact. All versions.
    """
    return _optimizer_outcome(node, 3, (Update((0, 1, 2), (RATE, COUNT)), Update((0, 1, 2))))


@rule("Momentum", domain=DOMAIN, ignores="alpha beta mode norm_coefficient")
def momentum(node: OpNode) -> Outcome:
    """An output reads the same index of its tensor's value, gradient and momentum.

    It also reads the update count, a new value the learning rate too.

    Exact. All versions.
    """
    return _optimizer_outcome(
        node, 3, (Update((0, 1, 2), (RATE, COUNT)), Update((0, 1, 2), (COUNT,)))
    )


@rule("Adam", domain=DOMAIN, ignores="alpha beta epsilon norm_coefficient norm_coefficient_post")
def adam(node: OpNode) -> Outcome:
    """An output reads the same index of its tensor's value, gradient and accumulated state.

    A new value reads both states, the learning rate and the update count.

    Exact. All versions.
    """
    updates = Update((0, 1, 2, 3), (RATE, COUNT)), Update((0, 1, 2)), Update((0, 1, 3))
    return _optimizer_outcome(node, 4, updates)


def _optimizer_outcome(node: OpNode, kinds: int, updates: tuple[Update, ...]) -> Outcome:
    """Return the outcome of an optimizer of tensors given as all values, all gradients, states."""
    count, rest = divmod(len(node.inputs) - 2, kinds)
    if count < 1 or rest:
        raise RuleError(
            f"requires two scalars and {kinds} inputs for each tensor, found {len(node.inputs)}"
        )
    shapes = [node.shape(2 + number) for number in range(count)]
    for slot in range(2 + count, len(node.inputs)):
        node.expect_shape(slot, shapes[(slot - 2) % count])
    links: list[Link] = []
    for output in range(node.n_outputs):
        turn, number = divmod(output, count)
        if turn < len(updates):
            steps = (Pointwise(shapes[number]),)
            slots = [2 + kind * count + number for kind in updates[turn].kinds]
            links.extend(Link(slot, steps, output) for slot in slots)
            scalars = updates[turn].scalars
            links.extend(scalar_link(node, slot, shapes[number], output) for slot in scalars)
    made = shapes * len(updates)
    return Outcome(tuple(made[: node.n_outputs]), tuple(links))


@rule("Gradient", domain=DOMAIN, ignores="y zs")
def gradient(node: OpNode) -> Outcome:
    """An output may read all of every input: what lies between them is a part of the graph.

    Unknown: that part is not followed. All versions.
    """
    names = node.attribute("xs")
    count = len(names) if isinstance(names, list) else 0
    if not 0 < count <= len(node.inputs):
        raise RuleError(f"attribute 'xs' requires 1 to {len(node.inputs)} names, found {count}")
    shapes = tuple(node.shape(slot) for slot in range(count))[: node.n_outputs]
    return Outcome(shapes, tuple(unknown_links(node, node.data_inputs(), shapes)))
