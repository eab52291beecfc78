"""onnxruntime's selective state spaces: a convolution, a recurrence and a norm in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule, vector_links
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, scalar_link, trim_outputs
from rfgraph.relations.axis_rules import Shape, Window

if TYPE_CHECKING:
    from collections.abc import Iterator


TAPS = 4


@dataclass(frozen=True, slots=True)
class Mixer:
    """The lengths of a mixer: a token's features lie as gate, what is convolved, time steps."""

    tokens: int
    slots: int
    heads: int
    inner: int
    channels: int

    @property
    def width(self) -> int:
        """The number of features of a token before it is mixed."""
        return self.inner + self.channels + self.heads

    @property
    def out(self) -> Shape:
        """The shape of the result."""
        return (self.tokens, self.inner)

    @property
    def convolved(self) -> Shape:
        """The shape of what the convolution gives."""
        return (self.tokens, self.channels)

    @property
    def history(self) -> Shape:
        """The shape of the snapshots of the convolution."""
        return (self.slots, self.channels, TAPS - 1)


def _mixer(node: OpNode) -> Mixer:
    heads, groups = node.int("heads"), node.int("n_groups")
    size, state = node.int("head_dim", 64), node.int("d_state", 128)
    if min(heads, groups, size, state) < 1 or heads % groups:
        raise RuleError(
            f"requires positive lengths, and heads that n_groups divides, found heads {heads}, "
            f"n_groups {groups}, head_dim {size} and d_state {state}"
        )
    slots, inner = node.ranked(1, 3, 3)[0], heads * size
    mixer = Mixer(node.ranked(0, 2, 2)[0], slots, heads, inner, inner + 2 * groups * state)
    node.expect_shape(0, (mixer.tokens, mixer.width))
    node.expect_shape(1, mixer.history)
    node.expect_shape(2, (slots, heads, state, size))
    return mixer


@rule("Mamba2Verify", ignores="epsilon time_step_min")
def mamba2_verify(node: OpNode) -> Outcome:
    """An output reads its own token and those before it, and the snapshots that came in.

    That goes for the result and for readout, which reads no gate and no norm. xbc reads four tokens
    up to its own, of its own channel, before the first from the snapshot of the convolution, and
    the weights of its channel.

    Upper bound: but for xbc heads, groups and features are not told apart. Unknown: which of the
    snapshots that came in are read, and by which tokens a new one is made. onnxruntime has no CPU
    kernel to compare with. Versions: all (1).
    """
    mixer = _mixer(node)
    ssm = node.shape(2)
    links = [*_convolution_links(node, mixer), *vector_links(node, 8, mixer.out)]
    for output, start in ((0, 0), (4, mixer.inner)):
        chain = Chain(node.shape(0)).take(1, start, mixer.width - start)
        chain.band(0, None, 0)
        chain.reduce([1], weighted=True).broadcast(mixer.out)
        links.append(chain.link(0, output))
        links.extend(everything_links(node, (1, 2), mixer.out, output, unknown=True))
        links.extend(everything_links(node, (3, 4, 5, 6, 7, 9), mixer.out, output))
    for output, to, slots in ((1, mixer.history, (0, 1, 9)), (2, ssm, (*range(7), 9))):
        links.extend(everything_links(node, slots, to, output, unknown=True))
    return trim_outputs(node, (mixer.out, mixer.history, ssm, mixer.convolved, mixer.out), links)


def _convolution_links(node: OpNode, mixer: Mixer) -> Iterator[Link]:
    """Yield the links of what the convolution gives, output 3."""
    tokens, channels = mixer.convolved
    own = Chain(node.shape(0)).take(1, mixer.inner, channels)
    own.taps(0, Window(TAPS, 1, 1, TAPS - 1, tokens, tokens))
    yield own.link(0, 3, (0,))
    before = Chain(mixer.history).reduce([0], unknown=True)
    before.regroup((channels, TAPS - 1)).permute(1, 0)
    before.taps(0, Window(TAPS, 1, 1, 0, TAPS - 1, tokens))
    yield before.link(1, 3, (2,))
    kernel = node.ranked(3, 2, 3)
    node.expect_shape(3, (channels, *(1,) * (len(kernel) - 2), TAPS))
    weights = Chain(kernel).reduce(range(1, len(kernel)), weighted=True)
    yield weights.reshape((channels,)).broadcast(mixer.convolved).link(3, 3)
    yield from vector_links(node, 4, mixer.convolved, output=3)
    yield scalar_link(node, 9, mixer.convolved, 3)
