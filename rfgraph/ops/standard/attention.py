"""Attention: a query reads the keys that it may attend to, and their values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rfgraph.ops.chain import Chain
from rfgraph.ops.heads import Lengths, Reach, add_band
from rfgraph.ops.masked_scores import compact, kept_by_mask, taken_steps
from rfgraph.ops.node import Array, Link, OpNode, Outcome, RuleError, UnresolvedError
from rfgraph.ops.registry import rule
from rfgraph.ops.steps import broadcasts, kept_steps, repeat_rule, trim_outputs
from rfgraph.relations.axis_rules import Shape, Shift, Whole, along_axis
from rfgraph.relations.how import How
from rfgraph.relations.steps import Permute, Reduce, Select
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator


Q, K, V, MASK, PAST_KEY, PAST_VALUE, VALID = range(7)
Y, PRESENT_KEY, PRESENT_VALUE, SCORES = range(4)
RAW, CAPPED, BIASED, NORMALIZED = range(4)
SCORED = (Q, K, PAST_KEY, MASK)


@dataclass(frozen=True, slots=True)
class Heads(Lengths):
    """The lengths of an attention node: `packed` inputs hold the heads within the last axis."""

    packed: bool

    @property
    def shape(self) -> Shape:
        """The shape of the result with the heads on an axis of their own."""
        return (self.batch, self.heads, self.queries, self.value_size)

    @property
    def scores(self) -> Shape:
        """The shape of queries by keys."""
        return (self.batch, self.heads, self.queries, self.total)

    def unpack(self, slot: int) -> Chain:
        """Return a chain from an input to (batch, heads, length, size)."""
        heads = self.heads if slot == Q else self.groups
        size = self.value_size if slot in (V, PAST_VALUE) else self.size
        length = {Q: self.queries, K: self.keys, V: self.keys}.get(slot, self.past)
        if not self.packed or slot in (PAST_KEY, PAST_VALUE):
            return Chain((self.batch, heads, length, size))
        chain = Chain((self.batch, length, heads * size))
        return chain.regroup((self.batch, length, heads, size)).permute(0, 2, 1, 3)

    def pack_again(self, chain: Chain) -> Chain:
        """Return a chain that has reached the result's shape, led on to the output."""
        if not self.packed:
            return chain
        flat = (self.batch, self.queries, self.heads * self.value_size)
        return chain.permute(0, 2, 1, 3).regroup(flat)

    def spread_groups(self, chain: Chain) -> Chain:
        """Return a chain over groups of heads, spread to the heads that share them."""
        if self.heads == self.groups:
            return chain
        return chain.taps(1, repeat_rule(self.heads, self.groups))


def _crop_steps(shape: Shape, start: int, length: int) -> tuple[Select, ...]:
    """Return the steps that leave of axis 2 the positions from `start` on."""
    shift = Shift(start, 1, shape[2], length)
    return () if length == shape[2] else (Select(((2, shift),)),)


def _reach_queries(chain: Chain, heads: Heads, reach: Reach, start: int, past: bool) -> Chain:
    """Lead keys that begin at `start`, on axis 2, to the queries that attend to them."""
    there = min(max(reach.limit - start, 0), chain.shape[2])
    chain.add(*_crop_steps(chain.shape, 0, there))
    before = None if reach.lower is None else start - reach.lower
    after = None if reach.upper is None else reach.upper - start
    if past and after is not None and after >= there - 1:
        after = None  # what came before all queries is read however far back it goes
    return add_band(chain, 2, before, after, heads.queries)


def attend(node: OpNode, heads: Heads, reach: Reach, mode: int = RAW) -> Outcome:
    """Return the outcome of an attention node; `mode` says what its fourth output holds."""
    shape = heads.pack_again(Chain(heads.shape)).shape
    states = [(heads.batch, heads.groups, heads.total, n) for n in (heads.size, heads.value_size)]
    kept = _kept_keys(node, heads, reach)
    links = [
        *(_with_part(link, heads, "own") for link in _result_links(node, heads, reach, kept)),
        # What scores read counts twice, as it does in parts: a score, and the sum of the softmax.
        *(
            _with_part(link, heads, "statistics")
            for link in _result_links(node, heads, reach, kept)
            if link.input in SCORED
        ),
        *_state_links(node, heads),
        *_score_links(node, heads, reach, mode),
    ]
    return trim_outputs(node, (shape, *states, heads.scores), links)


