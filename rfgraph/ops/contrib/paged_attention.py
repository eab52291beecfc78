"""onnxruntime's attention over packed tokens and paged caches, and what selects keys for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.contrib.operands import rule
from rfgraph.ops.contrib.packed_heads import PackedHeads
from rfgraph.ops.node import Link, OpNode, Outcome, RuleError
from rfgraph.ops.steps import everything_links, trim_outputs, unknown_links

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.relations.axis_rules import Shape


@rule("PackedMultiHeadAttention", ignores="mask_filter_value scale")
def packed_multi_head_attention(node: OpNode) -> Outcome:
    """An output reads its own query, all keys and, at its own feature, their values, of its head.

    Upper bound: the tokens of other sequences count as read, since data says where sequences begin;
    so do all of the biases. onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    count = node.int("num_heads")
    query = node.ranked(0, 2, 4)
    if len(query) == 4:
        operands = [(0, _packed_chain(query, number)) for number in range(3)]
    else:
        operands = [(slot, Chain(node.ranked(slot, 2, 2))) for slot in range(3)]
    (tokens, width), value = operands[0][1].shape, operands[2][1].shape[1]
    shapes = [chain.shape for _, chain in operands]
    if (
        count < 1
        or width % count
        or value % count
        or shapes != [(tokens, width)] * 2 + [(tokens, value)]
    ):
        raise RuleError(
            f"requires queries, keys and values of {count} heads for each token, found shapes "
            f"{[list(shape) for shape in shapes]}"
        )
    heads = PackedHeads(1, tokens, tokens, 0, count, count, width // count, value // count)
    links = []
    for number, (slot, chain) in enumerate(operands):
        chain.reshape((1, *chain.shape))
        heads.lead(chain, number, 0)
        links.append(chain.reshape(heads.shape[1:]).link(slot))
    links.extend(everything_links(node, (3, 4, 5, 6), heads.shape[1:]))
    return Outcome((heads.shape[1:],), tuple(links))


def _packed_chain(shape: Shape, number: int) -> Chain:
    tokens, heads, count, size = shape
    if count != 3:
        raise RuleError(f"input 0 requires axis 2 of length 3, found shape {list(shape)}")
    return Chain(shape).take(2, number, 1).regroup((tokens, heads * size))


PAGED = """do_rotary k_quant_type qk_norm_epsilon rotary_interleaved rotary_offset scale softcap
    v_quant_type"""


@rule("PagedAttention", ignores=f"{PAGED} k_cache_dtype v_cache_dtype")
def paged_attention(node: OpNode) -> Outcome:
    """An output reads its own query, the tokens up to it through keys and values, and the cache.

    That is its head, or the head that its group shares. With local_window_size no more tokens than
    that, its own included; with is_causal 0 all of them.

    Upper bound: the tokens of other sequences count as read, since data says where sequences begin,
    and of a value all features of its head. Unknown: which pages of the cache are read and written.
    onnxruntime has no CPU kernel to compare with. Versions: all (1).
    """
    causal = node.int("is_causal", 1) != 0
    latent = node.str("kv_cache_layout", "SEPARATE") == "LATENT"
    window = node.int("local_window_size", -1)
    heads = _tokens(node, causal, window if causal and window > 0 else None)
    if latent and node.int("v_head_size", 0) > 0:
        heads = replace(heads, value_size=node.int("v_head_size"))
    links = [*_token_links(node, heads)]
    links.extend(everything_links(node, (3, 4, 7), heads.shape[1:], unknown=True))
    links.extend(everything_links(node, (5, 6, *range(8, 17)), heads.shape[1:]))
    return _with_caches(node, heads, links)


def _tokens(node: OpNode, causal: bool, window: int | None) -> PackedHeads:
    """Return the lengths of packed tokens, with all sequences taken for one."""
    tokens, width = node.ranked(0, 2, 2)
    count, groups = node.int("num_heads"), node.int("kv_num_heads")
    parts = count if node.has(1) else count + 2 * groups
    if groups < 1 or count < 1 or count % groups or width % parts:
        raise RuleError(
            f"attributes 'num_heads' and 'kv_num_heads' require heads that divide each other and "
            f"{width} features, found {count} and {groups}"
        )
    size = width // parts
    return PackedHeads(1, tokens, tokens, 0, count, groups, size, size, causal, window)


def _token_links(node: OpNode, heads: PackedHeads) -> Iterator[Link]:
    """Yield the links of query, key and value, apart or in one."""
    shape = heads.shape[1:]
    if not node.has(1):
        tokens = node.shape(0)
        chain = Chain(tokens).regroup((1, *tokens)).reduce([2])
        yield heads.reach_queries(chain, 0).broadcast(heads.shape).regroup(shape).link(0)
        return
    yield heads.lead_query(Chain(node.shape(0)).regroup((1, *node.shape(0)))).regroup(shape).link(0)
    for slot in (1, 2):
        if node.has(slot):
            tokens = node.ranked(slot, 2, 2)
            if tokens[0] != heads.queries or tokens[1] % heads.groups:
                raise RuleError(
                    f"input {slot} requires {heads.queries} tokens of {heads.groups} heads, "
                    f"found shape {list(tokens)}"
                )
            yield heads.lead_keys(Chain(tokens).regroup((1, *tokens)), 0).regroup(shape).link(slot)


def _with_caches(node: OpNode, heads: PackedHeads, links: list[Link]) -> Outcome:
    """Return the outcome with the caches that go out, of which data tells what is written."""
    shapes: list[Shape | None] = [heads.shape[1:]]
    for output, slot in enumerate((3, 4), 1):
        shape = node.shape(slot) if node.has(slot) else None
        shapes.append(shape)
        if shape is not None:
            links.extend(everything_links(node, range(5), shape, output, unknown=True))
    return trim_outputs(node, shapes, links)


# -- selected keys ---------------------------------------------------------------------------------


@rule(
    "SparsePagedAttention",
    ignores="""do_rotary k_quant_type qk_norm_epsilon rotary_interleaved rotary_offset scale softcap
    v_quant_type attention_mode auxiliary_cache_layout auxiliary_kv_shared is_causal
    local_window_size selected_kv_source""",
)
def sparse_paged_attention(node: OpNode) -> Outcome:
    """An output reads its own query, and keys and values that other inputs select.

    Unknown: which keys and values, new, cached or auxiliary. onnxruntime has no CPU kernel to
    compare with. Versions: all (1).
    """
    heads = _tokens(node, False, None)
    links = list(_token_links(node, heads))[:1] if node.has(1) else []
    links.extend(
        everything_links(node, (0,) if not node.has(1) else (), heads.shape[1:], unknown=True)
    )
    links.extend(everything_links(node, (1, 2, 3, 4, 7, 11, 12), heads.shape[1:], unknown=True))
    links.extend(everything_links(node, (5, 6, *range(8, 11), *range(13, 22)), heads.shape[1:]))
    return _with_caches(node, heads, links)


INDEXER = "epsilon head_weight_scale scale"


@rule("SparseAttentionIndexer", ignores=INDEXER)
def sparse_attention_indexer(node: OpNode) -> Outcome:
    """A list of selected keys reads the query and all keys that it chooses from.

    Unknown: which of these decide, and the lengths of the new states. onnxruntime has no CPU kernel
    to compare with. Versions: all (1).
    """
    shape = (*node.ranked(0, 3, 3)[:2], _list_room(node))
    state = node.shape(7) if node.has(12) else None
    return _unknown_outcome(node, (shape, state, None))


SHARING = "indexshare_state_policy state_capacity"


@rule("PackedSparseAttentionIndexer", ignores=f"{INDEXER} {SHARING}")
def packed_sparse_attention_indexer(node: OpNode) -> Outcome:
    """A list of selected keys reads the query and all keys that it chooses from.

    So does what a list that is shared is merged from.

    Unknown: which of these decide, and what the new states hold. onnxruntime has no CPU kernel to
    compare with. Versions: all (1).
    """
    tokens = node.ranked(0, 2, 2)[0]
    selected = _shared_width(node)
    lists = None if selected is None else (tokens, selected)
    states = [node.shape(slot) if node.has(slot) else None for slot in (12, 13, 14, 15)]
    batch, _, size = node.ranked(12, 3, 3)
    updates = (batch, max(node.int("state_update_capacity", 0), 0), size)
    return _unknown_outcome(node, (lists, (tokens,), *states, updates, (tokens,), (batch,)))


def _shared_width(node: OpNode) -> int | None:
    """Return how many entries a list has room for; None if it is not said whether it is shared."""
    if node.has(18) or node.has(19):
        return node.int("max_output_entries", 0, least=1)
    return None if node.int("max_output_entries", 0) else _list_room(node)


MAX_ENTRIES = 1 << 30


@rule("PackedSparseAttentionIndexerMerge", ignores="policy_mode")
def packed_sparse_attention_indexer_merge(node: OpNode) -> Outcome:
    """A merged list reads its own query's row, range and additional selection, and a base row.

    So do the number of its entries and its status.

    Unknown: which base row is read, which base_row_indices tells; where in a list an entry goes is
    data's, so of a row all counts as read. onnxruntime has no CPU kernel to compare with.
    Versions: all (1).
    """
    width, (count,) = node.int("max_output_entries"), node.ranked(2, 1, 1)
    (base,) = node.ranked(1, 1, 1)
    if not 1 <= width <= MAX_ENTRIES or node.ranked(0, 2, 2)[0] != base:
        raise RuleError(
            f"requires 1 to {MAX_ENTRIES} max_output_entries and {base} base rows, "
            f"found {width} and shape {list(node.shape(0))}"
        )
    shapes = ((count, width), (count,), (count,))
    links = []
    for slot in node.data_inputs():
        rows = node.ranked(slot, 1, 2)
        if slot > 1 and rows[0] != count:
            raise RuleError(f"input {slot} requires {count} rows, found shape {list(rows)}")
        row = Chain(rows).reduce(range(1, len(rows)))
        if slot < 2:
            row.reduce([0], unknown=True)
        for output, to in enumerate(shapes):
            under = (row.shape[0], *(1,) * (len(to) - 1))
            links.append(row.copy().reshape(under).broadcast(to).link(slot, output))
    return trim_outputs(node, shapes, links)


def _list_room(node: OpNode) -> int:
    """Return how many entries a list has room for."""
    ratio = node.int("compress_ratio")
    if node.str("policy_mode", "") == "csa":
        count = node.int("index_topk")
    else:
        count = node.int("token_budget") + ratio - 1
    if ratio < 1 or count < 1:
        raise RuleError(f"requires room for at least 1 entry, found {count}")
    return count


def _unknown_outcome(node: OpNode, shapes: tuple[Shape | None, ...]) -> Outcome:
    return trim_outputs(node, shapes, unknown_links(node, node.data_inputs(), shapes))
