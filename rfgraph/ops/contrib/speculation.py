"""onnxruntime's states of speculative decoding: what was captured, replayed and committed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, own_link, trim_outputs
from rfgraph.relations.axis_rules import Shape, Whole
from rfgraph.relations.steps import Pointwise, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator


# Words of control, of context, and of one pair of context, per request.
CONTROL = 16
CONTEXT = 2


@rule("ConvStateReplay GatedDeltaNetStateReplay")
def state_replay(node: OpNode) -> Outcome:
    """An element reads its own index of the destination, or a snapshot and what was captured since.

    Unknown: where in the buffers these lie, and where they are written, which metadata tells; all
    of the destination counts as kept. onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    shape = node.ranked(2, 1, 1)
    links = [own_link(shape, 2), *everything_links(node, (0, 1), shape, unknown=True)]
    return Outcome((shape,), (*links, *everything_links(node, (3,), shape)))


# What each output reads: cache length, control, context.
READ = ((2, 3, 6), (0, 1, 2, 3, 6), (0, 1, 2, 3, 4, 5, 6))


@rule("SpeculativePrefixCommit", ignores="head_rows")
def speculative_prefix_commit(node: OpNode) -> Outcome:
    """What is committed reads its own request's predictions, drafts, control and contexts.

    It also reads the status and the ring of results, which requests share. The cache length reads
    no tokens and no contexts, control no contexts.

    Upper bound: the words of a request are not told apart. Unknown: which of its request's prefixes
    the context is. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    control, context = node.shape(3), node.shape(4)
    batch, rest = divmod(math.prod(control), CONTROL)
    if batch < 1 or rest or math.prod(context) != CONTEXT * batch:
        raise RuleError(
            f"inputs 3 and 4 require {CONTROL} and {CONTEXT} words per request, "
            f"found shapes {list(control)} and {list(context)}"
        )
    shapes = ((batch,), control, context)
    links = [
        link
        for output, to in enumerate(shapes)
        for slot in READ[output]
        for link in _state_links(node, slot, batch, to, output)
    ]
    return trim_outputs(node, shapes, links)


def _state_links(node: OpNode, slot: int, batch: int, to: Shape, output: int) -> Iterator[Link]:
    """Yield the link of what requests share, or by which a request reads all that is its own."""
    if slot in (2, 6):
        yield from everything_links(node, (slot,), to, output)
        return
    state = node.shape(slot)
    words, rest = divmod(math.prod(state), batch)
    if rest:
        raise RuleError(f"input {slot} requires {batch} requests, found shape {list(state)}")
    own, under = (batch, words), (batch, math.prod(to) // batch)
    all_words = Reduce(((1, Whole(words, 1, unknown=slot == 5)),))
    yield Chain(state).reshape(own).add(all_words, Pointwise(under)).reshape(to).link(slot, output)
