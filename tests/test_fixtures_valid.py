"""The fixtures are what their scripts make, run, and read what the expected numbers say.

Nothing of rfgraph is involved: the last tests ask onnxruntime, by making one row or column of the
input infinite and looking at which units change.
"""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from functools import cache
from math import comb
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

import fixtures
from fixtures.expected import FILE, dump, load
from fixtures.make import MODELS, ON_DEMAND, arith, build, nets, truth

FOLDER = Path(fixtures.__file__).parent
ROWS = load()
KEYS = {
    "aligned", "after", "before", "before_global", "border_nodes", "center", "clipped",
    "covers_input", "longest", "n", "period", "regular", "scope", "shortest", "size", "size_min",
    "start", "stride",
    *(f"local.{k}" for k in ("after", "before", "center", "size", "size_min", "start", "stride")),
    *(f"paths.{k}" for k in ("depth", "distinct", "global", "histogram", "local", "max", "mean",
                             "median", "min", "total", "variance")),
}  # fmt: skip


@cache
def model(name):
    return build(name)


def session(proto):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    data = proto.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def declared(value):
    dims = value.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dims]


def tensors(proto):
    found = {value.name for value in proto.graph.input}
    return found | {name for node in proto.graph.node for name in node.output}


# -- files ---------------------------------------------------------------------------------------


def test_the_folder_holds_the_committed_models_and_no_other():
    assert {path.stem for path in FOLDER.glob("*.onnx")} == set(MODELS)
    assert not set(MODELS) & set(ON_DEMAND)


@pytest.mark.parametrize("name", MODELS)
def test_a_committed_file_is_what_its_script_makes(name):
    made = model(name).SerializeToString(deterministic=True)
    assert (FOLDER / f"{name}.onnx").read_bytes() == made
    assert len(made) < 250_000


@pytest.mark.parametrize("name", [*MODELS, *ON_DEMAND])
def test_a_model_is_valid_and_runs(name):
    proto = model(name)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.producer_name == "rfgraph-fixtures"
    assert proto.doc_string
    names = [node.name for node in proto.graph.node]
    assert len(set(names)) == len(names)
    assert "" not in names

    sizes = {"batch": 1, "height": 96, "width": 96, "time": 96}
    feeds = {
        value.name: np.ones([sizes.get(d, d) for d in declared(value)], np.float32)
        for value in proto.graph.input
    }
    for value, result in zip(proto.graph.output, session(proto).run(None, feeds), strict=True):
        assert np.isfinite(result).all()
        pairs = zip(declared(value), result.shape, strict=True)
        assert all(want == got for want, got in pairs if isinstance(want, int))


