"""onnxruntime's attention that projects its input to queries, keys and values itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.contrib.packed_heads import (
    PackedHeads,
    bias_links,
    from_cache,
    mask_links,
)
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, trim_outputs, unknown_links
from rfgraph.relations.axis_rules import Band, Shape, Shift, Whole
from rfgraph.relations.steps import Pointwise, Prefix, Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SCALES = "mask_filter_value scale"
ORDERS = "order_input order_output order_weight"
# A number beyond all inputs: there is no such one.
NONE = 1 << 16


@dataclass(frozen=True, slots=True)
class Slots:
    """Where the inputs lie: merged weights and biases, or one of each for query, key and value."""

    weights: tuple[int, ...]
    biases: tuple[int, ...]
    mask: int
    past: int = NONE
    bias: int = NONE
    rest: tuple[int, ...] = ()


@rule("Attention", ignores=f"{SCALES} rotary_embedding_dim")
def attention(node: OpNode) -> Outcome:
    """An output reads all features of every position of its batch, through keys and values.

    As further parts it reads its own position through the query. With unidirectional positions
    after its own are left out. It also reads, by its head, the weights and biases of query and key,
    those of its own value, the past keys and values, and the mask and bias of its query. `present`
    holds the past and then the new keys and values.

    Exact. Upper bound: under unidirectional a mask or bias per query counts as read along all keys;
    in a shared buffer all of the past counts as read; with do_rotary present counts as reading all
    weights. Unknown: where the new keys go in a shared buffer. Versions: all (1).
    """
    return _projection_outcome(node, Slots((1,), (2,), 3, past=4, bias=5, rest=(6,)))


@rule("DecoderMaskedSelfAttention", ignores=SCALES)
def decoder_masked_self_attention(node: OpNode) -> Outcome:
    """An output reads all features of its position, and all past keys and values of its head.

    Upper bound: as Attention in a shared buffer. Unknown: where the new keys go in that buffer, and
    with cache_indirection which beam is read. onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    return _projection_outcome(node, Slots((1,), (2,), 3, past=4, bias=5, rest=(6, 7, 8)))


@rule("QAttention", ignores=SCALES)
def qattention(node: OpNode) -> Outcome:
    """An output reads what Attention reads, and the quantization.

    Exact. Upper bound: as Attention; scales and zero points count as read whole.
    Versions: all (1).
    """
    return _projection_outcome(node, Slots((1,), (2,), 5, past=8, rest=(3, 4, 6, 7)))


@rule("QOrderedAttention", ignores=ORDERS)
def qordered_attention(node: OpNode) -> Outcome:
    """An output reads what Attention reads, and the quantization.

    Exact by its definition, in logical indices; onnxruntime has no CPU kernel to compare with.
    Upper bound: as Attention; scales count as read whole. Versions: all (1).
    """
    rest = (1, 2, 3, 4, 8, 9, 10, 14, 15, 16)
    return _projection_outcome(
        node, Slots((5, 6, 7), (11, 12, 13), 17, past=18, bias=19, rest=rest)
    )


