"""Stored masks, where they are asked for: what a unit reads is what changing the input shows.

Only finite changes can show that a weight is zero, for zero times NaN is NaN.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rfgraph
from oracle.perturb import session
from rfgraph.domains import regions as exact
from rfgraph.domains.read_units import read_positions
from rfgraph.onnxfile.building import budget, fetching
from rfgraph.ops import masked_scores, steps
from rfgraph.relations.steps import Regroup

TOKENS, WIDTH, HEADS, WINDOWS = 6, 2, 2, 3
BLOCK = np.kron(np.eye(2), np.ones((3, 3))).astype(bool)
CAUSAL = np.tril(np.ones((TOKENS, TOKENS), bool))
BANDED = CAUSAL & ~np.tril(CAUSAL, -3)
SCATTERED = np.array(
    [[1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 1],
     [0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1]], bool)  # fmt: skip
KEYS = np.array([True, False, True, True, False, True])
# Of three windows the first is whole.
WINDOWED = np.stack([np.ones((TOKENS, TOKENS), bool), BLOCK, SCATTERED])


class Net:
    """A graph that is written node by node; the weights are the same in each."""

    def __init__(self, *shape, opset=17):
        self.nodes, self.weights, self.opset, self.shape = [], [], opset, shape
        self.random = np.random.default_rng(0)

    def const(self, value, dtype=np.float32):
        name = f"c{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        return self.const(self.random.uniform(0.2, 0.8, shape))

    def __call__(self, operator, *inputs, name=None, **attributes):
        name = name or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def model(self, output):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        y = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.weights)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def low(mask, value=-np.inf):
    return np.where(mask, 0, value).astype(np.float32)


def projected(net, x="x"):
    return [net("MatMul", x, net.weight(WIDTH, WIDTH)) for _ in range(3)]


def plain(masked, mask=BLOCK, opset=17, weigh=None, shape=(1, TOKENS, WIDTH)):
    """Attention written out; `masked` makes scores of products, `weigh` the result of weights."""
    net = Net(*shape, opset=opset)
    query, key, value = projected(net)
    turned = net("Transpose", key, perm=[*range(len(shape) - 2), len(shape) - 1, len(shape) - 2])
    scores = masked(net, net("MatMul", query, turned), mask)
    weights = net("Softmax", scores, axis=len(shape) - 1, name="weights")
    return net.model((weigh or product)(net, weights, value))


def product(net, weights, value):
    return net("MatMul", weights, value, name="y")


def added(value=-np.inf):
    return lambda net, scores, mask: net("Add", scores, net.const(low(mask, value)))


def scaled(net, scores, mask):
    return net("Mul", net("Add", scores, net.const(low(mask, -1e4))), net.const(0.5))


def divided(net, scores, mask):
    scores = net("Div", net("Add", net.const(low(mask, -1e4)), scores), net.const([[2.0]]))
    return net("Identity", net("Cast", scores, to=TensorProto.FLOAT))


def beside(net, scores, mask):
    """A bias that is not large on its own, before the mask and after."""
    scores = net("Add", scores, net.const(low(mask, -45)))
    return net("Add", scores, net.const(low(mask, -45)))


def subtracted(net, scores, mask):
    inverse = net("Sub", net.const(1), net.const(mask))
    return net("Sub", scores, net("Mul", inverse, net.const(1e9)))


def chosen(net, scores, mask):
    return net("Where", net.const(mask, bool), scores, net.const(-np.inf))


def refused(net, scores, mask):
    return net("Where", net("Not", net.const(mask, bool)), net.const([-1e30]), scores)


def bounded(net, scores, mask):
    least = float(np.finfo(np.float32).min)
    scores = net("Sum", scores, net.const(low(mask, least)), net.const(0.25))
    return net("Min", net("Max", scores, net.const(least)), net.const(1e30))


def moved(net, scores, mask):
    scores = net("Add", scores, net.const(low(mask)))
    scores = net("Reshape", scores, net.const([TOKENS, 1, TOKENS], np.int64))
    scores = net("Squeeze", scores, net.const([1], np.int64))
    scores = net("Transpose", net("Transpose", scores))
    scores = net("Flatten", scores, axis=1)
    return net("Unsqueeze", scores, net.const([0], np.int64))


def two_masks(net, scores, mask):
    for part in (mask | ~CAUSAL, mask | CAUSAL):
        scores = net("Add", scores, net.const(low(part, -200)))
    return scores


def shifted(net, scores, mask):
    """Every score of a row moves by the same: nothing more is masked."""
    shift = np.arange(TOKENS).reshape(-1, 1) * -500.0
    return net("Add", net("Add", scores, net.const(low(mask))), net.const(shift))


def turned_product(net, weights, value):
    """The same with both factors turned."""
    other = net("Transpose", weights, perm=[0, 2, 1])
    return net("MatMul", net("Transpose", value, perm=[0, 2, 1]), other, name="y")


def einsum(equation):
    def product_(net, weights, value):
        first, _, _ = equation.partition(",")
        order = (weights, value) if "k" in first and "q" in first else (value, weights)
        return net("Einsum", *order, equation=equation, name="y")

    return product_


def grouped(net, weights, value):
    """An Einsum that sums over two letters of the weights alone is of another form."""
    return net("Einsum", weights, value, equation="bqk,bkd->bd", name="y")


def diagonal(net, weights, value):
    traces = net("Einsum", weights, net.weight(TOKENS, TOKENS), equation="bqk,kk->bq")
    return net("Mul", net("ReduceSum", traces, keepdims=0), value, name="y")


def rescaled(net, weights, value):
    weights = net("Div", net("Mul", net.weight(TOKENS, TOKENS), weights), net.const(2))
    return product(net, net("Dropout", weights), value)


def without_nan(net, weights, value):
    safe = net("Where", net("IsNaN", weights), net.const(0), weights)
    return product(net, safe, value)


def zeroed(net, weights, value):
    """Weights that are set to zero after the softmax: their row is still read."""
    return product(net, net("Where", net.const(CAUSAL, bool), weights, net.const([0])), value)


def shared(net, weights, value):
    """The second factor has no axis of windows, or of heads."""
    return product(net, weights, net("Squeeze", value, net.const([0], np.int64)))


def nothing(net, weights, value):
    kept = net("Where", net.const(~CAUSAL & CAUSAL, bool), weights, net.const([0]))
    return product(net, kept, value)


def cropped(net, weights, value):
    ends = [net.const([n], np.int64) for n in (1, TOKENS, 1)]
    return product(net, net("Slice", weights, *ends), value)


def heads(mask):
    """Heads on an axis of their own; the mask is of one head or of all."""
    net = Net(1, TOKENS, HEADS * WIDTH)
    split = net.const([1, TOKENS, HEADS, WIDTH], np.int64)
    parts = [net("MatMul", "x", net.weight(HEADS * WIDTH, HEADS * WIDTH)) for _ in range(3)]
    parts = [net("Transpose", net("Reshape", p, split), perm=[0, 2, 1, 3]) for p in parts]
    query, key, value = parts
    scores = net("MatMul", query, net("Transpose", key, perm=[0, 1, 3, 2]))
    weights = net("Softmax", net("Add", scores, net.const(low(mask))), name="weights")
    return net.model(net("MatMul", weights, value, name="y"))


def windows(opset=17):
    """Windows on the batch axis, which the mask tells apart after a Reshape, as Swin does."""
    net = Net(1, WINDOWS * TOKENS, WIDTH, opset=opset)
    cut = net("Reshape", "x", net.const([WINDOWS, TOKENS, WIDTH], np.int64))
    query, key, value = projected(net, cut)
    scores = net("MatMul", query, net("Transpose", key, perm=[0, 2, 1]))
    apart = net("Reshape", scores, net.const([1, WINDOWS, 1, TOKENS, TOKENS], np.int64))
    apart = net("Add", apart, net.const(low(WINDOWED[None, :, None], -100)))
    scores = net("Reshape", apart, net.const([WINDOWS, TOKENS, TOKENS], np.int64))
    weights = net("Softmax", scores, name="weights", axis=2)
    joined = net("MatMul", weights, value)
    return net.model(net("Reshape", joined, net.const([1, WINDOWS * TOKENS, WIDTH], np.int64)))


def rows_of_all():
    """The softmax of the first operator sets is over all axes from one on: here one row is."""
    net = Net(1, TOKENS, WIDTH, opset=12)
    query, key, value = projected(net)
    scores = net("MatMul", query, net("Transpose", key, perm=[0, 2, 1]))
    scores = net("Add", scores, net.const(low(SCATTERED)))
    return net.model(net("MatMul", net("Softmax", scores, axis=1, name="weights"), value))


def many_heads(mask, bias=None, dtype=np.float32, **attributes):
    """onnxruntime's MultiHeadAttention with a mask of the keys, a bias, or both."""
    net = Net(1, TOKENS, HEADS * WIDTH)
    parts = [net("MatMul", "x", net.weight(HEADS * WIDTH, HEADS * WIDTH)) for _ in range(3)]
    rest = ["", "" if mask is None else net.const(mask, np.int32)]
    if bias is not None:
        rest.append(net.const(bias, dtype))
    attributes |= {"num_heads": HEADS, "domain": "com.microsoft"}
    net("MultiHeadAttention", *parts, *rest, name="y", **attributes)
    model = net.model("y")
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return model