def relaxed(proto):
    """The same model, its inputs and outputs declared without lengths."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for value in (*copy.graph.input, *copy.graph.output):
        for i, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{value.name}_{i}"
    return copy


def test_the_readme_lists_every_file_with_its_nodes():
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    listed = {row[0].strip("`"): row[-1] for row in cells if row[0].endswith(".onnx`")}
    assert listed == {f"{name}.onnx": str(len(model(name).graph.node)) for name in MODELS}


# -- expected numbers ------------------------------------------------------------------------------


def test_the_expected_numbers_are_what_their_sources_give():
    assert truth.text() == FILE.read_text(encoding="utf-8")


def test_what_is_read_back_is_what_was_written():
    assert dump(ROWS) == FILE.read_text(encoding="utf-8")
    assert Counter(map(repr, ROWS)) == Counter(map(repr, truth.rows()))


def test_a_row_is_given_once():
    names = [(r.model, r.tensor, r.axis, r.key, r.input, r.input_shape, r.index) for r in ROWS]
    assert not [name for name, count in Counter(names).items() if count > 1]


@pytest.mark.parametrize("name", [*MODELS, *ON_DEMAND])
def test_rows_speak_of_what_exists(name):
    rows = [row for row in ROWS if row.model == name]
    assert rows, "a fixture without expected numbers"
    proto = model(name)
    known = tensors(proto)
    ranks = {value.name: len(declared(value)) for value in proto.graph.input}
    for row in rows:
        assert row.key in KEYS
        assert row.mark in "PCD"
        assert row.source
        assert row.tensor in known or row.key == "border_nodes"
        assert row.input in ranks if len(ranks) > 1 else row.input is None
        rank = ranks[row.input or next(iter(ranks))]
        assert row.axis is None or 0 <= row.axis < rank
        assert row.input_shape is None or len(row.input_shape) == rank
        if row.key == "before_global":
            assert set(row.value) <= known
        if row.key == "border_nodes":
            assert set(row.value) <= {node.name for node in proto.graph.node}


def test_no_row_speaks_of_a_model_that_nobody_makes():
    assert {row.model for row in ROWS} == {*MODELS, *ON_DEMAND}


def test_histograms_agree_with_their_totals():
    totals = {
        (r.model, r.tensor, r.axis, r.input_shape): int(r.value)
        for r in ROWS
        if r.key == "paths.local" or (r.key == "paths.total" and r.model.startswith("unet"))
    }
    seen = 0
    for row in ROWS:
        place = (row.model, row.tensor, row.axis, row.input_shape)
        if row.key == "paths.histogram" and place in totals:
            assert sum(int(count) for _, count in row.value) == totals[place]
            seen += 1
    assert seen > 50


def test_the_published_shares_of_resnet110():
    depths = {row.key: row.value for row in ROWS if row.model == "resnet110"}["paths.depth"]
    share = {size: Fraction(int(count), 2**54) for size, count in depths}
    blocks = {(size - 1) // 2: part for size, part in share.items()}
    assert sum(share.values()) == 1
    assert round(100 * float(sum(blocks[b] for b in range(19, 36))), 2) == 98.02
    assert round(100 * float(sum(blocks[b] for b in range(5, 18))), 4) == 0.4537


def test_highres3dnet_is_three_uniform_choices_of_eight():
    """x^3 ((1 + x^4)(1 + x^8)(1 + x^16))^3, multiplied out here."""
    product = {3: 1}
    for step in (4, 8, 16) * 3:
        grown = Counter(product)
        for power, count in product.items():
            grown[power + step] += count
        product = grown
    found = arith.summary(nets.HIGHRES3DNET, 96)
    assert found.histogram == product
    assert [comb(9, k) for k in range(10)] == [
        int(count)
        for row in ROWS
        if (row.model, row.key) == ("highres3dnet", "paths.depth")
        for _, count in row.value
    ]


# -- the arithmetic itself -------------------------------------------------------------------------


def test_the_evaluators_catch_a_wrong_layer():
    wrong = [*nets.vgg((2, 2, 3, 3, 3))[:-1], arith.Win(3, 2)]
    assert arith.summary(wrong, 224).size != 212
    with pytest.raises(ValueError, match="not a period"):
        arith.field(nets.UNET_TRANSPOSED, (1, 1))


# -- what onnxruntime says -------------------------------------------------------------------------

# Saturating functions would hide an infinite probe; along an axis they are as pointwise as Relu.
STAND_INS = {"Clip": "Relu", "Tanh": "Relu", "LRN": "Identity"}


def cut(proto, tensor):
    """The part of a model that makes one tensor, nothing in it saturating."""
    made_by = {name: node for node in proto.graph.node for name in node.output}
    wanted, todo = {tensor}, [tensor]
    while todo:
        node = made_by.get(todo.pop())
        new = [name for name in (node.input if node else []) if name not in wanted]
        wanted.update(new)
        todo += new
    nodes = []
    for node in proto.graph.node:
        if wanted.isdisjoint(node.output):
            continue
        stand_in = STAND_INS.get(node.op_type)
        if stand_in:
            node = helper.make_node(stand_in, node.input[:1], node.output, name=node.name)
        nodes.append(node)
    graph = helper.make_graph(
        nodes,
        "cut",
        [value for value in proto.graph.input if value.name in wanted],
        [helper.make_empty_tensor_value_info(tensor)],
        [value for value in proto.graph.initializer if value.name in wanted],
    )
    return relaxed(helper.make_model(graph, ir_version=8, opset_imports=proto.opset_import))


def places():
    """Where the numbers of a region are known, by (model, tensor, axis, input, input_shape)."""
    wanted = {"start", "center", "period", "size", "size_min", "before", "after"}
    found = {}
    for row in ROWS:
        if row.key in wanted:
            place = (row.model, row.tensor, row.axis, row.input, row.input_shape)
            found.setdefault(place, {})[row.key] = row.value
    known = {place: numbers for place, numbers in found.items() if numbers["start"] is not None}
    # Where all axes have the same windows, the first will do.
    first = {(*p[:2], *p[3:]): p for p in reversed(known)}
    return {
        place: numbers
        for place, numbers in known.items()
        if place[0].startswith("inception") or place in first.values()
    }


PLACES = places()
MIXED = [p for p, n in PLACES.items() if n["size_min"] < n["size"] and n["period"][0] == 1]
PHASED = [p for p, n in PLACES.items() if n["period"][0] > 1]


def label(place):
    return "-".join(str(x) for x in place[:4] if x)


def other_length(name, length):
    """A length for the axes that are not probed: small, and long enough for every window."""
    known = {"unet_transposed": 188, "unet_nearest": 16, "unet_bilinear": 16, "highres3dnet": 9}
    if name in known:
        return known[name]
    return length if name.startswith("alexnet") or length < 64 else 96


def probe(place, positions, last):
    """The tensor, its axis first: undisturbed, then with each position of the input infinite.

    `last` is the last position to exist; the length is one that leaves SAME padding as declared.
    """
    name, tensor, axis, source, shape = place
    inputs = {value.name: declared(value) for value in model(name).graph.input}
    probed = source or next(iter(inputs))
    dims = list(shape or inputs[probed])
    channel = 3 if len(dims) == 4 and dims[3] == 3 else 1
    length = dims[axis] % 32 + 32 * (last // 32 + 1)
    kept = {0: len(positions) + 1, channel: dims[channel], axis: length}
    dims = [kept[i] if i in kept else other_length(name, d) for i, d in enumerate(dims)]
    feeds = {other: np.full(dims, 0.01, np.float32) for other in inputs}
    for image, position in zip(feeds[probed][1:], positions, strict=True):
        np.moveaxis(image, axis - 1, 0)[position] = np.inf
    (result,) = session(cut(model(name), tensor)).run(None, feeds)
    # What lies behind the transposition of an NHWC input is laid out NCHW.
    return np.moveaxis(result, axis + 1 if channel == 3 else axis, 0)


def inner_unit(numbers):
    """A unit of phase 0 that lies well inside, and its region."""
    start, (p, q) = numbers["start"], numbers["period"]
    end = 2 * Fraction(numbers["center"]) - start
    assert end.denominator == 1
    steps = max(0, math.ceil(Fraction(2 - start, q)))
    return p * steps, start + q * steps, int(end) + q * steps


def test_a_region_in_a_wrong_place_is_noticed():
    (place,) = (p for p in PLACES if p[:2] == ("alexnet", "pool2"))
    wrong = {**PLACES[place], "start": PLACES[place]["start"] - 1}
    assert reached(place, PLACES[place]) == [False, True, True, False]
    assert reached(place, wrong) != [False, True, True, False]


def reached(place, numbers):
    """Whether a unit is reached from before its region, from either end, and from behind."""
    unit, low, high = inner_unit(numbers)
    found = probe(place, (low - 1, low, high, high + 1), high + 2)[unit]
    assert np.isfinite(found[0]).all()
    return [not np.array_equal(found[0], image) for image in found[1:]]


@pytest.mark.parametrize("place", PLACES, ids=label)
def test_a_unit_reads_exactly_what_is_expected(place):
    assert reached(place, PLACES[place]) == [False, True, True, False]


@pytest.mark.parametrize("place", MIXED, ids=label)
def test_some_channels_read_less_by_as_much_as_is_expected(place):
    numbers = PLACES[place]
    unit, low, high = inner_unit(numbers)
    less = (numbers["size"] - numbers["size_min"]) // 2
    positions = (low + less - 1, low + less, high - less, high - less + 1)
    found = probe(place, positions, high + 2)[unit]
    changed = [
        [not np.array_equal(before, after) for before, after in zip(found[0], image, strict=True)]
        for image in found[1:]
    ]
    assert all(changed[1])
    assert all(changed[2])
    assert any(not left and not right for left, right in zip(changed[0], changed[3], strict=True))


@pytest.mark.parametrize("place", PHASED, ids=label)
def test_every_phase_together_reads_what_is_expected(place):
    numbers = PLACES[place]
    p, q = numbers["period"]
    unit, low, _ = inner_unit(numbers)
    first, last = low - q, low + int(Fraction(numbers["size"])) + 2 * q
    first = max(first, 0)
    regions = [[] for _ in range(p)]
    for chunk in range(first, last, 16):
        found = probe(place, range(chunk, chunk + 16), last + 16)[unit : unit + p]
        for images, region in zip(found, regions, strict=True):
            region += [
                position
                for position, image in enumerate(images[1:], chunk)
                if not np.array_equal(image, images[0])
            ]
    sizes = [max(region) - min(region) + 1 for region in regions]
    assert (max(sizes), min(sizes)) == (numbers["size"], numbers["size_min"])
    stride = Fraction(q, p)
    places = [stride * (unit + i) for i in range(p)]
    before = max(at - min(region) for at, region in zip(places, regions, strict=True))
    after = max(max(region) - at for at, region in zip(places, regions, strict=True))
    assert (before, after) == (Fraction(numbers["before"]), Fraction(numbers["after"]))