@rule("PackedAttention", ignores="scale")
def packed_attention(node: OpNode) -> Outcome:
    """An output reads all features of every token, through keys and values, and its own.

    It also reads the weights and biases of its head as in Attention.

    Upper bound: the tokens of other sequences count as read, since data says where sequences begin;
    so does all of a bias. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    tokens = node.ranked(0, 2, 2)
    heads = _geometry(node, (1, *tokens), _widths(node, (1,)), 0)
    links = [
        Chain(node.shape(link.input)).add(*link.steps).reshape(heads.shape[1:]).link(link.input)
        for link in _weight_links(node, Slots((1,), (2,), NONE), heads)
    ]
    chain = Chain(tokens).reduce([1], weighted=True)
    own = Chain(tokens).add(*chain.steps, Pointwise(heads.shape[1:]))
    every = chain.reduce([0], weighted=True).broadcast(heads.shape[1:])
    links += [own.link(0), every.link(0), every.link(0)]
    links.extend(everything_links(node, (3, 4, 5), heads.shape[1:]))
    return Outcome((heads.shape[1:],), tuple(links))


# -- the parts -------------------------------------------------------------------------------------


def _widths(node: OpNode, weights: Sequence[int]) -> tuple[int, int, int]:
    """Return the widths of query, key and value: told, that of their weights, or thirds."""
    told = node.ints("qkv_hidden_sizes")
    if not told:
        widths = [node.ranked(slot, 2, 2)[1] for slot in weights]
        told = widths if len(widths) == 3 else [widths[0] // 3] * 3
    if len(told) != 3 or min(told) < 1:
        raise RuleError(f"requires positive widths of query, key and value, found {told[:8]}")
    return told[0], told[1], told[2]


def _geometry(node: OpNode, shape: Shape, widths: tuple[int, int, int], past: int) -> PackedHeads:
    count = node.int("num_heads")
    query, key, value = widths
    if count < 1 or query != key or any(width % count for width in widths):
        raise RuleError(
            f"attribute 'num_heads' requires a divisor of widths {list(widths)}, found {count}"
        )
    batch, length, _ = shape
    causal = node.int("unidirectional", 0) != 0
    sizes = (count, count, key // count, value // count)
    return PackedHeads(batch, length, length, past, *sizes, causal)


def _projection_outcome(node: OpNode, slots: Slots) -> Outcome:
    shape, widths = node.ranked(0, 3, 3), _widths(node, slots.weights)
    past = node.ranked(slots.past, 5, 5)[3] if node.has(slots.past) else 0
    heads = _geometry(node, shape, widths, past)
    shared = node.int("past_present_share_buffer", 0) != 0
    rotary = node.int("do_rotary", 0) != 0
    if shared:
        heads = replace(heads, causal=False)
    total = past if shared else heads.total
    states = (2, heads.batch, heads.heads, total, heads.size)
    links = [
        *_data_links(shape, heads),
        *_weight_links(node, slots, heads),
        *_past_links(node, slots, heads),
    ]
    if shared:
        links.extend(everything_links(node, (slots.mask, slots.bias), heads.shape))
        links.extend(everything_links(node, node.data_inputs(), states, 1, unknown=True))
    else:
        links.extend(mask_links(node, slots.mask, heads))
        links.extend(bias_links(node, slots.bias, heads))
        links.extend(_present_links(node, slots, heads, states, rotary))
    links.extend(everything_links(node, slots.rest, heads.shape))
    return trim_outputs(node, (heads.shape, states), links)


def _data_links(shape: Shape, heads: PackedHeads) -> list[Link]:
    """Return the links of the input: through the query its own position, and through the rest."""
    features = Reduce(((2, Whole(shape[2], 1)),), weighted=True)
    query = Chain(shape).add(features, Pointwise(heads.shape))
    rest = heads.reach_queries(Chain(shape).add(features), heads.past).broadcast(heads.shape)
    return [query.link(0), rest.link(0), rest.link(0)]


def _parameters(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[tuple[int, int, Chain]]:
    """Yield weights and biases of query, key and value as (1, 1, width), and the input."""
    width, value = heads.heads * heads.size, heads.heads * heads.value_size
    for sources, rank in ((slots.weights, 2), (slots.biases, 1)):
        for number, (start, length) in enumerate(((0, width), (width, width), (2 * width, value))):
            slot = sources[number if len(sources) > 1 else 0]
            if not node.has(slot):
                continue
            parameter = node.ranked(slot, rank, rank)
            if parameter[-1] != (length if len(sources) > 1 else 2 * width + value):
                raise RuleError(
                    f"input {slot} requires widths {[width, width, value]}, found {list(parameter)}"
                )
            chain = Chain(parameter).reduce(range(rank - 1), weighted=True)
            if len(sources) == 1:
                chain.take(rank - 1, start, length)
            yield number, slot, chain.reshape((1, 1, length))


def _weight_links(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[Link]:
    for number, slot, chain in _parameters(node, slots, heads):
        if number < 2:
            heads.lead_query(chain)
        yield chain.broadcast(heads.shape).link(slot)


def _past_links(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[Link]:
    if not node.has(slots.past):
        return
    cache = (heads.batch, heads.heads, heads.past, heads.size)
    shape = node.expect_shape(slots.past, (2, *cache))
    for number, lead in enumerate((heads.lead_keys, heads.lead_values)):
        chain = Chain(shape).take(0, number, 1).regroup(cache)
        yield lead(from_cache(chain), 0).link(slots.past)


def _present_links(
    node: OpNode, slots: Slots, heads: PackedHeads, states: Shape, rotary: bool
) -> Iterator[Link]:
    """Yield the links of the new state: the past, then keys and values of the input."""
    shape = node.shape(0)
    data = Chain(shape).reduce([2], weighted=True).reshape((1, heads.batch, 1, heads.keys, 1))
    yield _append_to_state(data, heads, states).broadcast(states).link(0, 1)
    if node.has(slots.past):
        yield _append_to_state(Chain(node.shape(slots.past)), heads, states, 0).link(slots.past, 1)
    if rotary or heads.size != heads.value_size:
        yield from everything_links(node, (*slots.weights, *slots.biases), states, 1)
        return
    for number, slot, chain in _parameters(node, slots, heads):
        if number > 0:
            chain.reshape((1, 1, heads.heads, 1, heads.size))
            chain.broadcast((1, *states[1:3], heads.keys, heads.size))
            _append_to_state(chain, heads, states)
            shift = Shift(1 - number, 1, 1, 2, "absent")
            yield chain.select([(0, shift)]).link(slot, 1)


def _append_to_state(
    chain: Chain, heads: PackedHeads, states: Shape, start: int | None = None
) -> Chain:
    """Lead positions on axis 3 into the state, after the past ones unless told."""
    at = heads.past if start is None else start
    shift = Shift(-at, 1, chain.shape[3], states[3], "absent")
    return chain.select([(3, shift)])


# -- others ----------------------------------------------------------------------------------------


@rule("LongformerAttention QOrderedLongformerAttention", ignores=f"{ORDERS} order_global_weight")
def longformer_attention(node: OpNode) -> Outcome:
    """An output reads the positions within `window` of its own, and those that are flagged global.

    A flagged position reads all. It also reads the weights, the mask and the flags.

    Exact by its definition for constant flags of which none is set; onnxruntime has no CPU kernel
    to compare with. Upper bound: otherwise all positions count as read, and all weights.
    Versions: all (1).
    """
    shape = node.ranked(0, 3, 3)
    window, count = node.int("window"), node.int("num_heads")
    if window < 1 or count < 1 or shape[2] % count:
        raise RuleError(
            f"requires a positive window and heads that divide {shape[2]} features, "
            f"found {window} and {count}"
        )
    flags = node.value(12 if node.op_type.startswith("Q") else 6)
    local = flags.data is not None and not flags.data.any()
    features = Reduce(((2, Whole(shape[2], shape[2])),), weighted=True)
    near = Prefix(((1, Band(window, window, shape[1], shape[1])),))
    every = Reduce(((1, Whole(shape[1], shape[1])),), weighted=True)
    around = (near if local else every, features)
    links = [Link(0, (features,)), Link(0, around), Link(0, around)]
    links.extend(everything_links(node, range(1, len(node.inputs)), shape))
    return Outcome((shape,), tuple(links))


@rule("DecoderAttention", ignores="mask_filter_value")
def decoder_attention(node: OpNode) -> Outcome:
    """An output reads all features of its own query, and of every key of its batch.

    It also reads the caches and the mask of its batch, and all weights.

    Upper bound: features of other heads count as read, and both keys and caches, between which
    static_kv and use_past choose. Unknown: what the new caches read. onnxruntime has no CPU kernel
    to compare with. Versions: all (1).
    """
    shape, key = node.ranked(0, 3, 3), node.ranked(1, 3, 3)
    count = node.int("num_heads")
    if key[1:] != shape[1:] or count < 1 or shape[2] % count:
        raise RuleError(
            f"requires heads that divide {shape[2]} features and keys like the queries, "
            f"found {count} and shape {list(key)}"
        )
    features = Reduce(((2, Whole(shape[2], shape[2])),), weighted=True)
    every = Chain(key).reduce([0], weighted=True).add(features, Pointwise(shape))
    links = [Link(0, (features,)), every.link(1)]
    links.append(Chain(shape).reduce([0], weighted=True).add(features, Pointwise(shape)).link(0))
    for slot in (5, 6, 7):
        if node.has(slot):
            operand = node.ranked(slot, 2, 4)
            if operand[0] != shape[1]:
                raise RuleError(f"input {slot} requires a batch of {shape[1]}, found {operand[0]}")
            chain = Chain(operand).reduce(range(1, len(operand)))
            chain.reshape((1, operand[0], 1)).broadcast(shape)
            links.append(chain.link(slot))
    links.extend(everything_links(node, (2, 3, 4, 8, 9, 10, 11), shape))
    links.extend(unknown_links(node, node.data_inputs(), (None, None), 1))
    return trim_outputs(node, (shape, None, None), links)