def fused(mask, opset=23, packed=False, past=0, groups=HEADS, **attributes):
    """The operator Attention, whose mask is an input of its own."""
    length = TOKENS - past
    if packed:
        net = Net(1, length, HEADS * WIDTH, opset=opset)
        attributes |= {"q_num_heads": HEADS, "kv_num_heads": HEADS}
        parts = [net("MatMul", "x", net.weight(HEADS * WIDTH, HEADS * WIDTH)) for _ in range(3)]
    else:
        net = Net(1, HEADS, length, WIDTH, opset=opset)
        parts = projected(net)
        ends = [net.const([n], np.int64) for n in (0, groups, 1)]
        parts[1:] = [net("Slice", part, *ends) for part in parts[1:]]
    before = [net.weight(1, HEADS, past, WIDTH) for _ in range(2)] if past else []
    kind = bool if np.asarray(mask).dtype == bool else np.float32
    net("Attention", *parts, net.const(mask, kind), *before, name="y", **attributes)
    if past:
        net.nodes[-1].output.extend(["present_key", "present_value"])
    return net.model("y")


CASES = {
    "minus infinity": plain(added()),
    "-100": plain(added(-100)),
    "finfo.min": plain(added(float(np.finfo(np.float32).min))),
    "scattered": plain(added(), SCATTERED),
    "causal": plain(added(), CAUSAL),
    "looking ahead": plain(added(), CAUSAL.T),
    "banded": plain(added(), BANDED),
    "keys": plain(added(), KEYS),
    "scaled": plain(scaled),
    "divided": plain(divided),
    "beside": plain(beside),
    "subtracted": plain(subtracted),
    "chosen": plain(chosen, SCATTERED),
    "chosen, causal": plain(chosen, CAUSAL),
    "refused": plain(refused),
    "bounded": plain(bounded),
    "moved": plain(moved, SCATTERED),
    "two masks": plain(two_masks),
    "shifted": plain(shifted),
    "turned product": plain(added(), SCATTERED, weigh=turned_product),
    "rescaled": plain(added(), weigh=rescaled),
    "without NaN": plain(added(), weigh=without_nan),
    "zeroed": plain(added(), BLOCK, weigh=zeroed),
    "shared": plain(added(), np.stack([BLOCK, SCATTERED]), weigh=shared),
    "cropped": plain(added(), SCATTERED, weigh=cropped),
    "of one head": heads(SCATTERED),
    "of each head": heads(np.stack([BLOCK, CAUSAL])),
    "windows": windows(),
    "windows of early softmax": windows(opset=12),
    "softmax of all pairs": rows_of_all(),
    "matrix": plain(added(), SCATTERED, shape=(TOKENS, WIDTH)),
    "einsum": plain(added(), SCATTERED, weigh=einsum("bqk,bkd->bqd")),
    "einsum, turned": plain(added(), SCATTERED, weigh=einsum("bkd,bqk->dbq")),
    "einsum, implicit": plain(added(), BLOCK, weigh=einsum("zqk,zkr->zqr")),
    "einsum, ellipsis": plain(added(), BLOCK, weigh=einsum("...qk,...kd->...qd")),
    "many heads, keys": many_heads(KEYS[None]),
    "many heads, bias": many_heads(None, low(SCATTERED, -1e4)[None, None]),
    "many heads, both": many_heads(KEYS[None], low(BLOCK, -1e4)[None, None]),
    "fused": fused(low(SCATTERED)),
    "fused, boolean": fused(np.stack([BLOCK, SCATTERED])[None]),
    "fused, keys": fused(np.broadcast_to(KEYS, (TOKENS, TOKENS))),
    "fused, packed": fused(low(BLOCK, -1e9), packed=True),
    "fused, causal": fused(low(BLOCK), is_causal=1),
    "fused, past": fused(low(SCATTERED[:4]), past=2),
    "fused, new keys": fused(low(np.array([[0, 0, 1, 1, 0, 1]] * 4)), past=2),
    "fused, past keys": fused(low(np.array([[1, 1, 1, 0, 1, 0]] * 4)), past=2),
    "fused, groups": fused(SCATTERED, groups=1),
}  # fmt: skip