def _with_part(link: Link, heads: Heads, part: str) -> Link:
    """Return a link of the result that says how its operand enters."""
    names = {Q: "query", K: "key", PAST_KEY: "key", V: "value", PAST_VALUE: "value"}
    if link.input not in names:
        return link
    name = names[link.input] if link.input in (V, PAST_VALUE) else f"{names[link.input]} {part}"
    return replace(link, how=How("attention", name, (heads.total, heads.size)))


def _sources(node: OpNode, heads: Heads, values: bool) -> Iterator[tuple[int, int]]:
    """Give the inputs of keys, and of values where wanted, each with where its positions begin."""
    kinds = ((PAST_KEY, K), (PAST_VALUE, V)) if values else ((PAST_KEY, K),)
    for past, new in kinds:
        if node.has(past):
            yield past, 0
        yield new, heads.past


def _kept_keys(node: OpNode, heads: Heads, reach: Reach) -> Array | None:
    """Return which keys (batch, heads, queries, keys) a stored mask leaves; None if all."""
    if not node.masks or not node.has(MASK) or not node.value(MASK).constant:
        return None
    allowed = reach.allowed_keys(heads.queries, heads.total)
    if allowed is None and not reach.links_all(heads.total):
        node.uncut = "queries and keys are too many to list"
        return None
    return kept_by_mask(node, MASK, heads.total, allowed)


def _result_links(node: OpNode, heads: Heads, reach: Reach, kept: Array | None) -> Iterator[Link]:
    sizes = (3, Whole(heads.size, heads.value_size))
    first, last = reach.reached_queries(heads.queries)
    queries = heads.unpack(Q).add(Reduce((sizes,), weighted=True))
    if (first, last) != (0, heads.queries):
        queries.add(*_crop_steps(queries.shape, first, last - first))
        back = Shift(-first, 1, last - first, heads.queries, "absent")
        queries.add(Select(((2, back),)))
    yield heads.pack_again(queries).link(Q)
    for slot, start in _sources(node, heads, values=True):
        if kept is None:
            past = slot in (PAST_KEY, PAST_VALUE)
            chain = heads.spread_groups(
                _reach_queries(heads.unpack(slot), heads, reach, start, past)
            )
        else:
            chain = heads.spread_groups(heads.unpack(slot))
            cut = kept if kept.shape[3] == 1 else kept[..., start : start + chain.shape[2]]
            if not cut.any():
                continue
            chain.add(*taken_steps(compact(cut), chain.shape))
        if slot in (K, PAST_KEY):
            chain.add(Reduce((sizes,), weighted=True))
        yield heads.pack_again(chain.broadcast(heads.shape)).link(slot)
    for slot, row in _row_operands(node, heads, reach):
        yield heads.pack_again(row.broadcast(heads.shape)).link(slot)


def _row_operands(node: OpNode, heads: Heads, reach: Reach) -> Iterator[tuple[int, Chain]]:
    """Give the mask and the number of valid keys, led to (batch, heads, queries, 1)."""
    if _is_computed(node, MASK):
        chain = _mask(node)
        batch, own_heads, _, keys = chain.shape
        chain.broadcast((batch, own_heads, heads.queries, keys))
        allowed = reach.allowed_keys(heads.queries, heads.total)
        broadcast = keys != heads.total and node.version < 24
        if allowed is not None and not broadcast and not _keep_allowed(chain, allowed[:, :keys]):
            return
        yield MASK, chain.reduce([3])
    if _is_computed(node, VALID):
        yield VALID, Chain((heads.batch,)).regroup(along_axis(heads.batch, 0, 4))


def _is_computed(node: OpNode, slot: int) -> bool:
    return node.has(slot) and not node.value(slot).constant


def _mask(node: OpNode) -> Chain:
    """Return a chain from the mask to four axes."""
    shape = node.shape(MASK)
    return Chain(shape).reshape((*(1,) * (4 - len(shape)), *shape))


def _keep_allowed(chain: Chain, allowed: Array | None) -> bool:
    """Leave of queries by keys, the last axes, what is allowed; say whether anything is."""
    if allowed is None:
        return True
    steps = kept_steps(allowed, chain.shape)
    chain.add(*(steps or ()))
    return steps is not None


