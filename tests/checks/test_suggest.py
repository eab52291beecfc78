"""Each suggestion passes when it is tried, and the next smaller one of its kind does not."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from onnx import helper

import rfgraph
from checks import nets
from fixtures.make.net import Net
from oracle.local_models import local_model
from reports import models
from rfgraph.checks.settings import make_settings
from rfgraph.checks.suggest import advise
from rfgraph.cli import main
from sweeps import at_length

ATTRIBUTES = {"dilation": "dilations", "kernel": "kernel_shape", "stride": "strides"}


def passes(model, changes, **asked):
    return rfgraph.check(rfgraph.what_if(model, changes), **asked) == []


def less(model, suggestion):
    """The changes of one step less along every axis that was changed; None where none is left."""
    made = dict(suggestion.changes)
    before = {
        (change.node, change.attribute): change.before
        for change in rfgraph.what_if(model, suggestion.changes).revision.changes
    }
    name = ATTRIBUTES.get(suggestion.kind, "repeat")
    step = 2 if suggestion.kind == "kernel" else 1
    for key in [key for key in made if key[1] == name]:
        old, new = np.atleast_1d(before[key]), np.atleast_1d(made[key])
        made[key] = tuple(int(v) for v in new - step * (new > old))
        if name == "repeat":
            made[key] = made[key][0]
    # Pads that are set beside it would have to shrink as well.
    return None if any(key[1] == "pads" for key in made) else made


def judged(model, limit=None, **asked):
    """Re-run every suggestion, and each with one step less; return them."""
    found = rfgraph.suggest(rfgraph.analyze(model), **asked)
    for item in found[:limit]:
        assert passes(model, item.changes, **asked), item.text
        if item.kind in (*ATTRIBUTES, "layer"):
            smaller = less(model, item)
            assert smaller is None or not passes_or_refuses(model, smaller, asked), item.text
            assert item.reached >= item.required
    return found


def passes_or_refuses(model, changes, asked):
    try:
        return passes(model, changes, **asked)
    except rfgraph.RfgraphError:
        return False


def by_kind(found):
    kinds = {}
    for item in found:
        kinds.setdefault(item.kind, []).append(item)
    return kinds


# -- arithmetic ------------------------------------------------------------------------------------


def test_a_chain_by_arithmetic():
    # Three 3-wide windows with strides 1, 2, 1: 1 + 2 + 2 + 4 = 9. For 15 the last one lacks 6.
    model = nets.chain((1, 1), (1, 2), (1, 1))
    found = by_kind(judged(model, min_rf=15, stat="union"))
    dilations = [dict(item.changes) for item in found["dilation"]]
    # A step adds 2 at the first two. The last one, on every second position, would leave gaps:
    # its taps would stand 6 apart, and a unit before it reads 5.
    assert dilations == [{("conv0", "dilations"): (4,)}, {("conv1", "dilations"): (4,)}]
    assert {("conv2", "kernel_shape"): (7,)} in [dict(item.changes) for item in found["kernel"]]
    # Behind conv1 and conv2 a unit is two positions, so a layer more is 4: two of them.
    assert {("conv2", "repeat"): 3} in [dict(item.changes) for item in found["layer"]]
    # conv0 with stride 2: 1 + 2 + 4 + 8 = 15.
    assert {("conv0", "strides"): (2,)} in [dict(item.changes) for item in found["stride"]]
    assert [item.cost for item in found["dilation"]] == [0] * len(found["dilation"])
    # Two channels to two: four weights for a tap.
    assert {item.cost for item in found["layer"]} == {2 * 3 * 4}
    kinds = [item.kind for item in rfgraph.suggest(rfgraph.analyze(model), min_rf=15, stat="union")]
    assert kinds == sorted(kinds, key=["dilation", "kernel", "layer", "stride"].index)


def test_a_dilation_that_leaves_gaps_is_not_suggested():
    # One window of 3: at 9 positions a dilation of 4 reads three of them.
    model = nets.chain((1, 1))
    found = by_kind(judged(model, min_rf=9, stat="union"))
    assert "dilation" not in found
    assert dict(found["kernel"][0].changes) == {("conv0", "kernel_shape"): (9,)}


def test_the_smallest_path_needs_a_layer_on_every_path():
    net = Net("stem", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 64]), "stem", 2, 3, 1, 1)
    x = net.add(x, net.conv(x, "branch", 2, 5, 1, 2), "sum")
    net.output(net.conv(x, "last", 2, 3, 1, 1), [1, 2, 64])
    model = net.model()
    # Sizes 5 and 9; for 7 on every path one of the outer windows must span two more.
    result = rfgraph.analyze(model)
    found = judged(model, min_rf=7, stat="min")
    assert found
    changed = {node for item in found for node, _ in item.changes}
    assert changed <= {"stem", "last"}
    (note,) = advise(result, make_settings(min_rf=7)).notes
    assert "on every path lie only 'stem', 'last'" in note
    assert "the shortest (5)" in note


def test_where_a_shortcut_runs_past_every_layer_it_is_named():
    result = rfgraph.analyze(nets.residual())
    advice = advise(result, make_settings(min_rf=7))
    assert advice.suggestions == ()
    assert advice.notes[0] == (
        "no layer lies on every path: a shortcut (1) runs past each, through 'add0', 'add1'"
    )
    assert judged(nets.residual(), min_rf=12, stat="max")


def test_axes_grow_by_what_each_lacks():
    net = Net("plane", "arithmetic only")
    x = net.input("x", [1, 1, 40, 40])
    net.output(net.conv(x, "c", 1, (3, 9), 1, (1, 4, 1, 4)), [1, 1, 40, 40])
    found = by_kind(judged(net.model(), min_rf=(7, 9), stat="union"))
    assert dict(found["kernel"][0].changes) == {("c", "kernel_shape"): (7, 9)}
    found = by_kind(judged(net.model(), min_rf=(7, 13), stat="union"))
    assert dict(found["kernel"][0].changes) == {("c", "kernel_shape"): (7, 13)}


def test_what_is_causal_stays_causal():
    """Padded on both sides and cut behind, as a TCN is: what is added must lie before."""
    result = rfgraph.analyze(nets.fixture("tcn"))
    found = judged(nets.fixture("tcn"), min_rf=100, stat="union")
    assert {item.kind for item in found} == {"dilation", "kernel", "layer"}
    for item in found:
        changed = rfgraph.what_if(result.model, item.changes)
        if item.kind != "layer":
            assert rfgraph.stream(changed).causal
            assert rfgraph.what_if(result.model, item.changes).revision.warnings == ()


def test_a_pad_node_follows_the_window_that_it_feeds():
    path = nets.FOLDER / "exports" / "causal_ts.onnx"
    found = by_kind(judged(path, min_rf=40, stat="union"))
    (node, name), value = next(
        it for it in found["dilation"][0].changes.items() if "Pad" in it[0][0]
    )
    assert (node, name) == ("/Pad_2", "pads")
    assert value == (0, 0, 8, 0, 0, 0)


def test_what_has_no_pads_gets_some_where_lengths_must_stay():
    net = Net("valid", "arithmetic only")
    x = net.input("x", [1, 1, 40])
    y = net.conv(x, "c", 1, 3, 1, 0)
    crop = net.node("Slice", [x, *(net.constant(name, [value]) for name, value in
                    (("starts", 1), ("ends", 39), ("axes", 2)))], "crop")  # fmt: skip
    net.output(net.add(y, crop, "sum"), [1, 1, 38])
    found = by_kind(judged(net.model(), min_rf=7, stat="union"))
    assert dict(found["kernel"][0].changes) == {("c", "kernel_shape"): (7,), ("c", "pads"): (2, 2)}


def test_nothing_that_helps_is_said():
    node = helper.make_node("MaxPool", ["x"], ["y"], name="p", kernel_shape=[2], strides=[2])
    model = models.model([node], {"x": [1, 1, 4]}, {"y": None})
    advice = advise(rfgraph.analyze(model), make_settings(min_rf=9, stat="union"))
    assert all(item.reached >= 9 for item in advice.suggestions)
    dense = rfgraph.analyze(models.dense())
    assert rfgraph.suggest(dense, min_rf=3) == []


def test_the_effective_size_is_reached():
    model = nets.chain(*[(1, 1)] * 6, length=64)
    found = judged(model, limit=3, min_rf=16, stat="erf95")
    assert found
    assert all(item.reached >= 16 for item in found)


# -- the other way round ---------------------------------------------------------------------------


def test_unproductive_layers_can_go():
    # 1 + 2 * (1 + 2 + 4 + 8 + 16) = 63 of 15: what comes behind the third sees nothing new.
    model = nets.chain((1, 1), (2, 1), (4, 1), (8, 1), (16, 1), length=15)
    (found,) = rfgraph.suggest(rfgraph.analyze(model), stat="union")
    assert found.kind == "removal"
    assert {node for node, _ in found.changes} == {"conv3", "conv4"}
    assert passes(model, found.changes, stat="union")
    assert found.reached == 15
    assert found.cost == -2 * 2 * 4
    assert rfgraph.suggest(rfgraph.analyze(nets.chain((1, 1), (2, 1), (4, 1), length=15))) == []


# -- streams ---------------------------------------------------------------------------------------


def signal(*pads):
    nodes = [
        helper.make_node(
            "Conv",
            [f"t{i}", f"w{i}"],
            [f"t{i + 1}"],
            name=f"c{i}",
            pads=list(both),
        )
        for i, both in enumerate(pads)
    ]
    nodes[0].input[0], nodes[-1].output[0] = "x", "y"
    given = {f"w{i}": models.weights(1, 1, sum(both) + 1) for i, both in enumerate(pads)}
    return models.model(nodes, {"x": [1, 1, 64]}, {"y": None}, given)


def test_what_must_become_causal():
    # Ahead: 3 and 1, 4 in all. For 1 the first alone is enough, for 0 both are needed.
    model = signal((3, 3), (2, 0), (1, 1))
    (one,) = rfgraph.suggest(rfgraph.analyze(model), max_lookahead=1)
    assert dict(one.changes) == {("c0", "pads"): (6, 0)}
    assert one.reached == 1
    (both,) = rfgraph.suggest(rfgraph.analyze(model), causal=True)
    assert dict(both.changes) == {("c0", "pads"): (6, 0), ("c2", "pads"): (2, 0)}
    assert passes(model, both.changes, causal=True, select="RF009")
    # And 3 more would be allowed: the smaller one of them is all it takes.
    (last,) = rfgraph.suggest(rfgraph.analyze(signal((1, 1), (3, 3))), max_lookahead=3)
    assert last.reached <= 3
    assert rfgraph.suggest(rfgraph.analyze(model), max_lookahead=4) == []


def test_weights_are_those_of_each_group():
    """8 maps in 4 groups: weights of 8 x 2 x 3, 32 more where they are 5 wide, 48 in a layer."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=[1, 1], group=4)
    model = models.model(
        [node], {"x": [1, 8, 40]}, {"y": None}, {"w": np.zeros((8, 2, 3), np.float32)}
    )
    found = {item.kind: item.cost for item in judged(model, min_rf=5)}
    assert found["kernel"] == 8 * 2 * 5 - 8 * 2 * 3
    assert found["layer"] == 8 * 2 * 3


