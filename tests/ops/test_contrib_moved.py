"""onnxruntime's operators that move elements or work on tokens, against onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest

from ops.evaluate import (
    Case,
    Data,
    claims,
    mismatches,
    one_node,
    outcome,
    read_at,
    relations,
    responses,
)
from ops.probes import Steps
from oracle.perturb import session
from rfgraph.ops.node import RuleError, UnresolvedError
from rfgraph.ops.registry import find_rule

REGION = np.array([[0.1, 0.2, 0.8, 1.3]], np.float32)
FIRST = np.zeros(1, np.int32)


def node(op, inputs, attributes=None, **rest):
    return Case(op, inputs, attributes or {}, 1, domain="com.microsoft", **rest)


def ints(*values, dtype=np.int64):
    return np.array(values, dtype)


EXACT = [
    node("Trilu", [(2, 3, 4)], {"upper": 0}),
    node("Trilu", [(3, 4), np.array(1)]),
    node("Pad", [(2, 3), ints(0, 1, 1, -1)]),
    node("Pad", [(2, 3), ints(0, 2, 0, 1).reshape(1, 4), (1,)]),
    node("Pad", [(2, 4), ints(0, 2, 0, 1)], {"mode": "reflect"}),
    node("Pad", [(2, 3), ints(0, 2, 1, 1)], {"mode": "edge"}),
    node("GatherND", [(2, 3, 2), ints(1, 2, 0, 0).reshape(2, 2)]),
    node("ExpandDims", [(2, 3), np.array(-1, np.int32)]),
    node("ExpandDims", [(2, 3), np.array(1, np.int32)]),
    node("UnfoldTensor", [(2, 7)], {"size": 3, "step": 2}),
    node("UnfoldTensor", [(2, 5, 2)], {"dim": 1, "size": 2}),
    node("UnfoldTensor", [(3, 2)], {"dim": -2, "size": 3}),
]


@pytest.mark.parametrize("case", EXACT, ids=str)
def test_a_unit_reads_what_onnxruntime_shows(case):
    assert mismatches(case) == [] or mismatches(case, probe=Steps(case)) == []


BOUNDED = [
    node("GatherND", [(2, 3), Data((2, 1), "int64")]),
    node("GridSample", [(1, 2, 3, 4), Data((1, 2, 3, 2))], {"mode": "bilinear"}),
    node("NGramRepeatBlock", [Data((2, 4), "int64", (0, 3)), (2, 3)], {"ngram_size": 2}),
    node("CropAndResize", [(2, 1, 4, 5), (2, 4), Data((2,), "int32"), ints(2, 3, dtype=np.int32)]),
    node(
        "WordConvEmbedding",
        [Data((2, 4), "int32", (1, 3)), (2, 1, 2, 3), (2,), (3, 3)],
    ),
]


@pytest.mark.parametrize("case", BOUNDED, ids=str)
def test_a_unit_reads_nothing_beyond_what_the_rule_says(case):
    assert mismatches(case, within=tuple(case.data()), probe=Steps(case)) == []


def test_words_read_all_of_their_letters():
    random = np.random.default_rng(0)
    tables = [
        random.normal(size=shape).astype(np.float32) for shape in ((4, 1, 2, 3), (4,), (9, 3))
    ]
    case = node("WordConvEmbedding", [Data((2, 4), "int32", (1, 9)), *tables])
    found = Steps(case).elements("y0", "x0").any(1)
    for word in range(2):
        seen = {tuple(map(int, at)) for at in np.argwhere(found[word])}
        assert seen == read_at(case, 0, (word, 0))


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_a_constant_region_is_sampled_exactly(mode):
    size = ints(3, 4, dtype=np.int32)
    case = node("CropAndResize", [(1, 2, 5, 6), REGION, FIRST, size], {"mode": mode})
    assert claims(case) == responses(case)


def test_a_constant_grid_is_sampled_exactly():
    rows, columns = np.meshgrid([-0.9, 0.1, 0.7], [-1.0, 0.31], indexing="ij")
    grid = np.stack([columns, rows], -1)[None].astype(np.float32)
    case = node("GridSample", [(1, 1, 4, 5), grid], {"mode": "bilinear"})
    assert claims(case) == responses(case, tolerance=2e-7)


def test_an_index_among_different_elements_reads_those_before_it():
    case = node("Unique", [Data((4,))], outputs=(True, True, True))
    assert outcome(case).shapes == (None, (4,), None)
    assert read_at(case, 0, (2,), 1) == {(0,), (1,), (2,)}
    run = session(one_node(case)).run
    values = np.array([1, 1, 2, 2], np.float32)
    before = run(["y1"], {"x0": values})[0]
    for at in range(4):
        poked = values.copy()
        poked[at] = 3
        after = run(["y1"], {"x0": poked})[0]
        assert set(np.flatnonzero(after != before)) <= set(range(at, 4))
        assert at == 0 or (after != before).any()


def test_gathers_of_few_bits():
    where = Data((2, 3), "int32", (0, 4))
    table = np.random.default_rng(0).integers(0, 255, (4, 16), dtype=np.uint8)
    scales = np.ones((4, 2), np.float32)
    packed = node(
        "GatherBlockQuantized",
        [table, where, scales],
        {"block_size": 16, "bits": 4, "quantize_axis": 1},
    )
    assert mismatches(packed, probe=Steps(packed)) == []
    for shape, blocks, out in [((4, 16), 2, 32), ((4, 32), 2, 32)]:
        dropped = node(
            "GatherBlockQuantized",
            [shape, where, (4, blocks)],
            {"block_size": 16, "quantize_axis": 1},
        )
        assert outcome(dropped).shapes == ((2, 3, out),)
    unclear = node("GatherBlockQuantized", [(4, 8), where, (4, 1)], {"block_size": 16})
    with pytest.raises(UnresolvedError, match="packed"):
        outcome(unclear)


# Blocks of 32 numbers take 34 bytes: a scale of float16, then a byte each.
Q8 = {"packed_type": 8, "K": 32, "output_dtype": 1}
PACKED = Data((3, 34), "uint8", (3, 6))
NAMES = Data((1, 2), "int64", (-1, 4))


@pytest.mark.parametrize("names", [NAMES, np.array([[2, 0], [-1, 3]])], ids=["data", "constant"])
def test_a_packed_row_is_read_where_an_index_names_it(names):
    case = node("GatherPacked", [PACKED, names], Q8)
    # Of a row a number reads its own byte and the scale.
    assert mismatches(case, within=(0,), probe=Steps(case)) == []
    read = {row for row, _ in claims(case)[0, 1, 5]}
    assert read == ({0, 1, 2} if names is NAMES else {0})


def test_a_row_of_a_constant_table_reads_its_index():
    table = np.random.default_rng(0).integers(3, 9, (3, 34)).astype(np.uint8)
    case = node("GatherPacked", [table, NAMES], Q8)
    assert mismatches(case, within=(1,), probe=Steps(case)) == []
    assert claims(case, 1)[0, 1, 5] == {(0, 1)}
    assert relations(node("GatherPacked", [PACKED, NAMES], Q8))[0][0].steps[1].rules[0][1].unknown


@pytest.mark.parametrize(
    ("bounds", "length"),
    [((2.0, 5.0, 0.5), 6), ((0, 7, 2), 4), ((3, 5), 2), ((5, 3), 0)],
    ids=str,
)
def test_a_range_reads_nothing(bounds, length):
    case = node("Range", [np.array(bound) for bound in bounds])
    assert outcome(case).shapes == ((length,),)
    assert outcome(case).links == ()


def test_embeddings_and_transforms_by_hand():
    case = node("TorchEmbedding", [(5, 3), ints(4, 0).reshape(2, 1)])
    assert outcome(case).shapes == ((2, 1, 3),)
    assert read_at(case, 0, (0, 0, 2)) == {(4, 2)}
    case = node("Rfft", [(2, 6)], {"signal_ndim": 1})
    assert outcome(case).shapes == ((2, 4, 2),)
    assert read_at(case, 0, (1, 3, 0)) == {(1, at) for at in range(6)}
    case = node("Rfft", [(2, 3, 6)], {"signal_ndim": 2})
    assert len(read_at(case, 0, (1, 2, 3, 0))) == 18
    case = node("Irfft", [(2, 4, 2)], {"signal_ndim": 1})
    assert outcome(case).shapes == ((2, 6),)
    assert read_at(case, 0, (1, 5)) == {(1, at, part) for at in range(4) for part in (0, 1)}


def test_padding_is_removed_and_restored():
    everything = (True, True, True, True)
    case = node("RemovePadding", [(2, 3, 2), ints(1, 2)], outputs=everything)
    assert outcome(case).shapes == ((3, 2), (2, 3), (3,), (1,))
    assert [read_at(case, 0, (o, 1)) for o in range(3)] == [{(0, 0, 1)}, {(1, 0, 1)}, {(1, 1, 1)}]
    case = node("RemovePadding", [(2, 3, 2), Data((2,), "int32")], outputs=everything)
    assert outcome(case).shapes == (None, (2, 3), (3,), (1,))
    case = node("RestorePadding", [(3, 2), ints(0, 3, 4, 1, 2, 5).reshape(2, 3)])
    assert outcome(case).shapes == ((2, 3, 2),)
    assert read_at(case, 0, (1, 0, 1)) == {(1, 1)}
    assert read_at(case, 0, (0, 1, 1)) == set()
    case = node("RestorePadding", [(3, 2), Data((2, 3), "int32")])
    assert read_at(case, 0, (1, 0, 1)) == {(0, 1), (1, 1), (2, 1)}


UNKNOWN = """BeamSearch GreedySearch Sampling WhisperBeamSearch EPContext Snpe Tokenizer
    DynamicTimeWarping BifurcationDetector""".split()


@pytest.mark.parametrize("op", UNKNOWN)
def test_what_is_not_known_is_said(op):
    entry = find_rule("com.microsoft", op)
    assert "Unknown: " in entry.doc
    with pytest.raises(UnresolvedError):
        outcome(node(op, [(1, 3)]))


INVALID = [
    (node("ExpandDims", [(2, 3), ints(4)]), "axis"),
    (node("UnfoldTensor", [(5,)], {"size": 6}), "size"),
    (node("UnfoldTensor", [(5,)], {"size": 2, "step": 0}), "step"),
    (node("CropAndResize", [(1, 1, 4, 4), REGION, FIRST, ints(2)]), "2 positive lengths"),
    (node("Irfft", [(2, 4, 3)], {"signal_ndim": 1}), "last axis of 2"),
    (node("Rfft", [(2, 4)], {"signal_ndim": 3}), "signal_ndim"),
    (node("RemovePadding", [(2, 3, 2), ints(1, 4)]), "counts"),
    (node("RestorePadding", [(7, 2), (2, 3)]), "at most 6"),
    (node("RestorePadding", [(3, 2), ints(0, 9, 1).reshape(1, 3)]), "axis"),
    (node("GatherBlockQuantized", [(4, 8), (2,), (4, 1)], {"bits": 3}), "bits"),
    (node("GatherPacked", [(4, 34), (2,)], {"K": 0, "packed_type": 8}), "at least 1"),
    (node("NGramRepeatBlock", [(2, 3), (3, 3)], {"ngram_size": 2}), "3 sequences"),
    (node("WordConvEmbedding", [(2, 4), (2, 1, 2, 3), (2,), (9, 4)]), "embeddings of 4"),
]


@pytest.mark.parametrize(("case", "message"), INVALID, ids=str)
def test_invalid_nodes(case, message):
    with pytest.raises(RuleError, match=message):
        outcome(case)
