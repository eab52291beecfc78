"""onnxruntime's rotary embeddings: a feature and the one it is rotated with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rfgraph.ops.contrib_common import DOMAIN, required
from rfgraph.ops.node import Chain, Link, OpNode, Outcome, RuleError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import bounded, pick_steps, reshaped, whole
from rfgraph.relations import Pointwise, Reduce, Regroup, Shape, Whole


@dataclass(frozen=True, slots=True)
class Rotation:
    """The shape of the input, its sequence axis, and the features of a head that are rotated."""

    shape: Shape
    size: int
    rotated: int
    interleaved: bool

    @property
    def split(self) -> Shape:
        """The shape with the heads apart, the sequence on axis 1 or, for heads first, on 2."""
        if len(self.shape) == 4:
            return self.shape
        return (*self.shape[:2], self.shape[2] // self.size, self.size)

    def places(self, tokens: Shape) -> Shape:
        """Return the shape under which (batch, sequence) broadcasts to `split`."""
        return (tokens[0], 1, tokens[1], 1) if len(self.shape) == 4 else (*tokens, 1, 1)

    def partner(self) -> Chain:
        """Return a chain to the feature that each one is rotated with."""
        at = np.arange(bounded(self.size, "a rotary embedding"))
        half = self.rotated // 2
        other = at ^ 1 if self.interleaved else np.where(at < half, at + half, at - half)
        chain = Chain(self.shape)
        if self.split != self.shape:
            chain.add(Regroup(self.split))
        chain.add(*pick_steps(np.where(at < self.rotated, other, -1), 3, self.size))
        return chain.add(*reshaped(self.split, self.shape) if self.split != self.shape else ())


def _rotation(node: OpNode) -> Rotation:
    shape = node.ranked(0, 3, 4)
    cosines = node.ranked(2, 2, 2)
    told = node.int("rotary_embedding_dim", 0)
    rotated = 2 * cosines[1]
    count = node.int("num_heads", 0)
    if len(shape) == 4:
        size = shape[3]
    elif told > 0 or count > 0:
        size = shape[2] // count if count > 0 and shape[2] % count == 0 else 0
    else:
        size = rotated
    width = shape[-1]
    if size < 1 or width % size or not 1 < rotated <= size or (told > 0 and told != rotated):
        raise RuleError(
            f"requires heads of at least {rotated} features in shape {list(shape)}, "
            f"found num_heads {count} and rotary_embedding_dim {told}"
        )
    return Rotation(shape, size, rotated, node.int("interleaved", 0) != 0)


def _tables(node: OpNode, rotation: Rotation) -> Iterator[Link]:
    """Yield the links of cosines and sines, whose rows the positions name."""
    shape = rotation.split
    for slot in (2, 3):
        found = node.ranked(slot, 2, 2)
        steps = (*whole(found, [1]), Reduce(((0, Whole(found[0], 1, unknown=True)),)))
        chain = Chain(found).add(*steps, Pointwise(shape))
        yield chain.add(*reshaped(shape, rotation.shape)).link(slot)


@rule("RotaryEmbedding", domain=DOMAIN, ignores=("is_packed_batching", "scale"))
def rotary_embedding(node: OpNode) -> Outcome:
    """An output reads its own feature and the one it is rotated with, in its own head and token.

    That is the one half of the rotated features away or, interleaved, its neighbour; features
    beyond the rotated ones are alone. It also reads the position of its token.

    Exact for the input and the positions. Unknown: which rows of computed tables are read; of a row
    all counts as read. Versions: all (1).
    """
    rotation = _rotation(node)
    shape = rotation.shape
    positions = node.ranked(1, 1, 2)
    if positions == (1,):
        chain = Chain(positions).add(Pointwise(shape))
    else:
        tokens = (shape[0], shape[2] if len(shape) == 4 else shape[1])
        chain = Chain(required(node, 1, tokens)).add(Regroup(rotation.places(tokens)))
        chain.add(Pointwise(rotation.split), *reshaped(rotation.split, shape))
    links = [Link(0, (Pointwise(shape),)), rotation.partner().link(0), chain.link(1)]
    return Outcome((shape,), (*links, *_tables(node, rotation)))


@rule(
    "MRotaryEmbedding",
    domain=DOMAIN,
    ignores=("is_packed_batching", "mrope_layout", "mrope_section", "scale"),
)
def mrotary_embedding(node: OpNode) -> Outcome:
    """An output reads its own feature and the one it is rotated with, in its own head and token.

    It also reads the three positions of its token.

    Exact for the input. Upper bound: of the positions, of which a feature needs one only. Unknown:
    which rows of computed tables are read; of a row all counts as read. Versions: all (1).
    """
    rotation = _rotation(node)
    shape = rotation.shape
    tokens = (shape[0], shape[2] if len(shape) == 4 else shape[1])
    chain = Chain(required(node, 1, (3, *tokens))).add(*whole((3, *tokens), [0]))
    chain.add(Regroup(rotation.places(tokens)), Pointwise(rotation.split))
    chain.add(*reshaped(rotation.split, shape))
    links = [Link(0, (Pointwise(shape),)), rotation.partner().link(0), chain.link(1)]
    return Outcome((shape,), (*links, *_tables(node, rotation)))


@rule("GemmaRotaryEmbedding", domain=DOMAIN)
def gemma_rotary_embedding(node: OpNode) -> Outcome:
    """Each output reads its own index of a state and of its rotated half, and its angle.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(1, 4, 4)
    angles = required(node, 0, (shape[0], *shape[2:]))
    links = []
    for output, slots in enumerate(((1, 2), (3, 4))):
        for slot in slots:
            required(node, slot, shape)
            links.append(Link(slot, (Pointwise(shape),), output))
        place = Regroup((shape[0], 1, *shape[2:]))
        links.append(Chain(angles).add(place, Pointwise(shape)).link(0, output))
    return Outcome((shape,) * min(node.n_outputs, 2), tuple(links))