def test_auto_pad_and_pad_nodes_become_causal():
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["a"], name="pad"),
        helper.make_node("Conv", ["a", "w"], ["b"], name="valid"),
        helper.make_node("Conv", ["b", "w"], ["c"], name="same", auto_pad="SAME_UPPER"),
        helper.make_node("Conv", ["c", "w"], ["y"], name="bare"),
    ]
    given = {"p": np.array([0, 0, 1, 0, 0, 1]), "w": models.weights(1, 1, 3)}
    model = models.model(nodes, {"x": [1, 1, 40]}, {"y": None}, given)
    (found,) = rfgraph.suggest(rfgraph.analyze(model), causal=True)
    assert dict(found.changes) == {
        ("pad", "pads"): (0, 0, 2, 0, 0, 0),
        ("same", "pads"): (2, 0),
        ("same", "auto_pad"): "NOTSET",
        ("bare", "pads"): (2, 0),
    }
    assert passes(model, found.changes, causal=True, select="RF009")


def test_a_pad_of_computed_weights_is_none_of_the_window():
    """The kernel of `dynamic` is a mean, padded to 3 taps: what is widened is the other's input."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="plain", pads=[1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["m"], name="mean"),
        helper.make_node("Pad", ["m", "p"], ["k"], name="pad"),
        helper.make_node("Conv", ["a", "k"], ["y"], name="dynamic", pads=[1, 1]),
    ]
    given = {"p": np.array([0, 0, 1, 0, 0, 1]), "w": models.weights(1, 1, 3)}
    model = models.model(nodes, {"x": [1, 1, 40]}, {"y": None}, given)
    found = judged(model, min_rf=9)
    assert {key for item in found for key in item.changes} >= {("plain", "dilations")}
    assert not any(node == "pad" for item in found for node, _ in item.changes)


def test_what_no_padding_can_make_causal_is_said():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="c", pads=[1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["g"], name="pool"),
        helper.make_node("Mul", ["a", "g"], ["y"], name="gate"),
    ]
    net = models.model(nodes, {"x": [1, 1, 40]}, {"y": None}, {"w": models.weights(1, 1, 3)})
    asked = make_settings(causal=True, select="RF009")
    advice = advise(rfgraph.analyze(net), asked)
    assert advice.suggestions == ()
    assert "no padding makes 'y' read that little ahead" in advice.notes[0]


def test_what_reads_nothing_any_more_is_no_suggestion():
    # Every second position of the transposed convolution is a hole: stride 2 reads only these.
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["a"], name="up", strides=[2], pads=[1, 0]),
        helper.make_node("Conv", ["a", "w"], ["y"], name="c"),
    ]
    net = models.model(nodes, {"x": [1, 1, 8]}, {"y": None}, {"w": models.weights(1, 1, 1)})
    found = judged(net, min_rf=2, stat="union")
    assert found
    assert "stride" not in by_kind(found)


# -- properties ------------------------------------------------------------------------------------


def judge_random(rank, seed, draw):
    model = local_model(rank, seed, draw)
    result = rfgraph.analyze(model)
    stat = ("union", "max", "min")[draw(0, 2)]
    (output,) = result.model.outputs
    assume(any(field.tensor == output for field in result.receptive_fields()))
    sizes = [axis.size for axis in result.receptive_field().axes.values() if axis.size]
    judged(model, min_rf=max(sizes) + draw(1, 12), stat=stat)


@given(st.integers(1, 2), st.integers(0, 99), st.data())
@at_length(4)
def test_random_nets(rank, seed, data):
    judge_random(rank, seed, lambda low, high: data.draw(st.integers(low, high)))


@pytest.mark.slow
@given(st.integers(1, 2), st.integers(0, 99), st.data())
@at_length(200)
def test_random_nets_at_length(rank, seed, data):
    judge_random(rank, seed, lambda low, high: data.draw(st.integers(low, high)))


CLASSIC = [
    ("alexnet", 400), ("vgg16", 512), ("patchgan3", 142), ("unet_nearest", 400), ("context", 100),
    ("espcn", 31), ("dilated", 21), ("rpn_zf", 200), ("mobilenet_v1", 400), ("resnet18", 500),
    ("unet_transposed", 300), ("bagnet9", 12), ("wav2vec2", 500), ("toy_aligned", 20),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "required"),
    [
        pytest.param(*case, marks=() if case[0] == "patchgan3" else pytest.mark.slow)
        for case in CLASSIC
    ],
)
def test_classic_networks(name, required):
    assert judged(nets.fixture(name), min_rf=required, stat="union")


# -- what is written -------------------------------------------------------------------------------


def test_check_says_what_to_try(capsys, tmp_path):
    path = models.saved(nets.chain((1, 1), (1, 2), (1, 1)), tmp_path / "net.onnx")
    arguments = ["check", path, "--min-rf", "15", "--stat", "union", "--suggest"]
    assert main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    expected = (
        "  try: 'conv0': dilations 1 -> 4: union 15, no weights more, no gaps inside the input"
    )
    assert expected in lines
    assert main([*arguments, "--format", "json"]) == 1
    (entry,) = json.loads(capsys.readouterr().out)["models"]
    first = entry["suggestions"][0]
    assert {"kind", "changes", "required", "reached", "cost", "text"} == set(first)
    assert first["required"] == 15
    assert entry["notes"] == []
    assert main([*arguments, "--format", "github"]) == 1
    assert "::notice file=" in capsys.readouterr().out
    assert main(arguments[:-1]) == 1
    assert "try:" not in capsys.readouterr().out
    residual = models.saved(nets.residual(), tmp_path / "residual.onnx")
    assert main(["check", residual, "--min-rf", "7", "--suggest"]) == 1
    assert "  note: no layer lies on every path" in capsys.readouterr().out


def test_names_from_the_file_are_escaped(capsys, tmp_path):
    model = nets.chain((1, 1), (1, 1))
    for node in model.graph.node:
        node.name += "\x1b[31m"
    path = models.saved(model, tmp_path / "net.onnx")
    assert main(["check", path, "--min-rf", "9", "--stat", "union", "--suggest"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b" in out


def test_bytes_and_protos_are_suggested_for(tmp_path):
    model = nets.chain((1, 1), (1, 1))
    data = onnx.ModelProto.SerializeToString(model)
    assert rfgraph.suggest(rfgraph.analyze(data), min_rf=9, stat="union")
    with pytest.raises(rfgraph.UsageError, match="stat requires"):
        rfgraph.suggest(rfgraph.analyze(data), stat="most")
