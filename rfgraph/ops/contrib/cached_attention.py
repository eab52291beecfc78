"""onnxruntime's attention over caches: grouped heads, packed tokens, pages, selected keys."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.contrib.packed_heads import (
    PackedHeads,
    bias_links,
    from_cache,
    to_cache,
)
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, trim_outputs, unknown_links
from rfgraph.relations.axis_rules import Blocks, Shape, Whole
from rfgraph.relations.steps import Reduce

if TYPE_CHECKING:
    from collections.abc import Iterator


QUANTIZED = "k_quant_type v_quant_type kv_cache_bit_width"
ROTARY = "do_rotary rotary_interleaved"


@dataclass(frozen=True, slots=True)
class Grouped:
    """Grouped heads over a cache: the new positions come after `start` old ones, if that is known.

    `exact` says that all sequences are as long as the longest, `sliding` that a cache of fixed
    length lets its oldest positions go. `width` is the last axis of a cache, if there is one.
    """

    heads: PackedHeads
    packed: bool
    start: int | None
    cache: int
    exact: bool
    width: int = 0
    sliding: bool = False

    def operand(self, node: OpNode, number: int) -> tuple[int, Chain]:
        """Return the input that holds query, key or value, and a chain to it."""
        if number == 0 and not self.packed:
            return 0, Chain(node.shape(0))
        if not self.packed:
            return number, Chain(node.shape(number))
        heads, groups, size = self.heads.heads, self.heads.groups, self.heads.size
        start, count = ((0, heads), (heads, groups), (heads + groups, groups))[number]
        return 0, Chain(node.shape(0)).take(2, start * size, count * size)

    @property
    def present(self) -> Shape | None:
        """The shape of a new cache, if the number of old positions is known."""
        if self.sliding:
            length = self.cache or None
        else:
            length = None if self.start is None else max(self.cache, self.start + self.heads.keys)
        if length is None:
            return None
        return (self.heads.batch, self.heads.groups, length, self.width or self.heads.size)


def _grouped_lengths(node: OpNode, total: int, lengths: int, less: int = 1) -> Grouped:
    """Return the lengths of a node.

    Input `total` tells how many keys there are, input `lengths` by sequence, and `less`.
    """
    count, groups = node.int("num_heads"), node.int("kv_num_heads")
    query = node.ranked(0, 3, 3)
    packed = not node.has(1)
    parts = count + 2 * groups if packed else count
    if groups < 1 or count < 1 or count % groups or query[2] % parts:
        raise RuleError(
            f"attributes 'num_heads' and 'kv_num_heads' require heads that divide each other and "
            f"{query[2]} features, found {count} and {groups}"
        )
    size = query[2] // parts
    key = query if packed else node.ranked(1, 3, 3)
    wanted = (query[0], key[1], groups * size)
    if not packed and (key != wanted or node.shape(2) != wanted):
        raise RuleError(
            f"inputs 1 and 2 require shape {list(wanted)}, "
            f"found {list(key)} and {list(node.shape(2))}"
        )
    known = node.known_ints(total) if node.value(total).data is not None else None
    start = None if not known else max(known[0] - key[1], 0)
    ends = node.value(lengths).data
    exact = start is not None and ends is not None and bool((ends == start + key[1] - less).all())
    cache, width = node.ranked(3, 4, 4)[2:] if node.has(3) else (0, 0)
    causal = node.int("causal", 1) != 0 and key[1] == query[1]
    window = node.int("local_window_size", -1)
    old = min(cache, start) if exact and start is not None else cache
    heads = PackedHeads(
        *(query[0], query[1], key[1], old, count, groups, size, size),
        causal,
        window if window > 0 and causal else None,
    )
    return Grouped(heads, packed, start, cache, exact, width)


@rule(
    "GroupQueryAttention",
    ignores=f"""{QUANTIZED} {ROTARY} k_norm_epsilon q_norm_epsilon qk_norm_epsilon qk_output scale
    smooth_softmax softcap""",
)
def group_query_attention(node: OpNode) -> Outcome:
    """An output reads its own query, the keys up to it and, at its own feature, their values.

    That is its head, or the head that its group shares. With local_window_size no more keys than
    that, its own included; with causal 0 all of them. It also reads the bias of its query, its
    head's sink, and the lengths of its sequence. The new caches hold the past, then the new
    positions.

    Exact for constant lengths, all the same. Upper bound: otherwise, with sliding_window_cache or
    with query_seqlens, all of the cache counts as read; so do, of rotary and scale tables and the
    norms' weights, all of them, a bias along all keys, and of the new keys with do_rotary or a norm
    all features of the head. Unknown: where the new positions go in a cache where data tells the
    lengths, and what stays in a sliding one. Versions: all (1).
    """
    grouped = _grouped_lengths(node, 6, 5)
    sliding = node.int("sliding_window_cache", 0) != 0
    if sliding or node.has(16):
        whole_cache = replace(grouped.heads, past=grouped.cache)
        grouped = replace(grouped, heads=whole_cache, exact=False, sliding=sliding)
    heads = grouped.heads
    scoring = _own_links(node, grouped)
    values = [scoring.pop()]
    scoring += [*bias_links(node, 10, heads), *_length_links(node, 5, heads)]
    for number, slot in enumerate((3, 4)):
        (values if number else scoring).extend(_cache_links(node, slot, grouped, number))
    scoring.extend(everything_links(node, (6, 7, 8, 9, 12, 14, 15, 16), heads.shape))
    scoring.extend(_sink_links(node, heads))
    values.extend(everything_links(node, (13,), heads.shape))
    links = [*scoring, *values, *_present_links(node, grouped), *_place_links(node, grouped)]
    shape = grouped.present
    scores = None
    if shape is not None and not grouped.sliding:
        scores = (heads.batch, heads.heads, heads.queries, shape[2])
    if scores is None:
        links.extend(everything_links(node, node.data_inputs(), (), 3, unknown=True))
    else:
        links.extend(heads.score_link(link, node.shape(link.input), scores) for link in scoring)
    return trim_outputs(node, (heads.shape, shape, shape, scores), links)


def _sink_links(node: OpNode, heads: PackedHeads) -> Iterator[Link]:
    """Yield the link of the optional sinks, one per head."""
    if node.has(11):
        sink = Chain(node.ranked(11, 1, 1))
        if sink.shape != (heads.heads,):
            raise RuleError(f"input 11 requires {heads.heads} sinks, found {sink.shape[0]}")
        yield heads.lead_per_head(sink).link(11)


def _place_links(node: OpNode, found: Grouped) -> Iterator[Link]:
    """Yield the links of what tells where new positions are stored, and as what."""
    places = () if found.exact else (5, 6, 16)
    rotated = (5, 7, 8, 9) if node.int("do_rotary", 0) else ()
    for output, slots in ((1, {*places, *rotated, 12, 15}), (2, {*places, 13})):
        yield from everything_links(node, sorted(slots), found.present or (), output)


def _own_links(node: OpNode, found: Grouped) -> list[Link]:
    """Return the links of the new query, key and value."""
    links = []
    for number in range(3):
        slot, chain = found.operand(node, number)
        links.append(found.heads.lead(chain, number, found.heads.past).link(slot))
    return links


def _cache_links(node: OpNode, slot: int, found: Grouped, number: int) -> Iterator[Link]:
    """Yield the link of an optional cache, of which the first positions are old ones."""
    if not node.has(slot):
        return
    heads = found.heads
    cache = node.ranked(slot, 4, 4)
    if cache != (heads.batch, heads.groups, found.cache, heads.size):
        # A cache of few bits packs several features into one byte.
        yield from everything_links(node, (slot,), heads.shape)
        return
    reached = heads if found.exact else replace(heads, window=None)
    chain = from_cache(Chain(cache).take(2, 0, heads.past))
    yield reached.lead(chain, 1 + number, 0).link(slot)


def _length_links(node: OpNode, slot: int, heads: PackedHeads) -> Iterator[Link]:
    lengths = node.ranked(slot, 1, 2)
    if math.prod(lengths) != heads.batch:
        raise RuleError(f"input {slot} requires {heads.batch} lengths, found shape {list(lengths)}")
    yield (Chain(lengths).reshape((heads.batch, 1, 1)).broadcast(heads.shape).link(slot))


def _present_links(node: OpNode, found: Grouped) -> Iterator[Link]:
    """Yield the links of the new caches: the past, then the new positions after `start`."""
    heads, shape = found.heads, found.present
    for output, slot in enumerate((3, 4), 1):
        source, chain = found.operand(node, output)
        if shape is None or found.sliding or shape[3] != heads.size:
            unknown = found.sliding or not found.exact
            yield from everything_links(node, (source, slot), shape or (), output, unknown)
            continue
        if output == 1 and (node.int("do_rotary", 0) or node.has(15)):
            width = chain.shape[2]
            chain.add(Reduce(((2, Blocks(heads.groups, width, width)),)))
        if found.exact and found.start is not None:
            yield to_cache(chain, heads.groups, found.start, shape[2]).link(source, output)
        else:
            to_cache(chain, heads.groups, 0, heads.keys)
            anywhere = Reduce(((2, Whole(heads.keys, shape[2], unknown=True)),))
            yield chain.add(anywhere).link(source, output)
        if node.has(slot):
            cache = node.ranked(slot, 4, 4)
            same = (*cache[:2], cache[3]) == (*shape[:2], shape[3])
            old = Chain(cache).put(2, 0, shape[2]) if same else None
            yield from (
                [old.link(slot, output)] if old else everything_links(node, (slot,), shape, output)
            )


@rule("SparseAttention", ignores=f"{ROTARY} scale sparse_block_size")
def sparse_attention(node: OpNode) -> Outcome:
    """An output reads its own query, the keys up to it and, at its own feature, their values.

    That is its head, or the head that its group shares. The new caches hold the past, then the new
    positions.

    Upper bound: blocks that the block mask leaves out count as read, and all of the cache. Unknown:
    where the new positions go in the cache where data tells the lengths. Versions: all (1).
    """
    grouped = _grouped_lengths(node, 7, 8, less=0)
    grouped = replace(grouped, heads=replace(grouped.heads, window=None))
    cache = (grouped.heads.batch, grouped.heads.groups, grouped.cache, grouped.heads.size)
    if node.shape(3) != cache or node.shape(4) != cache:
        raise RuleError(f"inputs 3 and 4 require shape {list(cache)}, found {list(node.shape(4))}")
    links = _own_links(node, grouped)
    for number, slot in enumerate((3, 4)):
        links.extend(_cache_links(node, slot, grouped, number))
    links.extend(everything_links(node, (5, 6, 7, 8, 9, 10), grouped.heads.shape))
    if grouped.start is None or grouped.start + grouped.heads.keys > grouped.cache:
        grouped = replace(grouped, start=0, exact=False)
    links.extend(_present_links(node, grouped))
    return trim_outputs(node, (grouped.heads.shape, cache, cache), links)


SELECTED = """attention_mode auxiliary_kv_shared is_causal output_bf16 qk_norm_epsilon rotary_offset
    scale selected_kv_source smooth_softmax"""


@rule("DynamicSparseAttention", ignores=f"{ROTARY} {SELECTED}")
def dynamic_sparse_attention(node: OpNode) -> Outcome:
    """An output reads its own query, and keys and values that other inputs select.

    Unknown: which keys and values, new, cached or auxiliary, and what the new caches hold.
    onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    grouped = _grouped_lengths(node, 10, 9)
    heads = grouped.heads
    links = [] if grouped.packed else _own_links(node, grouped)[:1]
    sources = (0, *range(1, 7)) if grouped.packed else range(1, 7)
    links.extend(everything_links(node, sources, heads.shape, unknown=True))
    links.extend(everything_links(node, range(7, 20), heads.shape))
    shape = grouped.present
    links.extend(unknown_links(node, (*range(5), 9, *range(11, 20)), (shape, shape), 1))
    links.extend(everything_links(node, node.data_inputs(), (), 3, unknown=True))
    return trim_outputs(node, (heads.shape, shape, shape, None), links)
