"""onnxruntime's operators on parallel residual streams, and embeddings that are normalized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import broadcast_links, rule, vector_links, with_scalars
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import (
    drop_axes,
    trim_outputs,
)
from rfgraph.relations.steps import Pointwise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.relations.axis_rules import Shape


@rule("EngramGate", ignores="epsilon")
def engram_gate(node: OpNode) -> Outcome:
    """A gated value reads its own feature of the value, and all of its token's key and query.

    That is one stream of key and query, with the scales of that stream. The normalized output also
    reads, as a second part, all features of the value.

    Exact. Versions: all (1).
    """
    shape = node.ranked(0, 4, 4)
    batch, time, streams, features = shape
    node.expect_shape(1, shape)
    value = node.expect_shape(2, (batch, time, features))
    scale = (streams, features)
    own = Chain(value).regroup((batch, time, 1, features)).broadcast(shape)
    every = Chain(value).reduce([2]).regroup((batch, time, 1, 1)).broadcast(shape)
    links = [own.link(2, 0), own.link(2, 1), every.link(2, 1)]
    for output in (0, 1):
        for slot in (0, 1, 3, 4):
            part = shape if slot < 2 else node.expect_shape(slot, scale)
            links.append(Chain(part).reduce([len(part) - 1]).broadcast(shape).link(slot, output))
    links.extend(broadcast_links(node, 5, shape, 1))
    return trim_outputs(node, (shape, shape), links)


def _streams(node: OpNode) -> tuple[Shape, Shape]:
    """Return the shape of the streams, and that with an axis of its own for the stream."""
    shape = node.ranked(0, 1)
    count = node.int("num_branches", 0)
    if count == 0:
        return node.ranked(0, 2), shape
    if count < 0 or shape[-1] % count:
        raise RuleError(
            f"attribute 'num_branches' requires a divisor of {shape[-1]}, found {count}"
        )
    return shape, (*shape[:-1], count, shape[-1] // count)


def _gate(node: OpNode, slot: int, grouped: Shape) -> Chain:
    """Return a chain from a gate per stream, or per stream and feature, to the streams' shape."""
    gate = node.shape(slot)
    per_stream = (*grouped[:-1], 1)
    under = {
        grouped[:-1]: per_stream,
        per_stream: per_stream,
        grouped: grouped,
        (*grouped[:-2], grouped[-2] * grouped[-1]): grouped,
    }.get(gate)
    if under is None:
        raise RuleError(
            f"input {slot} requires gates for streams of shape {list(grouped)}, found {list(gate)}"
        )
    return Chain(gate).reshape(under).broadcast(grouped)


@rule("HyperConnectionPreMix", ignores="reduction_scale")
def hyper_connection_pre_mix(node: OpNode) -> Outcome:
    """An output reads its own feature of every stream, and the gates of these.

    Exact. Versions: all (1).
    """
    shape, grouped = _streams(node)
    out = (*grouped[:-2], grouped[-1])
    links = []
    for slot, chain in ((0, Chain(shape).regroup(grouped)), (1, _gate(node, 1, grouped))):
        chain.reduce([len(grouped) - 2], weighted=True)
        links.append(chain.reshape(out).link(slot))
    return Outcome((out,), tuple(links))


@rule("HyperConnectionPostMix")
def hyper_connection_post_mix(node: OpNode) -> Outcome:
    """An output reads its own feature of the block and its gate, and of every stream.

    It also reads the column of the stream matrix that mixes them. Without that matrix it reads its
    own stream only.

    Exact. Versions: all (1).
    """
    shape, grouped = _streams(node)
    streams, axis = grouped[-2], len(grouped) - 2
    block = node.expect_shape(1, (*grouped[:-2], grouped[-1]))
    chains = {
        0: Chain(shape).regroup(grouped),
        1: Chain(block).regroup((*grouped[:-2], 1, grouped[-1])).broadcast(grouped),
        2: _gate(node, 2, grouped),
    }
    if node.has(3):
        chains[0].reduce([axis], weighted=True, to=streams)
        chains[3] = Chain(node.expect_shape(3, (*grouped[:-1], streams)))
        chains[3].reduce([axis], weighted=True)
        chains[3].reshape((*grouped[:-1], 1)).broadcast(grouped)
    links = []
    for slot, chain in chains.items():
        links.append(chain.regroup(shape).link(slot))
    return Outcome((shape,), tuple(links))