def _state_links(node: OpNode, heads: Heads) -> Iterator[Link]:
    """Give the links of the keys and values that are handed on: the past ones, then the new."""
    for slot, start in _sources(node, heads, values=True):
        chain = heads.unpack(slot)
        place = Shift(-start, 1, chain.shape[2], heads.total, "absent")
        output = PRESENT_KEY if slot in (K, PAST_KEY) else PRESENT_VALUE
        yield chain.select([(2, place)]).link(slot, output)


def _score_links(node: OpNode, heads: Heads, reach: Reach, mode: int) -> Iterator[Link]:
    """Give the links of the scores: a query and a key, the bias, and after Softmax the row."""
    allowed = reach.allowed_keys(heads.queries, heads.total) if mode >= BIASED else None
    for slot, chain in _own_scores(node, heads, mode):
        if _keep_allowed(chain.broadcast(heads.scores), allowed):
            yield chain.link(slot, SCORES)
    if mode != NORMALIZED:
        return
    for slot, start in _sources(node, heads, values=False):
        chain = _reach_queries(heads.unpack(slot), heads, reach, start, slot == PAST_KEY)
        heads.spread_groups(chain.reduce([3], weighted=True))
        if _keep_allowed(chain.broadcast(heads.scores), allowed):
            yield chain.link(slot, SCORES)
    for slot, row in _row_operands(node, heads, reach):
        if slot == MASK and _keep_allowed(row.broadcast(heads.scores), allowed):
            yield row.link(slot, SCORES)


def _own_scores(node: OpNode, heads: Heads, mode: int) -> Iterator[tuple[int, Chain]]:
    """Give what a score reads before Softmax, each broadcast to the scores."""
    product = Reduce(((3, Whole(heads.size, 1)),), weighted=True)
    yield Q, heads.unpack(Q).add(product)
    for slot, start in _sources(node, heads, values=False):
        chain = heads.spread_groups(heads.unpack(slot).add(product, Permute((0, 1, 3, 2))))
        place = Shift(-start, 1, chain.shape[3], heads.total, "absent")
        yield slot, chain.select([(3, place)])
    if mode >= BIASED and _is_computed(node, MASK):
        chain = _mask(node)
        if node.version >= 24:
            there = Shift(0, 1, chain.shape[3], heads.total, "absent")
            chain.select([(3, there)])
        yield MASK, chain
    if mode >= BIASED and _is_computed(node, VALID):
        yield VALID, Chain((heads.batch,)).regroup(along_axis(heads.batch, 0, 4))


# -- what a node says ------------------------------------------------------------------------------


def separate_heads(node: OpNode) -> Heads:
    """Return the lengths of inputs whose heads have an axis of their own."""
    shapes = [node.ranked(slot, 4, 4) for slot in (Q, K, V)]
    (batch, heads, queries, size), key, value = shapes
    groups, keys = key[1:3]
    if key != (batch, groups, keys, size) or value[:3] != (batch, groups, keys):
        raise _unfit_error(shapes)
    return _check_groups(
        Heads(batch, queries, keys, 0, heads, groups, size, value[3], packed=False)
    )


def packed_heads(node: OpNode) -> Heads:
    """Return the lengths of inputs that hold the heads within the last axis."""
    shapes = [node.ranked(slot, 3, 3) for slot in (Q, K, V)]
    heads, groups = node.int("q_num_heads"), node.int("kv_num_heads")
    if heads < 1 or groups < 1:
        raise RuleError(f"requires numbers of heads of at least 1, found {heads} and {groups}")
    (batch, queries, hidden), key, value = shapes
    size, value_size, keys = hidden // heads, value[2] // groups, key[1]
    whole = (batch, queries, heads * size), (batch, keys, groups * size)
    if (*whole, (batch, keys, groups * value_size)) != tuple(shapes):
        raise _unfit_error(shapes, f" with {heads} and {groups} heads")
    return _check_groups(
        Heads(batch, queries, keys, 0, heads, groups, size, value_size, packed=True)
    )


def _unfit_error(shapes: list[Shape], what: str = "") -> RuleError:
    listed = ", ".join(str(list(shape)) for shape in shapes)
    return RuleError(f"requires queries, keys and values that fit{what}, found {listed}")


def _check_groups(heads: Heads) -> Heads:
    if heads.groups < 1 or heads.heads % heads.groups:
        raise RuleError(
            f"requires a multiple of {heads.groups} heads for the queries, found {heads.heads}"
        )
    return heads


