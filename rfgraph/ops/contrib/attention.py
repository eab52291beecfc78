"""onnxruntime's attention of queries, keys and values that lie apart or packed in one tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.contrib.packed_heads import (
    PackedHeads,
    bias_links,
    from_cache,
    mask_links,
    past_links,
    to_cache,
)
from rfgraph.ops.masked_scores import compact, least_margin, masked_weights
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import broadcasts, everything_links, trim_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rfgraph.relations.axis_rules import Shape


SCALES = "mask_filter_value scale"
Q, K, V = range(3)


@dataclass(frozen=True, slots=True)
class Slots:
    """The inputs beside query, key and value; `shared` says that old and new caches are one."""

    mask: int
    bias: int
    past: tuple[int, int]
    projection: int
    shared: bool


# An operand: its input, and the way from it to (batch, length, heads * size).
Source: TypeAlias = tuple[int, Chain]


@rule("MultiHeadAttention", ignores=SCALES)
def multi_head_attention(node: OpNode) -> Outcome:
    """An output reads its own query, all keys and, at its own feature, their values.

    That is one head of its own batch; with unidirectional the keys up to its own position, after
    the past ones. It also reads the mask and the bias of its query, and the projection bias of its
    head. Keys and values may be packed with each other or with the query. The new caches hold the
    past and then the new positions; qk reads its query and all its keys. With stored masks (option
    --masks) a mask of the keys and a bias that are stored cut the keys that they mask.

    Exact. Upper bound: under unidirectional a mask or bias per query counts as read along all keys,
    and keys of another number than the queries are not cut; qk counts as normalized, which CPUs
    leave out; of a single key the query counts as read, whose weight is 1 all the same; with
    past_sequence_length, which data decides, all of the cache counts as read. Unknown: then also
    where the new keys go, and with cache_indirection what is read. Versions: all (1).
    """
    causal = node.int("unidirectional", 0) != 0
    outcome = _multi_head(node, Slots(4, 5, (6, 7), 3, node.has(8)), causal)
    return _indirect(node, outcome)


@rule("DecoderMaskedMultiHeadAttention", ignores=f"{SCALES} output_qk")
def decoder_masked_attention(node: OpNode) -> Outcome:
    """An output reads its own query, all keys and, at its own feature, their values.

    That is one head of its own batch. It also reads the mask, the bias and the projection bias of
    its head. The new caches hold the past and then the new position.

    Exact. Upper bound: in a shared buffer all of the cache counts as read. Unknown: with
    cache_indirection what is read, and in a shared buffer where the new key goes.
    Versions: all (1).
    """
    shared = node.int("past_present_share_buffer", 0) != 0
    return _indirect(node, _multi_head(node, Slots(3, 4, (5, 6), 10, shared), False))


def _indirect(node: OpNode, found: Outcome) -> Outcome:
    """Return the outcome of beams whose caches data tells apart, if there are such."""
    if not node.has(9):
        return found
    links = list(found.links)
    for output, shape in enumerate(found.shapes):
        if shape is not None and node.outputs[output]:
            links.extend(everything_links(node, node.data_inputs(), shape, output, unknown=True))
    return Outcome(found.shapes, tuple(links))


def _multi_head(node: OpNode, slots: Slots, causal: bool) -> Outcome:
    """Return the outcome of an attention of one head per query, key and value."""
    count = node.int("num_heads", least=1)
    sources = _sources(node)
    past = node.ranked(slots.past[0], 4, 4)[2] if node.has(slots.past[0]) else 0
    heads = _heads(sources, count, past, causal)
    if slots.shared or heads.keys != heads.queries:
        # Data tells where the new keys go among the old ones, or kernels differ: none is left out.
        heads = replace(heads, causal=False)
    kept = _kept_keys(node, slots, heads)
    scoring = [heads.lead_query(sources[Q][1].copy()).link(sources[Q][0])]
    if kept is None:
        lead_keys = heads.lead_keys(sources[K][1].copy(), heads.past)
        lead_values = heads.lead_values(sources[V][1].copy(), heads.past)
    else:
        lead_keys = heads.lead_query(heads.lead_kept(sources[K][1].copy(), kept))
        lead_values = heads.lead_kept(sources[V][1].copy(), kept)
    scoring.append(lead_keys.link(sources[K][0]))
    pasts = list(past_links(node, slots.past, heads, past))
    scoring.extend(pasts[:1])
    scoring.extend(_scoring_links(node, slots, heads))
    biases = [chain.link(slots.projection) for chain in _projection(node, slots, heads)]
    scoring.extend(biases[:V])
    links = [*scoring, *pasts[1:], *biases[V:]]
    links.append(lead_values.link(sources[V][0]))
    total = past if slots.shared else heads.total
    shapes = (
        heads.shape,
        (heads.batch, count, total, heads.size),
        (heads.batch, count, total, heads.value_size),
        (heads.batch, count, heads.queries, total),
    )
    links.extend(_present_links(node, heads, sources, slots))
    links.extend(heads.score_link(link, node.shape(link.input), shapes[3]) for link in scoring)
    return trim_outputs(node, shapes, links)


def _kept_keys(node: OpNode, slots: Slots, heads: PackedHeads) -> Array | None:
    """Return which keys (batch, heads, queries, keys) stored masks leave, if they are to cut.

    None where they cut nothing.
    """
    given = [slot for slot in (slots.mask, slots.bias) if node.has(slot)]
    constant = [slot for slot in given if node.value(slot).constant]
    if not node.masks or not constant:
        return None
    level = np.zeros((1, 1, 1, 1))
    scores = (heads.batch, heads.heads, heads.queries, heads.total)
    for slot in constant:
        mask = _level(node, slot, heads) if slot == slots.mask else node.value(slot).fetched()
        if mask is None or mask.dtype.kind not in "iuf" or not broadcasts(mask.shape, scores):
            node.uncut = f"input {slot} is no mask whose values are known, by query and key"
            return None
        level = level + mask.astype(np.float64)
    masked = masked_weights(level, 4, [3])
    if masked is None:
        return None
    if heads.past or heads.causal or slots.shared:
        node.uncut = "a stored mask is not followed beside past keys or unidirectional"
        return None
    node.cut = least_margin(level, masked, [3])
    return compact(np.asarray(~masked))


def _level(node: OpNode, slot: int, heads: PackedHeads) -> Array | None:
    """Return what a mask of the keys adds to the scores: nothing, or mask_filter_value where 0."""
    data = node.value(slot).fetched()
    if data is None or data.ndim != 2 or data.shape[1] != heads.total:
        return None
    low = node.float("mask_filter_value", -10000.0)
    return np.where(data == 0, low, 0.0)[:, None, None, :]


def _heads(sources: Sequence[Source], count: int, past: int, causal: bool) -> PackedHeads:
    query, key, value = (chain.shape for _, chain in sources)
    if any(shape[2] % count for shape in (query, key, value)):
        raise RuleError(
            f"attribute 'num_heads' requires a divisor of {query[2]}, {key[2]} and {value[2]} "
            f"features, found {count}"
        )
    if (key[0], key[2]) != (query[0], query[2]) or key[:2] != value[:2]:
        raise RuleError(
            f"requires a key and a value for each position, found query {list(query)}, "
            f"key {list(key)} and value {list(value)}"
        )
    sizes = (count, count, key[2] // count, value[2] // count)
    return PackedHeads(query[0], query[1], key[1], past, *sizes, causal)


# -- operands --------------------------------------------------------------------------------------


def _sources(node: OpNode) -> list[Source]:
    """Return query, key and value: apart, as caches, or packed."""
    query = node.ranked(0, 3, 5)
    if not node.has(1):
        return _packed_sources(query)
    own = (0, Chain(node.ranked(0, 3, 3)))
    key = node.ranked(1, 3, 5)
    if len(key) == 5:
        return [own, *(_packed_source(1, key, number, 2) for number in range(2))]
    if len(key) == 4:
        return [own, *((slot, from_cache(Chain(node.ranked(slot, 4, 4)))) for slot in (1, 2))]
    return [own, (1, Chain(key)), (2, Chain(node.ranked(2, 3, 3)))]


def _packed_sources(query: Shape) -> list[Source]:
    if len(query) == 5:
        return [_packed_source(0, query, number, 3) for number in range(3)]
    if len(query) != 3 or query[2] % 3:
        raise RuleError(f"input 0 requires query, key and value in one, found shape {list(query)}")
    width = query[2] // 3
    return [(0, Chain(query).take(2, number * width, width)) for number in range(3)]


def _packed_source(slot: int, shape: Shape, number: int, count: int) -> Source:
    """Return one of `count` operands that lie on axis 3 of (batch, length, heads, count, size)."""
    batch, length, heads, operands, size = shape
    if operands != count:
        raise RuleError(f"input {slot} requires axis 3 of length {count}, found {list(shape)}")
    return slot, Chain(shape).take(3, number, 1).regroup((batch, length, heads * size))


def _scoring_links(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[Link]:
    lengths = (slots.past[1] + 1, slots.past[1] + 2)
    if slots.shared:
        yield from everything_links(node, (slots.mask, slots.bias, *lengths), heads.shape)
        return
    yield from mask_links(node, slots.mask, heads)
    yield from bias_links(node, slots.bias, heads)


def _biases(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[Chain]:
    """Yield the parts of an optional projection bias that belong to query, key and value."""
    if not node.has(slots.projection):
        return
    width, value = heads.heads * heads.size, heads.heads * heads.value_size
    shape = node.expect_shape(slots.projection, (2 * width + value,))
    for start, length in ((0, width), (width, width), (2 * width, value)):
        chain = Chain(shape).take(0, start, length)
        yield chain.reshape((1, 1, length))


def _projection(node: OpNode, slots: Slots, heads: PackedHeads) -> Iterator[Chain]:
    for number, chain in enumerate(_biases(node, slots, heads)):
        if number != V:
            heads.lead_query(chain)
        yield chain.broadcast(heads.shape)


# -- further outputs -------------------------------------------------------------------------------


def _present_links(
    node: OpNode, heads: PackedHeads, sources: Sequence[Source], slots: Slots
) -> Iterator[Link]:
    """Yield the links of the new caches: the past, then what is new with its projection bias."""
    biases = list(_biases(node, slots, heads))
    for output, size in ((K, heads.size), (V, heads.value_size)):
        (source, chain), past = sources[output], slots.past[output - K]
        total = heads.past if slots.shared else heads.total
        if node.has(past):
            yield Chain(node.shape(past)).put(2, 0, total).link(past, output)
        if slots.shared:
            shape = (heads.batch, heads.heads, total, size)
            new = (source, slots.projection)
            yield from everything_links(node, new, shape, output, unknown=True)
            continue
        yield to_cache(chain.copy(), heads.heads, heads.past, total).link(source, output)
        if biases:
            spread = biases[output].broadcast((heads.batch, heads.keys, heads.heads * size))
            yield to_cache(spread, heads.heads, heads.past, total).link(slots.projection, output)