@rule("HyperConnectionLowRankMix", ignores="epsilon gate_div gate_mul reduction_scale silu_alpha")
def hyper_connection_low_rank_mix(node: OpNode) -> Outcome:
    """A block's input reads its own feature of every stream and, as a second part, all of them.

    It also reads the scale, the down projection, and its feature's columns of the up projection. A
    gate reads all features of every stream, the scale, and its column of the third projection. The
    streams that go out read their own index. All that goes for the streams with the block before
    mixed in, whose feature and gate are read wherever the stream is.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    node.int("num_branches", least=1)
    shape, grouped = _streams(node)
    lead = len(shape) - 1
    mixed, gates = (*shape[:-1], grouped[-1]), grouped[:-1]
    links = [link for to in ((0, mixed), (1, gates)) for link in _stream_links(node, grouped, *to)]
    for slot, chain in _mixed_in(node, shape, grouped):
        own = Chain(node.shape(slot)).add(*chain.steps).reduce([lead], weighted=True)
        links.append(own.reshape(mixed).link(slot))
        links.append(chain.reshape(shape).link(slot, 2))
    links.extend(_low_rank_links(node, mixed, gates))
    return trim_outputs(node, (mixed, gates, shape), links)


def _mixed_in(node: OpNode, shape: Shape, grouped: Shape) -> Iterator[tuple[int, Chain]]:
    """Yield the streams, and the block before and its gate if there are such, with their chains."""
    yield 0, Chain(shape).regroup(grouped)
    for slot, axis in ((5, -2), (6, -1)):
        if node.has(slot) or node.has(11 - slot):
            under = tuple(1 if a == axis % len(grouped) else n for a, n in enumerate(grouped))
            own = drop_axes(grouped, [axis % len(grouped)])
            yield slot, Chain(node.expect_shape(slot, own)).regroup(under).broadcast(grouped)


def _stream_links(node: OpNode, grouped: Shape, output: int, to: Shape) -> Iterator[Link]:
    """Yield the links by which an output reads all streams of its token, and all of the scale."""
    lead = len(grouped) - 2
    shape = (*grouped[:-2], grouped[-2] * grouped[-1])
    for slot, chain in _mixed_in(node, shape, grouped):
        chain.reduce([lead, lead + 1], weighted=True)
        yield chain.regroup((*grouped[:-2], 1)).broadcast(to).link(slot, output)
    scale = node.expect_shape(1, shape[-1:])
    yield Chain(scale).reduce([0]).broadcast(to).link(1, output)


def _low_rank_links(node: OpNode, mixed: Shape, gates: Shape) -> Iterator[Link]:
    """Yield the links of the projections down, up again and to the gates."""
    features, count = mixed[-1], gates[-1]
    inner, rank = features * count, node.ranked(2, 2, 2)[1]
    down = Chain(node.expect_shape(2, (inner, rank))).reduce([0, 1], weighted=True)
    yield down.regroup((1,)).broadcast(mixed).link(2)
    up = Chain(node.expect_shape(3, (rank, inner))).reduce([0], weighted=True)
    up.regroup((count, features)).reduce([0]).regroup((features,))
    yield up.broadcast(mixed).link(3)
    third = Chain(node.expect_shape(4, (inner, count)))
    third.reduce([0], weighted=True).regroup((count,)).broadcast(gates)
    yield third.link(4, 1)


# -- embeddings ------------------------------------------------------------------------------------


@rule("EmbedLayerNormalization", ignores="epsilon mask_index_type")
def embed_layer_normalization(node: OpNode) -> Outcome:
    """An embedding reads the word, segment and position of its own place, and their embeddings.

    Of these it reads its own feature and, as a second part, all features; the sum of the embeddings
    its own feature only. mask_index reads all of its sequence's mask.

    Exact but for computed tables: which rows are read depends on data (unknown), unless positions
    count from 0. Versions: all (1).
    """
    return _embedding_outcome(node, ((0, 2), (1, 4), (8, 3)))


@rule("QEmbedLayerNormalization", ignores="epsilon")
def qembed_layer_normalization(node: OpNode) -> Outcome:
    """An embedding reads what EmbedLayerNormalization reads, and the quantization.

    Exact but for computed tables: which rows are read depends on data (unknown). Versions: all (1).
    """
    outcome = _embedding_outcome(node, ((0, 2), (1, 4), (None, 3)))
    return with_scalars(node, outcome, range(8, 17))


def _embedding_outcome(node: OpNode, tables: Sequence[tuple[int | None, int]]) -> Outcome:
    """Return the outcome of adding rows of tables, told by indices, and normalizing the sum."""
    batch, length = node.ranked(0, 2, 2)
    shape = (batch, length, node.ranked(2, 2, 2)[1])
    links: list[Link] = []
    for ids, table in tables:
        links.extend(_index_links(node, ids, shape))
        links.extend(_table_row_links(node, ids, table, shape))
    for slot in (5, 6):
        links.extend(vector_links(node, slot, shape))
    if node.has(7):
        mask = node.expect_shape(7, (batch, length))
        links.append(Chain(mask).reduce([1]).reshape((batch,)).link(7, 1))
    return trim_outputs(node, (shape, (batch,), shape), links)


def _index_links(node: OpNode, ids: int | None, shape: Shape) -> Iterator[Link]:
    if ids is None or not node.has(ids):
        return
    index = node.ranked(ids, 2, 2)
    if index not in (shape[:2], (1, shape[1])):
        raise RuleError(f"input {ids} requires shape {list(shape[:2])}, found {list(index)}")
    for output in (0, 2):
        yield Chain(index).regroup((*index, 1)).broadcast(shape).link(ids, output)


def _table_row_links(node: OpNode, ids: int | None, table: int, shape: Shape) -> Iterator[Link]:
    """Yield the links of a table: the row that its index names, one's own feature and all."""
    if not node.has(table):
        return
    lengths = node.ranked(table, 2, 2)
    if lengths[1] != shape[2]:
        raise RuleError(f"input {table} requires {shape[2]} features, found {lengths[1]}")
    chain = Chain(lengths)
    if ids is not None and node.has(ids):
        chain.reduce([0], unknown=True)
    elif lengths[0] < shape[1]:
        raise RuleError(f"input {table} requires {shape[1]} positions, found {lengths[0]}")
    else:
        chain.take(0, 0, shape[1])
    own = (*chain.steps, Pointwise(shape))
    yield Link(table, own)
    yield chain.reduce([1]).broadcast(shape).link(table)
    yield Link(table, own, 2)


