"""onnxruntime's rotary embeddings: a feature and the one it is rotated with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import (
    check_index_count,
    own_link,
    pick_steps,
    scalar_link,
    trim_outputs,
)
from rfgraph.relations.axis_rules import Shape, Shift, Whole
from rfgraph.relations.steps import Pointwise, Reduce, Regroup

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        at = np.arange(check_index_count(self.size, "a rotary embedding"))
        half = self.rotated // 2
        other = at ^ 1 if self.interleaved else np.where(at < half, at + half, at - half)
        chain = Chain(self.shape)
        if self.split != self.shape:
            chain.regroup(self.split)
        chain.add(*pick_steps(np.where(at < self.rotated, other, -1), 3, self.size))
        return chain if self.split == self.shape else chain.reshape(self.shape)


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


def _table_links(node: OpNode, rotation: Rotation) -> Iterator[Link]:
    """Yield the links of cosines and sines, whose rows the positions name."""
    shape = rotation.split
    for slot in (2, 3):
        own = node.ranked(slot, 2, 2)
        chain = Chain(own).reduce([1]).reduce([0], unknown=True)
        yield chain.broadcast(shape).reshape(rotation.shape).link(slot)


@rule("RotaryEmbedding", ignores="is_packed_batching scale")
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
        chain = Chain(positions).broadcast(shape)
    else:
        tokens = (shape[0], shape[2] if len(shape) == 4 else shape[1])
        chain = Chain(node.expect_shape(1, tokens)).regroup(rotation.places(tokens))
        chain.broadcast(rotation.split).reshape(shape)
    links = [own_link(shape), rotation.partner().link(0), chain.link(1)]
    return Outcome((shape,), (*links, *_table_links(node, rotation)))


@rule("MRotaryEmbedding", ignores="is_packed_batching mrope_layout mrope_section scale")
def mrotary_embedding(node: OpNode) -> Outcome:
    """An output reads its own feature and the one it is rotated with, in its own head and token.

    It also reads the three positions of its token.

    Exact for the input. Upper bound: of the positions, of which a feature needs one only. Unknown:
    which rows of computed tables are read; of a row all counts as read. Versions: all (1).
    """
    rotation = _rotation(node)
    shape = rotation.shape
    tokens = (shape[0], shape[2] if len(shape) == 4 else shape[1])
    chain = Chain(node.expect_shape(1, (3, *tokens))).reduce([0])
    chain.regroup(rotation.places(tokens)).broadcast(rotation.split)
    chain.reshape(shape)
    links = [own_link(shape), rotation.partner().link(0), chain.link(1)]
    return Outcome((shape,), (*links, *_table_links(node, rotation)))


@rule("GemmaRotaryEmbedding")
def gemma_rotary_embedding(node: OpNode) -> Outcome:
    """Each output reads its own index of a state and of its rotated half, and its angle.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(1, 4, 4)
    angles = node.expect_shape(0, (shape[0], *shape[2:]))
    links = []
    for output, slots in enumerate(((1, 2), (3, 4))):
        for slot in slots:
            node.expect_shape(slot, shape)
            links.append(own_link(shape, slot, output))
        place = Regroup((shape[0], 1, *shape[2:]))
        links.append(Chain(angles).add(place, Pointwise(shape)).link(0, output))
    return Outcome((shape,) * min(node.n_outputs, 2), tuple(links))


# -- normalized first ------------------------------------------------------------------------------


@rule("RMSNormRotary", ignores="epsilon output_fp16 use_fp32_arithmetic")
def rms_norm_rotary(node: OpNode) -> Outcome:
    """An output reads its own feature and, as a second part, all of its head that are normalized.

    Those are input_width features from input_start on. It also reads the scale and the position of
    its token; the normalized values before rotation read their own scale only.

    Upper bound: of the scale all counts as read, of which a rotated feature needs two, and features
    that are not rotated count as rotated. Unknown: which rows of computed tables are read; of a row
    all counts as read. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    shape = node.ranked(0, 4, 4)
    start, rotated = node.int("input_start", 0), node.int("rotary_embedding_dim")
    width = node.int("input_width", 0) or shape[3]
    if start < 0 or start + width > shape[3] or not 0 < rotated <= width or rotated % 2:
        raise RuleError(
            f"requires an even number of rotated features among input_width {width} from "
            f"input_start {start} on, found {rotated} and shape {list(shape)}"
        )
    apart = (*shape[:3], width)
    merged = (shape[0], shape[1], shape[2] * width)
    out = (1, shape[0] * shape[1], merged[2]) if node.int("flatten_batch", 0) else merged
    links = []
    for slot, chain in _parts(node, apart, start):
        links.append(chain.reshape(out).link(slot))
    for slot, chain in [*_parts(node, apart, start)][:2]:
        links.append(chain.link(slot, 1))
    links.append(own_link(apart, 1, 1))
    return trim_outputs(node, (out, apart), links)


def _parts(node: OpNode, apart: Shape, start: int) -> Iterator[tuple[int, Chain]]:
    """Yield the inputs of a normalization with rotation, each with a chain to (..., width)."""
    own = Shift(start, 1, node.shape(0)[3], apart[3])
    for axes in ((), (3,)):
        yield 0, Chain(node.shape(0)).select([(3, own)]).reduce(axes).broadcast(apart)
    scale = node.expect_shape(1, apart[3:])
    yield 1, Chain(scale).reduce([0]).broadcast(apart)
    yield 2, _position_chain(node, apart)
    half = node.int("rotary_embedding_dim") // 2
    for slot in (3, 4):
        table = node.expect_shape(slot, (node.ranked(slot, 2, 2)[0], half))
        row = Reduce(((0, Whole(table[0], 1, unknown=True)),))
        yield slot, Chain(table).reduce([1]).add(row, Pointwise(apart))
    if node.has(5):
        yield 5, Chain(node.shape(5)).add(*scalar_link(node, 5, apart).steps)


def _position_chain(node: OpNode, apart: Shape) -> Chain:
    """Return a chain from positions, one to begin with or one per token."""
    shape = node.shape(2)
    if math.prod(shape) == 1:
        return Chain(shape).add(*scalar_link(node, 2, apart).steps)
    return Chain(node.expect_shape(2, apart[:2])).regroup((*apart[:2], 1, 1)).broadcast(apart)
