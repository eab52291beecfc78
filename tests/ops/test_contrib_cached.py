"""onnxruntime's attention over caches and packed tokens, and rotary embeddings."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from ops.evaluate import Case, Data, mismatches, outcome, read_at, relations
from ops.probes import Formula, Steps
from rfgraph.ops.node import RuleError

TWO, THREE = (True, True), (True, True, True)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


# -- grouped heads ---------------------------------------------------------------------------------


def gqa(query, length, past=0, key=True, total=None, more=(), size=8, **attributes):
    """Return a node of two heads that share one, for sequences of one length."""
    batch = query[0]
    total = past + length if total is None else total
    own = [(batch, length, size)] * 2 if key else [None, None]
    caches = [(batch, 1, past, size)] * 2 if past else [None, None]
    counts = [np.full(batch, total - 1, np.int32), np.array(total, np.int32)]
    flags = {"num_heads": 2, "kv_num_heads": 1, "scale": 0.05, **attributes}
    inputs = [query, *own, *caches, *counts, *more]
    return node("GroupQueryAttention", inputs, flags, outputs=THREE)


GROUPED = [
    gqa((1, 1, 16), 1, past=3),
    gqa((1, 1, 16), 1, past=5, local_window_size=2),
    gqa((1, 1, 32), 1, past=3, key=False),
    gqa((1, 3, 16), 3, causal=0),
    gqa((1, 1, 16), 1, past=3, more=[None, None, None, (1, 1, 1, 4)]),
    gqa((1, 1, 16), 1, past=3, more=[None, None, None, (1, 2, 1, 4), (2,)]),
]


@pytest.mark.parametrize("case", GROUPED, ids=str)
def test_a_grouped_query_reads_what_onnxruntime_shows(case):
    assert mismatches(case, probe=Steps(case)) == []


@pytest.mark.parametrize("window", [-1, 1, 2, 3])
def test_a_causal_query_reads_a_window_of_keys(window):
    case = gqa((1, 4, 16), 4, local_window_size=window)
    probe = Steps(case)
    # A query with a single key gives it all the weight, whatever both are.
    assert mismatches(case, within=(0, 1), probe=probe) == []
    for query in range(4):
        first = 0 if window < 0 else max(0, query - window + 1)
        assert {at[1] for at in read_at(case, 2, (0, query, 0))} == set(range(first, query + 1))


def test_the_first_positions_of_a_longer_cache_are_old_ones():
    case = gqa((1, 1, 16), 1, past=6, total=3)
    assert outcome(case).shapes == ((1, 1, 16), (1, 1, 6, 8), (1, 1, 6, 8))
    assert mismatches(case, within=(3, 4), probe=Steps(case)) == []
    assert {at[2] for at in read_at(case, 4, (0, 0, 3))} == {0, 1}


def test_rotary_keys_are_stored_by_head():
    tables = [np.random.default_rng(0).random((8, 8), np.float32) for _ in range(2)]
    case = gqa((1, 1, 32), 1, past=3, more=tables, size=16, do_rotary=1)
    assert mismatches(case, within=(1,), probe=Steps(case)) == []


def test_lengths_that_depend_on_data_leave_open_where_new_keys_go():
    dynamic = [Data((1,), "int32"), np.array(4, np.int32)]
    inputs = [(1, 1, 16), (1, 1, 8), (1, 1, 8), (1, 1, 3, 8), (1, 1, 3, 8), *dynamic]
    case = node("GroupQueryAttention", inputs, {"num_heads": 2, "kv_num_heads": 1}, outputs=THREE)
    assert outcome(case).shapes[1:] == ((1, 1, 4, 8), (1, 1, 4, 8))
    assert len(read_at(case, 1, (0, 0, 0, 5), 1)) == 1
    assert relations(case, 1)[1][0].steps[-1].rules[0][1].unknown
    inputs[6] = Data((), "int32")
    case = node("GroupQueryAttention", inputs, {"num_heads": 2, "kv_num_heads": 1}, outputs=THREE)
    assert outcome(case).shapes == ((1, 1, 16), None, None)
    assert len(read_at(case, 3, (0, 0, 3))) == 24


def test_the_products_read_their_query_and_all_keys():
    case = gqa((1, 1, 16), 1, past=3, qk_output=1)
    case = Case(case.op, case.inputs, case.attributes, 1, (True, False, False, True), case.domain)
    assert outcome(case).shapes[3] == (1, 2, 1, 4)
    assert read_at(case, 0, (0, 1, 0, 2), 3) == {(0, 0, at) for at in range(8, 16)}
    assert len(read_at(case, 3, (0, 1, 0, 2), 3)) == 24
    assert read_at(case, 4, (0, 1, 0, 2), 3) == set()


def test_a_cache_of_few_bits_is_read_whole():
    inputs = [
        (1, 1, 16),
        (1, 1, 8),
        (1, 1, 8),
        Data((1, 1, 3, 4), "uint8"),
        Data((1, 1, 3, 4), "uint8"),
    ]
    counts = [np.array([3], np.int32), np.array(4, np.int32)]
    flags = {"num_heads": 2, "kv_num_heads": 1, "kv_cache_bit_width": 4}
    case = node("GroupQueryAttention", [*inputs, *counts], flags)
    assert len(read_at(case, 3, (0, 0, 3))) == 12


def test_a_new_cache_of_few_bits_is_packed_like_the_old_one():
    old = Data((1, 1, 3, 4), "uint8", (0, 9))
    inputs = [(1, 1, 16), (1, 1, 8), (1, 1, 8), old, old]
    inputs += [np.array([3], np.int32), np.array(4, np.int32), *[None] * 5]
    inputs += [np.full(1, 0.1, np.float32)] * 2
    flags = {"num_heads": 2, "kv_num_heads": 1, "kv_cache_bit_width": 4, "scale": 0.05}
    flags |= {"k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR"}
    case = node("GroupQueryAttention", inputs, flags, outputs=THREE)
    assert outcome(case).shapes == ((1, 1, 16), (1, 1, 4, 4), (1, 1, 4, 4))
    assert mismatches(case, within=(0, 1, 2, 3, 4), probe=Steps(case)) == []


def chunk(length, past, total, count, **attributes):
    """Return a node on a chunk of which `count` tokens are valid, after others in a cache."""
    more = [*[None] * 9, np.array([count], np.int32)]
    return gqa((1, length, 16), length, past=past, total=total, more=more, **attributes)


class Valid(Steps):
    """Small steps, of which the rows of a chunk that are padding are not looked at."""

    def _run(self, feeds):
        found = super()._run(feeds)
        found["y0"][:, int(self.case.inputs[16][0]) :] = 0
        return found


@pytest.mark.parametrize("case", [chunk(3, 6, 5, 2), chunk(2, 5, 5, 2)], ids=str)
def test_a_padded_chunk_leaves_open_where_its_tokens_go(case):
    assert mismatches(case, within=(0, 1, 2, 3, 4), probe=Valid(case)) == []
    assert {at[1] for at in read_at(case, 2, (0, 1, 3))} == {0, 1}
    assert relations(case, 1)[1][0].steps[-1].rules[0][1].unknown


def sliding(length, capacity, total, window):
    return gqa(
        *((1, length, 16), length, capacity, True, total),
        local_window_size=window,
        sliding_window_cache=1,
    )


@pytest.mark.parametrize(
    "case", [sliding(1, 3, 5, 2), sliding(2, 3, 5, 3), sliding(1, 4, 7, 2)], ids=str
)
def test_a_sliding_cache_keeps_its_length(case):
    shape = case.inputs[3]
    assert outcome(case).shapes == (case.inputs[0], shape, shape)
    assert mismatches(case, within=(0, 1, 2, 3, 4), probe=Steps(case)) == []
    assert relations(case, 1)[1][0].steps[0].unknown
    scores = Case(case.op, case.inputs, case.attributes, 1, (True, False, False, True), case.domain)
    assert outcome(scores).shapes[3] is None
    begun = node(
        case.op, [*case.inputs[:3], None, None, *case.inputs[5:]], case.attributes, outputs=THREE
    )
    assert outcome(begun).shapes == (case.inputs[0], None, None)


def test_lengths_that_are_data_tell_where_keys_are_stored():
    lengths = [Data((1,), "int32", (1, 4)), np.array(4, np.int32)]
    inputs = [(1, 1, 16), (1, 1, 8), (1, 1, 8), (1, 1, 4, 8), (1, 1, 4, 8), *lengths]
    flags = {"num_heads": 2, "kv_num_heads": 1, "scale": 0.05}
    case = node("GroupQueryAttention", inputs, flags, outputs=THREE)
    assert mismatches(case, within=tuple(range(6)), probe=Steps(case)) == []


def test_what_keys_are_rotated_and_normalized_by_is_stored_with_them():
    tables, norms = [(8, 8), (8, 8)], [(16,), (16,)]
    case = gqa((1, 1, 32), 1, past=3, more=tables, size=16, do_rotary=1)
    assert mismatches(case, within=(1, 7, 8), probe=Steps(case)) == []
    case = gqa((1, 1, 32), 1, past=3, more=[*[None] * 7, *norms], size=16)
    assert read_at(case, 1, (0, 0, 3, 5), 1) == {(0, 0, at) for at in range(16)}
    assert read_at(case, 15, (0, 0, 3, 5), 1) == {(at,) for at in range(16)}
    assert read_at(case, 15, (0, 0, 3, 5), 2) == set()


class Shared(Steps):
    """Small steps on a node that writes new keys and values into the cache it was given."""

    def _run(self, feeds):
        binding = self.session.io_binding()
        values = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in feeds.items()
        }
        for name, value in values.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_output("y0")
        binding.bind_ortvalue_output("y1", values["x3"])
        binding.bind_ortvalue_output("y2", values["x4"])
        self.session.run_with_iobinding(binding)
        found = zip(self.outputs, binding.copy_outputs_to_cpu(), strict=True)
        return {name: value.copy() for name, value in found}


@pytest.mark.parametrize("past", [0, 2])
def test_sparse_attention_reads_no_more_than_the_keys_up_to_its_own(past):
    length, size, blocks = 1 if past else 3, 16, np.array([[0, 1]], np.int32)
    inputs = [(1, length, 2 * size), *[(1, length, size)] * 2, *[(1, 1, 16, size)] * 2]
    inputs += [blocks, np.array([[0]], np.int32)]
    inputs += [np.array(past + length, np.int32), np.array([past + length], np.int32)]
    flags = {"num_heads": 2, "kv_num_heads": 1, "sparse_block_size": 16, "scale": 0.05}
    case = node("SparseAttention", inputs, flags, outputs=THREE)
    # A query with a single key gives it all the weight; what is overwritten counts as kept.
    assert mismatches(case, within=(0, 1, 3, 4), probe=Shared(case)) == []


def test_a_cache_that_is_too_short_leaves_open_where_new_keys_go():
    blocks, ends = np.array([[0, 1]], np.int32), Data((1,), "int32")
    inputs = [(1, 2, 8), (1, 2, 4), (1, 2, 4), *[(1, 1, 4, 4)] * 2, blocks, blocks]
    flags = {"num_heads": 2, "kv_num_heads": 1, "sparse_block_size": 16}
    case = node("SparseAttention", [*inputs, Data((), "int32"), ends], flags, outputs=THREE)
    assert outcome(case).shapes == ((1, 2, 8), (1, 1, 4, 4), (1, 1, 4, 4))
    assert relations(case, 1)[1][0].steps[-1].rules[0][1].unknown


# -- packed tokens ---------------------------------------------------------------------------------


def test_packed_tokens_by_hand():
    ends = [Data((2, 3), "int32"), Data((3,), "int32")]
    case = node("PackedMultiHeadAttention", [(5, 4), (5, 4), (5, 6), None, *ends], {"num_heads": 2})
    assert outcome(case).shapes == ((5, 6),)
    assert read_at(case, 0, (3, 5)) == {(3, 2), (3, 3)}
    assert read_at(case, 1, (3, 5)) == {(t, k) for t in range(5) for k in (2, 3)}
    assert read_at(case, 2, (3, 5)) == {(t, 5) for t in range(5)}
    case = node(
        "PackedMultiHeadAttention", [(5, 2, 3, 2), None, None, None, *ends], {"num_heads": 2}
    )
    assert outcome(case).shapes == ((5, 4),)
    assert read_at(case, 0, (3, 3)) == {
        *((3, 1, 0, d) for d in (0, 1)),
        *((t, 1, 1, d) for t in range(5) for d in (0, 1)),
        *((t, 1, 2, 1) for t in range(5)),
    }


PAGES = [(7, 4, 1, 2)] * 2
BOUNDS = [Data((3,), "int32"), Data((2,), "int32"), Data((2, 3), "int32")]


def paged(inputs, **attributes):
    flags = {"num_heads": 2, "kv_num_heads": 1, **attributes}
    return node("PagedAttention", [*inputs, *PAGES, *BOUNDS], flags, outputs=THREE)


def test_paged_attention_by_hand():
    case = paged([(5, 4), (5, 2), (5, 2)])
    assert outcome(case).shapes == ((5, 4), *PAGES)
    assert read_at(case, 0, (3, 3)) == {(3, 2), (3, 3)}
    assert {at[0] for at in read_at(case, 1, (3, 3))} == {0, 1, 2, 3}
    assert relations(case)[3][0].steps[0].unknown
    near = paged([(5, 4), (5, 2), (5, 2)], local_window_size=2)
    assert {at[0] for at in read_at(near, 2, (3, 3))} == {2, 3}
    both = paged([(5, 8), None, None], is_causal=0)
    assert outcome(both).shapes[0] == (5, 4)
    assert len(read_at(both, 0, (3, 3))) == 40
    latent = paged([(5, 8), (5, 4), None], kv_cache_layout="LATENT", v_head_size=3)
    latent = Case(
        latent.op, [*latent.inputs[:4], None, *BOUNDS], latent.attributes, 1, THREE, latent.domain
    )
    assert outcome(latent).shapes == ((5, 6), PAGES[0], None)


def test_what_selects_keys_is_unknown():
    selected = [Data((5, 3), "int32"), Data((5,), "int32")]
    flags = {"num_heads": 2, "kv_num_heads": 1}
    inputs = [(5, 4), (5, 2), (5, 2), *PAGES, *BOUNDS, None, *selected]
    case = node("SparsePagedAttention", inputs, flags, outputs=THREE)
    assert outcome(case).shapes == ((5, 4), *PAGES)
    assert read_at(case, 0, (3, 3)) == {(3, 2), (3, 3)}
    assert relations(case)[1][0].steps[0].unknown
    ends = [np.array([3], np.int32), np.array(4, np.int32)]
    inputs = [(1, 2, 4), (1, 2, 2), (1, 2, 2), *[(1, 1, 2, 2)] * 2, None, None, *selected, *ends]
    scales = [*[None] * 6, Data((1,), "int32"), (2,), (2,)]
    case = node("DynamicSparseAttention", [*inputs, *scales], flags, outputs=(*THREE, True))
    assert outcome(case).shapes == ((1, 2, 4), (1, 1, 4, 2), (1, 1, 4, 2), None)
    assert [read_at(case, 18, (0,) * rank, output) for output, rank in ((0, 3), (1, 4))] == [
        *[{(0,), (1,)}] * 2
    ]
    assert read_at(case, 17, (), 3) == {(0,)}
    assert relations(case)[1][0].steps[0].unknown
    qsa = {"policy_mode": "qsa", "compress_ratio": 2, "token_budget": 4}
    norms = [(4,), (4,), (8, 2), (8, 2)]
    case = node("SparseAttentionIndexer", [(1, 3, 8), (1, 3, 4), *norms, None, (1, 2, 4)], qsa)
    assert outcome(case).shapes == ((1, 3, 5),)
    csa = {"policy_mode": "csa", "compress_ratio": 2, "index_topk": 6, "state_capacity": 9}
    states = [(1, 9, 4), (1, 3, 8), (1, 3, 8), Data((1, 2), "int32")]
    inputs = [(3, 8), (3, 8), *norms, *BOUNDS[:2], *[None] * 4, *states]
    case = node("PackedSparseAttentionIndexer", inputs, csa, outputs=(True,) * 6)
    assert outcome(case).shapes == ((3, 6), (3,), (1, 9, 4), (1, 3, 8), (1, 3, 8), (1, 2))
    shared = {**csa, "max_output_entries": 8}
    inputs += [*[None] * 2, Data((1,), "int32"), Data((3, 8), "int32"), Data((3,), "int32")]
    outputs = (*(True,) * 6, False, True, True)
    case = node("PackedSparseAttentionIndexer", inputs, shared, outputs=outputs)
    assert outcome(case).shapes[0] == (3, 8)
    assert outcome(case).shapes[7:] == ((3,), (1,))
    case = node("PackedSparseAttentionIndexer", inputs[:16], shared, outputs=(True, True))
    assert outcome(case).shapes == (None, (3,))


def union_of_rows(base, counts, rows, starts, ends, more=None, numbers=None, **attributes):
    """Merge a row of the base with a range or with another selection, in order of appearance."""
    width = attributes["max_output_entries"]
    found = np.full((len(rows), width), -1)
    sizes = np.zeros(len(rows), np.int32)
    for at, row in enumerate(rows):
        added = range(starts[at], ends[at]) if more is None else more[at, : numbers[at]]
        merged = list(dict.fromkeys([*base[row, : counts[row]], *added]))[:width]
        found[at, : len(merged)], sizes[at] = merged, len(merged)
    return [found, sizes, (sizes == width).astype(np.int32)]


def small(*shape, span=(0, 3)):
    return Data(shape, "int32", span)


MERGED = [
    [small(2, 2), small(2), small(3, span=(0, 2)), small(3), small(3, span=(1, 4))],
    [small(2, 2), small(2), small(3, span=(0, 2)), None, None, small(3, 2), small(3)],
]


@pytest.mark.parametrize("inputs", MERGED, ids=["range", "indices"])
def test_a_merged_list_reads_its_own_query(inputs):
    case = node(
        "PackedSparseAttentionIndexerMerge",
        inputs,
        {"max_output_entries": 5, "policy_mode": "append_range"},
        outputs=THREE,
    )
    probe = Formula(case, union_of_rows)
    assert mismatches(case, within=tuple(range(7)), probe=probe) == []
    assert read_at(case, 2, (1, 3)) == {(1,)}
    assert {at[0] for at in read_at(case, 0, (1, 3))} == {0, 1}
    assert relations(case)[0][0].steps[1].rules[0][1].unknown


# -- rotary embeddings -----------------------------------------------------------------------------


TABLES = [np.random.default_rng(seed).random((6, 2), np.float32) for seed in (0, 1)]
PLACES = Data((1, 2), "int64", (0, 6))
ROTARY = [
    node("RotaryEmbedding", [(1, 2, 8), PLACES, *TABLES]),
    node("RotaryEmbedding", [(1, 2, 8), PLACES, *TABLES], {"interleaved": 1}),
    node("RotaryEmbedding", [(1, 2, 8), Data((1,), "int64", (0, 4)), *TABLES]),
    node("RotaryEmbedding", [(1, 2, 2, 4), PLACES, *TABLES]),
    node(
        "RotaryEmbedding",
        [(1, 2, 12), PLACES, *TABLES],
        {"num_heads": 2, "rotary_embedding_dim": 4},
    ),
    node(
        "RotaryEmbedding",
        [(1, 2, 12), PLACES, *TABLES],
        {"num_heads": 2, "rotary_embedding_dim": 4, "interleaved": 1},
    ),
]


@pytest.mark.parametrize("case", ROTARY, ids=str)
def test_a_feature_reads_its_partner_and_its_position(case):
    # Features beyond the rotated ones do not read the position.
    rotated = case.attributes.get("rotary_embedding_dim", 0)
    assert mismatches(case, within=(1,) if rotated else (), probe=Steps(case)) == []


@pytest.mark.parametrize("layout", [0, 1])
def test_three_positions_are_read_at_most(layout):
    places = Data((3, 1, 2), "int64", (0, 6))
    flags = {"mrope_section": [1, 1, 0], "mrope_layout": layout, "num_heads": 2}
    case = node("MRotaryEmbedding", [(1, 2, 8), places, *TABLES], flags)
    assert mismatches(case, within=(1,), probe=Steps(case)) == []


def test_computed_tables_are_unknown_along_their_rows():
    case = node("RotaryEmbedding", [(1, 2, 8), PLACES, (6, 2), (6, 2)])
    assert mismatches(case, within=(2, 3), probe=Steps(case)) == []
    assert relations(case)[2][0].steps[1].rules[0][1].unknown


def test_gemma_rotary_by_hand():
    state = (1, 2, 3, 4)
    case = node("GemmaRotaryEmbedding", [(1, 3, 4), *[state] * 4], outputs=TWO)
    assert outcome(case).shapes == (state, state)
    assert read_at(case, 0, (0, 1, 2, 3), 1) == {(0, 2, 3)}
    assert [read_at(case, slot, (0, 1, 2, 3), 1) for slot in (1, 3, 4)] == [
        *(set(), {(0, 1, 2, 3)}, {(0, 1, 2, 3)}),
    ]


def normalized_rotation(x, scale, places, cosine, sine, numerics=None, **attributes):
    """Normalize a slice of each head, then rotate its first features by halves."""
    start, width = attributes.get("input_start", 0), attributes.get("input_width", 0)
    x = x[..., start : start + (width or x.shape[-1])].astype(np.float64)
    normal = x / np.sqrt(np.mean(x**2, -1, keepdims=True) + 1) * scale
    half = attributes["rotary_embedding_dim"] // 2
    batch, length = x.shape[:2]
    if places.size == 1:
        places = np.broadcast_to(places.reshape(1, 1) + np.arange(length), (batch, length))
    cosines, sines = (table[places][:, :, None] for table in (cosine, sine))
    first, second, rest = np.split(normal, [half, 2 * half], -1)
    turned = [first * cosines - second * sines, second * cosines + first * sines, rest]
    merged = np.concatenate(turned, -1).reshape(batch, length, -1)
    if numerics is not None:
        merged = merged + numerics / 8
    if attributes.get("flatten_batch", 0):
        merged = merged.reshape(1, batch * length, -1)
    return [merged, normal]


def turned(shape, places, width, more=(), **attributes):
    flags = {"rotary_embedding_dim": 2, **attributes}
    inputs = [shape, (width,), places, *[random_table(6, 1)] * 2, *more]
    return node("RMSNormRotary", inputs, flags, outputs=TWO)


def random_table(*shape):
    return np.random.default_rng(2).random(shape, np.float32) + 1


TURNED = [
    turned((1, 2, 2, 2), Data((1, 2), "int64", (0, 4)), 2),
    turned((2, 2, 1, 5), Data((2, 2), "int64", (0, 4)), 3, input_start=1, input_width=3),
    turned((2, 2, 1, 2), Data((1,), "int64", (0, 4)), 2, flatten_batch=1),
    turned((1, 2, 1, 2), Data((), "int64", (0, 4)), 2, [Data((), "int32", (0, 2))]),
]


@pytest.mark.parametrize("case", TURNED, ids=str)
def test_a_normalized_feature_reads_its_head(case):
    # A feature beyond the rotated ones reads no position, and its own scale only.
    partly = (1, 2) if case.inputs[1] == (3,) else ()
    assert mismatches(case, within=partly, probe=Formula(case, normalized_rotation)) == []


def test_computed_tables_of_a_normalized_rotation_are_unknown_along_their_rows():
    case = turned((1, 2, 1, 2), Data((1, 2), "int64", (0, 4)), 2)
    case = node(case.op, [*case.inputs[:3], (6, 1), (6, 1)], case.attributes, outputs=TWO)
    probe = Formula(case, normalized_rotation)
    assert mismatches(case, within=(3, 4), probe=probe) == []
    assert relations(case)[3][0].steps[1].rules[0][1].unknown


SPARSE = {"num_heads": 2, "kv_num_heads": 1, "sparse_block_size": 16}
INVALID = [
    (
        node(
            "SparseAttention",
            [(1, 2, 8), (1, 2, 4), (1, 2, 4), (1, 1, 4, 4), (1, 1, 5, 4), *[(1, 2)] * 2, (), (1,)],
            SPARSE,
        ),
        "inputs 3 and 4",
    ),
    (gqa((1, 1, 15), 1), "divide each other"),
    (gqa((1, 1, 16), 1, num_heads=3, kv_num_heads=2), "divide each other"),
    (gqa((1, 1, 8), 1), "inputs 1 and 2"),
    (gqa((1, 1, 16), 1, past=3, more=[None, None, None, (1, 3, 1, 4)]), "input 10"),
    (gqa((1, 1, 16), 1, more=[None, None, None, None, (3,)]), "input 11"),
    (paged([(5, 4), (4, 2), (5, 2)]), "5 tokens"),
    (paged([(5, 3), None, None]), "divide each other"),
    (node("PackedMultiHeadAttention", [(5, 4), (5, 3), (5, 6)], {"num_heads": 2}), "2 heads"),
    (node("PackedMultiHeadAttention", [(5, 2, 2, 2)], {"num_heads": 2}), "axis 2"),
    (node("SparseAttentionIndexer", [(1, 3, 8)], {"compress_ratio": 0, "token_budget": 1}), "room"),
    (node("RotaryEmbedding", [(1, 2, 6), PLACES, *TABLES]), "heads of at least 4"),
    (node("RotaryEmbedding", [(1, 2, 8), (1, 3), *TABLES]), "input 1"),
    (
        node("MRotaryEmbedding", [(1, 2, 8), (1, 2), *TABLES], {"mrope_section": [1, 1, 0]}),
        "input 1",
    ),
    (node("GemmaRotaryEmbedding", [(1, 3, 4), (1, 2, 3, 4), (1, 2, 3, 5)]), "input 2"),
    (turned((1, 2, 1, 2), (1, 2), 2, rotary_embedding_dim=3), "even number"),
    (turned((1, 2, 1, 2), (1, 2), 2, input_start=1), "input_start 1"),
    (turned((1, 2, 1, 2), (1, 3), 2), "input 2"),
    (turned((1, 2, 1, 4), (1, 2), 4, rotary_embedding_dim=4), "input 3"),
    (
        node("PackedSparseAttentionIndexerMerge", MERGED[0], {"max_output_entries": 0}),
        "max_output_entries",
    ),
    (
        node(
            "PackedSparseAttentionIndexerMerge",
            [*MERGED[0][:3], small(2)],
            {"max_output_entries": 4},
        ),
        "input 3",
    ),
    (
        node(
            "PackedSparseAttentionIndexer",
            [(3, 8), *[None] * 11, (1, 9, 4), *[None] * 5, Data((1,), "int32")],
            {"policy_mode": "csa", "compress_ratio": 2, "index_topk": 6},
        ),
        "max_output_entries",
    ),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