def observed(model, target):
    """Which elements of x each unit of `target` changes with: target's shape + shape of x."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.append(onnx.ValueInfoProto(name=target))
    run = session(copy)
    shape = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    found = None
    for seed in range(3):
        x = np.random.default_rng(seed).uniform(0.2, 1.2, shape).astype(np.float32)
        (before,) = run.run([target], {"x": x})
        found = np.zeros(before.shape + shape, bool) if found is None else found
        for place in np.ndindex(*shape):
            for step in (0.25, -0.5):
                poked = x.copy()
                poked[place] += step
                (after,) = run.run([target], {"x": poked})
                assert np.isfinite(after).all()
                found[(..., *place)] |= after != before
    return found


def hulls(found, rank):
    """The box of what each unit reads, None where it reads nothing."""
    shape = found.shape[: found.ndim - rank]
    boxes = {}
    for unit in np.ndindex(*shape):
        places = np.argwhere(found[unit])
        boxes[unit] = (
            tuple(zip(places.min(0).tolist(), places.max(0).tolist(), strict=True))
            if len(places)
            else None
        )
    return boxes


def regions(model, target, **options):
    loaded = rfgraph.load(model, **options)
    shape = loaded.graph.nodes[target]["shape"]
    tables = exact.clipped_tables(loaded.graph, "x")[target]
    return {unit: exact.region(tables, unit) for unit in np.ndindex(*shape)}


@pytest.mark.parametrize("name", CASES)
def test_units_read_what_perturbation_finds(name):
    model = CASES[name]
    target = model.graph.output[0].name
    rank = len(model.graph.input[0].type.tensor_type.shape.dim)
    found = observed(model, target)
    assert regions(model, target, masks=True) == hulls(found, rank)
    loaded = rfgraph.load(model, masks=True)
    for unit in list(np.ndindex(*found.shape[:-rank]))[::3]:
        read = read_positions(loaded.graph, "x", target, unit)
        for axis in range(rank):
            others = tuple(a for a in range(rank) if a != axis)
            assert read is not None
            assert read[axis].tolist() == found[unit].any(axis=others).tolist()


@pytest.mark.parametrize("name", CASES)
def test_without_the_option_masks_cut_nothing(name):
    model = CASES[name]
    target = model.graph.output[0].name
    loaded = rfgraph.load(model)
    assert loaded.masks is None
    without = regions(model, target)
    cut = regions(model, target, masks=True)
    for unit, box in cut.items():
        if box is None:
            continue
        assert without[unit] is not None
        for (least, most), (low_, high) in zip(box, without[unit], strict=True):
            assert low_ <= least <= most <= high
    whole = ("keys", "fused, keys", "many heads, keys", "fused, new keys", "softmax of all pairs")
    assert cut != without or name in whole


REGULAR = {
    "causal": ("one-sided", None, 0),
    "looking ahead": ("one-sided", 0, None),
    "banded": ("local", 2, 0),
    "keys": ("global", None, None),
    "softmax of all pairs": ("global", None, None),
}


@pytest.mark.parametrize("name", REGULAR)
def test_masks_with_a_closed_form_have_it(name):
    scope, before, after = REGULAR[name]
    axis = rfgraph.analyze(CASES[name], masks=True).receptive_field().axes[1]
    assert (axis.scope, axis.before, axis.after) == (scope, before, after)


@pytest.mark.parametrize("name", CASES)
def test_sizes_of_the_closed_form_are_those_that_perturbation_finds(name):
    model = CASES[name]
    target = model.graph.output[0].name
    axes = rfgraph.analyze(model, masks=True).receptive_field(target).axes
    boxes = [box for box in hulls(observed(model, target), len(axes)).values() if box is not None]
    for axis, found in axes.items():
        sizes = {box[axis][1] - box[axis][0] + 1 for box in boxes}
        if found.scope == "local" and not found.regular:
            assert (found.size_min, found.size) == (min(sizes), max(sizes))
        else:
            assert found.size is None or found.size >= max(sizes)


def test_a_mask_leaves_the_number_of_routes_through_a_window_as_it_is():
    model = CASES["windows"]
    found = rfgraph.path_histogram(rfgraph.load(model, masks=True)).axes[1]
    without = rfgraph.path_histogram(rfgraph.load(model)).axes[1]
    assert (found.local, found.max) == (without.local, without.max)


# -- how far below, and whether the values are there -----------------------------------------------


@pytest.mark.parametrize(
    ("value", "cut"), [(-87.35, True), (-87.33, False), (-80.0, False), (-3.4e38, True)]
)
def test_the_threshold_is_that_of_the_least_normal_float(value, cut):
    assert (np.exp(np.float64(-87.34)) < np.finfo(np.float32).tiny) is np.True_
    loaded = rfgraph.load(plain(added(value)), masks=True)
    assert [item.operator.op_type for item in loaded.masks.cut] == ["Softmax"] * cut
    if cut:
        assert loaded.masks.cut[0].highest == np.float32(value)


def test_a_row_that_is_masked_as_a_whole_is_not_cut():
    mask = BLOCK.copy()
    mask[2] = False
    for value in (-1e4, -np.inf):
        boxes = regions(plain(added(value), mask), "y", masks=True)
        assert {boxes[0, 2, c][1] for c in range(WIDTH)} == {(0, TOKENS - 1)}
        assert {boxes[0, 1, c][1] for c in range(WIDTH)} == {(0, 2)}


def test_of_a_row_whose_every_allowed_key_is_masked_these_are_read():
    mask = CAUSAL.copy()
    mask[0, 0] = mask[2, 1] = False
    boxes = regions(fused(low(mask), is_causal=1), "y", masks=True)
    assert boxes[0, 0, 0, 0][2] == (0, 0)
    assert boxes[0, 0, 2, 0][2] == (0, 2)


def unnormalized(net, weights, value):
    return product(net, net("Sigmoid", weights), value)


def divided_by_data(net, scores, mask):
    """What data divides is no longer known to be low."""
    scores = net("Add", scores, net.const(low(mask, -1e4)))
    return net("Div", scores, net("Add", net("ReduceMax", scores, keepdims=1), net.const(1e6)))


def chosen_by_data(net, scores, mask):
    condition = net("Greater", scores, net.const(0))
    return net("Where", condition, net("Add", scores, net.const(low(mask))), scores)


def of_both_signs(net, scores, mask):
    """A mask of plus infinity is none: the sum is not a number."""
    return net("Add", net("Add", scores, net.const(low(mask))), net.const(low(mask, np.inf)))


def offset(net, scores, mask):
    """What else is stored counts too: of -100 and +50 there is e^-50 left."""
    other = net("Add", scores, net.const(np.where(BLOCK, 0, 50)))
    return net("Add", other, net.const(low(mask, -100)))


def cast_away(net, scores, mask):
    """As truth values, scores and what lies far below are the same."""
    scores = net("Cast", net("Add", scores, net.const(low(mask))), to=TensorProto.BOOL)
    return net(
        "Add", net("Cast", scores, to=TensorProto.FLOAT), net("MatMul", "x", net.weight(2, 6))
    )


@pytest.mark.parametrize(
    "model",
    [
        plain(offset),
        plain(cast_away),
        plain(added(), weigh=unnormalized),
        plain(added(), weigh=grouped),
        plain(added(), weigh=diagonal),
        plain(added(), weigh=nothing),
        plain(divided_by_data),
        plain(chosen_by_data),
        plain(of_both_signs),
        plain(added(), np.ones((TOKENS, TOKENS), bool)),
    ],
)
def test_what_is_not_known_to_be_zero_cuts_no_value(model):
    boxes = regions(model, "y", masks=True)
    assert {box[1] for box in boxes.values()} == {(0, TOKENS - 1)}


@pytest.mark.parametrize(
    "model",
    [
        many_heads(np.array([4]), None),
        many_heads(KEYS[None], unidirectional=1),
        many_heads(None, low(BLOCK)[None, None], unidirectional=1),
    ],
)
def test_what_is_not_followed_is_named_and_cuts_nothing(model):
    loaded = rfgraph.load(model, masks=True)
    assert loaded.masks.cut == ()
    assert [operator.op_type for operator, _ in loaded.masks.left] == ["MultiHeadAttention"]
    assert regions(model, "y", masks=True) == regions(model, "y")


def test_logarithms_of_weights_are_not_zero():
    net = Net(1, TOKENS)
    scores = net("Add", "x", net.const(low(KEYS)))
    model = net.model(net("LogSoftmax", scores, name="y"))
    assert regions(model, "y", masks=True) == regions(model, "y")


def test_a_mask_without_a_value_cuts_nothing_and_is_named(tmp_path):
    for model in (plain(added()), fused(low(BLOCK))):
        for tensor in model.graph.initializer:
            if list(tensor.dims) == [TOKENS, TOKENS]:
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                tensor.external_data.add(key="location", value="weights")
        (tmp_path / "weights").write_bytes(low(BLOCK).tobytes())
        onnx.save(model, tmp_path / "m.onnx")
        target = model.graph.output[0].name
        loaded = rfgraph.load(tmp_path / "m.onnx", masks=True)
        assert loaded.masks.cut == ()
        ((operator, reason),) = loaded.masks.left
        assert operator.op_type in ("Softmax", "Attention")
        assert "no value in the file" in reason
        assert regions(model, target, masks=True) == regions(model, target)


def large(count=40):
    """A mask beyond what is kept of a file's constants, moved by nodes of constants."""
    mask = np.kron(np.eye(2), np.ones((count // 2, count // 2))).astype(bool)
    net = Net(1, count, WIDTH)
    query, key, value = projected(net)
    scores = net("MatMul", query, net("Transpose", key, perm=[0, 2, 1]))
    stored = net("Constant", name="stored", value=numpy_helper.from_array(low(mask)))
    for _ in range(3000):
        stored = net("Identity", stored)
    stored = net("Unsqueeze", net("Transpose", stored), net.const([0], np.int64))
    weights = net("Softmax", net("Add", scores, stored), axis=2)
    return net.model(net("MatMul", weights, value, name="y"))


def test_a_mask_that_is_scaled_by_what_has_no_value_cuts_nothing():
    model = plain(scaled)
    for tensor in model.graph.initializer:
        if not tensor.dims:
            tensor.ClearField("raw_data")
    loaded = rfgraph.load(model, masks=True)
    assert loaded.masks.cut == ()
    assert [reason for _, reason in loaded.masks.left] == [
        "a constant added to its scores has no value in the file"
    ]


def test_a_mask_that_no_kernel_computes_cuts_nothing():
    def computed(net, scores, mask):
        return net("Add", scores, net("Asinh", net.const(low(mask))))

    loaded = rfgraph.load(plain(computed, np.kron(BLOCK, np.ones((1, 1)))), masks=True)
    assert loaded.masks.cut == ()
    assert len(loaded.masks.left) == 1


def test_the_first_operator_sets_are_left_alone():
    model = plain(added(), opset=6)
    for node in model.graph.node:
        if node.op_type == "Add":
            node.attribute.append(helper.make_attribute("broadcast", 1))
    loaded = rfgraph.load(model, masks=True)
    assert loaded.unanalysed == ()
    assert loaded.masks.cut == ()


def test_an_operator_of_ones_own_that_moves_scores_lets_no_mask_through():
    """A rule may know a shape that the file does not say."""
    model = plain(moved, SCATTERED)
    shape = next(node.input[1] for node in model.graph.node if node.op_type == "Reshape")
    for tensor in model.graph.initializer:
        if tensor.name == shape:
            tensor.CopyFrom(TensorProto(name=shape, dims=[3], data_type=TensorProto.INT64))

    def reshape(node):
        out = (TOKENS, 1, TOKENS)
        return rfgraph.Outcome((out,), (rfgraph.Link(0, (Regroup(out),)),))

    rules = {("", "Reshape"): reshape}
    assert regions(model, "y", masks=True, rules=rules) == regions(model, "y", rules=rules)


def test_what_has_no_rule_is_unknown_as_it_is_without_masks():
    net = Net(1, TOKENS, WIDTH)
    model = net.model(net("Strange", "x", name="y", domain="own"))
    model.opset_import.append(helper.make_opsetid("own", 1))
    loaded = rfgraph.load(model, masks=True)
    assert loaded.masks.left == ()
    assert [item.reason for item in loaded.unanalysed] == [
        item.reason for item in rfgraph.load(model).unanalysed
    ]


@pytest.mark.parametrize("length", [0, 1])
def test_scores_of_no_keys_or_one(length):
    net = Net(1, TOKENS, WIDTH)
    none = net("Slice", "x", *(net.const([n], np.int64) for n in (0, length, 1)))
    scores = net(
        "Add",
        net("MatMul", "x", net("Transpose", none, perm=[0, 2, 1])),
        net.const(low(np.zeros((TOKENS, length)))),
    )
    model = net.model(net("MatMul", net("Softmax", scores, axis=2), none, name="y"))
    loaded = rfgraph.load(model, masks=True)
    assert (loaded.unanalysed, loaded.masks.cut) == ((), ())


@pytest.mark.parametrize(
    "model",
    [
        many_heads(np.ones((1, TOKENS))),
        many_heads(None, np.full((1, 1, TOKENS, 4), -1e4)),
    ],
)
def test_masks_that_leave_all_or_do_not_fit(model):
    found = [rfgraph.load(model, masks=masks_) for masks_ in (False, True)]
    assert found[1].masks.cut == ()
    assert [item.reason for item in found[0].unanalysed] == [
        item.reason for item in found[1].unanalysed
    ]


def test_a_fused_mask_that_cuts_nothing_or_is_too_large_to_list(monkeypatch):
    open_ = fused(np.full((TOKENS, TOKENS), -3.0))
    loaded = rfgraph.load(open_, masks=True)
    assert (loaded.masks.cut, loaded.masks.left) == ((), ())
    model = fused(low(BLOCK), is_causal=1)
    monkeypatch.setattr(steps, "MAX_FLAT_ELEMENTS", 10)
    ((_, reason),) = rfgraph.load(model, masks=True).masks.left
    assert reason == "queries and keys are too many to list"


def test_a_fused_mask_that_is_short_masks_the_rest():
    short = SCATTERED[:, :4] | np.eye(TOKENS, 4, -2, dtype=bool)
    boxes = regions(fused(low(short), opset=24), "y", masks=True)
    for unit, box in boxes.items():
        keys = {*np.flatnonzero(short[unit[2]]).tolist(), unit[2]}
        assert box[2] == (min(keys), max(keys))


def test_a_large_mask_is_read_from_the_file_when_it_is_needed(tmp_path):
    model = large()
    onnx.save(model, tmp_path / "m.onnx")
    for source in (tmp_path / "m.onnx", model, (tmp_path / "m.onnx").read_bytes()):
        loaded = rfgraph.load(source, masks=True)
        tables = exact.clipped_tables(loaded.graph, "x")["y"]
        rows = {exact.region(tables, (0, unit, 0))[1] for unit in range(40)}
        assert rows == {(0, 19), (20, 39)}


@pytest.mark.parametrize("name", ["scattered", "windows", "fused"])
def test_a_mask_that_is_too_large_to_list_cuts_nothing_and_is_named(name, monkeypatch):
    model = CASES[name]
    target = model.graph.output[0].name
    without = regions(model, target)
    monkeypatch.setattr(budget, "MAX_LISTED", 10)
    loaded = rfgraph.load(model, masks=True)
    assert loaded.unanalysed == ()
    reasons = {reason for _, reason in loaded.masks.left}
    assert reasons == {"its mask is too large to list what it leaves"}
    assert regions(model, target, masks=True) == without


def test_keys_that_are_too_many_to_list_are_read_whole(monkeypatch):
    monkeypatch.setattr(masked_scores, "MAX_INDEX_ELEMENTS", 10)
    # What scores read is cut all the same, and bands need no lists.
    boxes = regions(CASES["minus infinity"], "y", masks=True)
    assert {box[1] for box in boxes.values()} == {(0, TOKENS - 1)}
    boxes = regions(CASES["causal"], "y", masks=True)
    assert boxes == hulls(observed(CASES["causal"], "y"), 3)


@pytest.mark.parametrize("bound", ["MAX_FETCHED", "MAX_FETCHED_IN_ALL"])
def test_masks_are_fetched_within_bounds(bound, monkeypatch):
    assert regions(large(), "y", masks=True) != regions(large(), "y")
    monkeypatch.setattr(fetching, "MAX_FETCHED_IN_ALL", 40 * 40 + 20)
    assert regions(large(), "y", masks=True) == regions(large(), "y")
    monkeypatch.setattr(fetching, bound, 30)
    for name in ("minus infinity", "chosen", "moved", "windows", "without NaN"):
        model = CASES[name]
        target = model.graph.output[0].name
        assert regions(model, target, masks=True) == regions(model, target)
    assert regions(large(), "y", masks=True) == regions(large(), "y")


def test_a_long_chain_of_sums_needs_no_recursion():
    def chained(net, scores, mask):
        scores, small = net("Add", scores, net.const(low(mask))), net.const(0.001)
        for _ in range(2000):
            scores = net("Add", scores, small)
        return scores

    boxes = regions(plain(chained), "y", masks=True)
    assert boxes == hulls(observed(CASES["minus infinity"], "y"), 3)


def test_masks_within_functions_and_branches():
    model = plain(added())
    body = [node for node in model.graph.node if node.op_type in ("Softmax", "Add")]
    function = helper.make_function(
        "own", "Weighing", ["s", "m"], ["w"],
        [
            helper.make_node("Add", ["s", "m"], ["a"]),
            helper.make_node("Softmax", ["a"], ["w"], axis=-1),
        ],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    call = helper.make_node("Weighing", list(body[0].input), ["weights"], "call", domain="own")
    nodes = [node for node in model.graph.node if node not in body]
    place = next(k for k, node in enumerate(nodes) if "weights" in node.input)
    nodes.insert(place, call)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    found = hulls(observed(model, "y"), 3)
    assert regions(model, "y", masks=True) == found
    assert found[0, 0, 0][1] == (0, 2)


def test_a_mask_within_the_branch_of_an_if():
    net = Net(1, TOKENS, WIDTH)
    query, key, value = projected(net)
    scores = net("MatMul", query, net("Transpose", key, perm=[0, 2, 1]))
    branches = {
        name: helper.make_graph(
            [helper.make_node("Add", [scores, f"mask_{name}"], [f"sum_{name}"])],
            name, [], [helper.make_tensor_value_info(f"sum_{name}", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(low(mask), f"mask_{name}")],
        )
        for name, mask in (("then_branch", BLOCK), ("else_branch", CAUSAL))
    }  # fmt: skip
    scores = net("If", net.const(True, bool), **branches)
    weights = net("Softmax", scores, name="weights")
    model = net.model(net("MatMul", weights, value, name="y"))
    assert regions(model, "y", masks=True) == hulls(observed(model, "y"), 3)