def _with_past(node: OpNode, heads: Heads) -> Heads:
    given = [slot for slot in (PAST_KEY, PAST_VALUE) if node.has(slot)]
    if not given:
        return heads
    if len(given) == 1 or node.has(VALID):
        raise RuleError("requires past_key and past_value together, without nonpad_kv_seqlen")
    past = node.ranked(PAST_KEY, 4, 4)[2]
    for slot, size in ((PAST_KEY, heads.size), (PAST_VALUE, heads.value_size)):
        node.expect_shape(slot, (heads.batch, heads.groups, past, size))
    return replace(heads, past=past)


def _reach(node: OpNode, heads: Heads) -> Reach:
    """Return which keys a query may attend to, whatever the values of masks."""
    least, most, limit = _offsets(node, heads)
    left, right = node.int("left_window_size", -1), node.int("right_window_size", -1)
    uppers = [most + right] if right >= 0 else []
    if node.int("is_causal", 0):
        uppers.append(most)
    lower = None if left < 0 or least is None else least - left
    return Reach(lower, min(uppers, default=None), min(limit, _mask_limit(node, heads)))


def _offsets(node: OpNode, heads: Heads) -> tuple[int | None, int, int]:
    """Return the least and largest position of query 0 among the keys, and the keys that count."""
    if not node.has(VALID):
        return heads.past, heads.past, heads.total
    node.expect_shape(VALID, (heads.batch,))
    data = node.value(VALID).data
    if data is None or data.size == 0:
        return None, heads.keys - heads.queries, heads.keys
    counts = node.known_ints(VALID) or [0]
    if not 0 <= min(counts) <= max(counts) <= heads.keys:
        raise RuleError(
            f"input {VALID} requires values in [0, {heads.keys}], found {min(counts)} to "
            f"{max(counts)}"
        )
    return min(counts) - heads.queries, max(counts) - heads.queries, max(counts)


def _mask_limit(node: OpNode, heads: Heads) -> int:
    """Check the mask's shape and return how many keys it speaks of; the rest are masked."""
    if not node.has(MASK):
        return heads.total
    mask = node.ranked(MASK, 0, 4)
    keys = mask[-1] if mask else 1
    shorter = node.version >= 24 and bool(mask) and keys < heads.total
    fitted = (*mask[:-1], heads.total) if shorter else mask
    if not broadcasts(fitted, heads.scores):
        raise RuleError(
            f"input {MASK} requires a shape that broadcasts to {list(heads.scores)}, "
            f"found {list(mask)}"
        )
    return keys if shorter else heads.total


@rule("Attention", ignores="scale softcap softmax_precision")
def attention(node: OpNode) -> Outcome:
    """An output reads its query, whole, and of every key that it may attend to the key, whole.

    Of their values it reads its own column; of a mask that is computed, its row as far as these
    keys go. Which keys those are, is_causal, the windows, a shorter mask and constant
    nonpad_kv_seqlen say; a mask's values are looked at where it is stored and option --masks is
    given: it then cuts what it masks of the result. Query heads share those of keys and
    values in groups. The presents hold the past and the new. Scores read a query and a key; with
    the bias (mode 2) the mask too; after Softmax (mode 3) their row of keys as well.

    Exact; an upper bound where nonpad_kv_seqlen is computed or differs within the batch, and for
    masks and scores of more than 2^20 pairs of query and key. Versions: since 24 nonpad_kv_seqlen
    and shorter masks, since 25 windows.
    """
    packed = len(node.ranked(Q, 3, 4)) == 3
    heads = _with_past(node, packed_heads(node) if packed else separate_heads(node))
    mode = node.int("qk_matmul_output_mode", RAW)
    if mode not in range(4):
        raise RuleError(
            f"attribute 'qk_matmul_output_mode' requires a value in [0, 3], found {mode}"
        )
    return attend(node, heads, _reach(node, heads), mode)


@rule("FlexAttention", domain="ai.onnx.preview", ignores="scale softmax_precision")
def flex_attention(node: OpNode) -> Outcome:
    """An output reads its query, every key, whole, and its own column of every value.

    Query heads share those of keys and values in groups.

    Exact. Unknown: with score_mod or prob_mod, whose graphs may mix or mask the scores. Versions:
    all.
    """
    heads = separate_heads(node)
    for name in ("score_mod", "prob_mod"):
        if node.attribute(name) is not None:
            raise UnresolvedError(f"the graph of attribute {quote(name)} is not followed")
    return attend(node, heads, Reach(None, None, heads.keys))