# -- positions -------------------------------------------------------------------------------------


@rule("RelativePositionBias", ignores="is_bidirectional max_distance")
def relative_position_bias(node: OpNode) -> Outcome:
    """A bias reads, of its own head, the bucket of the distance between query and key.

    Upper bound: of a table that is computed all buckets of the head count as read. Unknown: where
    the lengths depend on data. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    buckets, heads = node.ranked(0, 2, 2)
    lengths = [*(node.known_ints(1) or []), *(node.known_ints(2) or [])]
    if len(lengths) != 2 or min(lengths) < 0:
        raise RuleError(f"inputs 1 and 2 require one length each, found {lengths[:8]}")
    shape = (1, heads, *lengths)
    chain = Chain((buckets, heads)).reduce([0])
    return Outcome((shape,), (chain.regroup((1, heads, 1, 1)).broadcast(shape).link(0),))


@rule("GatedRelativePositionBias")
def gated_relative_position_bias(node: OpNode) -> Outcome:
    """A bias reads its own index of rel_pos, and all features of its head of its query.

    It also reads that head's part of the bias, the weights of the gate, and its head's eco_a.

    Exact by its definition; onnxruntime has no CPU kernel to compare with. Unknown: which tokens
    are read, where token_offset says how they are packed. Versions: all (1).
    """
    heads = node.int("num_heads")
    _, count, length, keys = node.ranked(2, 4, 4)
    query = node.ranked(0, 2, 3)
    packed = len(query) == 2
    batch = node.ranked(6, 2, 2)[0] if packed else query[0]
    if heads != count or heads < 1 or query[-1] % heads or keys != length:
        raise RuleError(
            f"requires {heads} heads in inputs 0 and 2, found shapes {list(query)} and "
            f"{[1, count, length, keys]}"
        )
    shape = (batch, heads, length, keys)
    split = (*query[:-1], heads, query[-1] // heads)
    chain = Chain(query).regroup(split).reduce([len(split) - 1])
    if packed:
        chain.reduce([0], unknown=True)
    chain.reshape((1, 1, heads, 1) if packed else (*query[:2], heads, 1))
    chain.permute(0, 2, 1, 3).broadcast(shape)
    links = [chain.link(0), *broadcast_links(node, 2, shape), *broadcast_links(node, 5, shape)]
    bias = Chain(node.expect_shape(1, query[-1:])).regroup(split[-2:]).reduce([1])
    links.append(bias.regroup((1, heads, 1, 1)).broadcast(shape).link(1))
    for slot in (3, 4, 6):
        if node.has(slot):
            own = node.shape(slot)
            every = Chain(own).reduce(range(len(own)))
            links.append(every.regroup((1, 1, 1, 1)).broadcast(shape).link(slot))
    return Outcome((shape,), tuple(links))
