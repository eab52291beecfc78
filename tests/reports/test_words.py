"""Sentences that say no more than holds: of which paths, of which place, in which numbers."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import rfgraph
from oracle import perturb
from oracle.builder import Builder
from oracle.examples import builder
from oracle.local_models import opened
from reports import models
from reports.published import FOLDER, analysed
from rfgraph.analysis.distributions import all_distributions
from rfgraph.analysis.view import view
from rfgraph.reports import paths
from rfgraph.reports.formats.style import Style
from rfgraph.reports.model import markdown
from rfgraph.reports.model.text import as_text
from rfgraph.reports.pictures import panels as plot_panels
from rfgraph.wording.numbers import fraction, whole_up

VIT = FOLDER / "exports" / "vit_ts.onnx"


def said(model, **options):
    """The summary as one line."""
    return " ".join(as_text(view(rfgraph.analyze(model), None, None), Style(**options)).split())


def counted(path):
    return all_distributions(view(analysed(path), None, None))


# -- what is said of the local paths alone ---------------------------------------------------------


def test_a_summary_says_that_covering_is_meant_of_the_local_routes():
    text = said(str(VIT))
    assert "local paths cover no: 0..8 of 64 positions" in text
    assert "144 routes: 108 global, 36 local (none covers the input)" in text
    # EfficientNet-B0, published: 512 of the routes avoid all gates; mean size 543, smallest 235.
    text = said(str(FOLDER / "efficientnet_b0.onnx"))
    assert "2,518,912 global, 512 local (mean size 543, all cover the input)" in text
    # Without others, the sentence is about all.
    text = said(str(FOLDER / "highres3dnet.onnx"))
    assert "512 routes, mean size 45, none covers the input" in text


def test_the_report_on_paths_says_so_too():
    text = paths.as_text(models.NAMED, counted(VIT), "routes", Style())
    assert "8 on every local path" in text
    assert "local ones cover   none: its length is 64" in text
    text = paths.as_text(models.NAMED, counted(FOLDER / "highres3dnet.onnx"), "routes", Style())
    assert "cover the input    none: its length is 96" in text


def test_the_picture_says_so_too_and_writes_powers_of_ten_in_one_way():
    (panel,) = plot_panels.panels(counted(FOLDER / "efficientnet_b0.onnx"))
    assert panel.facts[1].startswith("local: mean 543, ")
    assert panel.noun == "local routes"
    (panel,) = plot_panels.panels(counted(VIT))
    assert panel.facts == (
        "144 routes: 36 local, 108 global",
        "local: size 8, none covers the input",
    )
    many = counted(FOLDER / "efficientnet_b0.onnx")[0].histogram.axes[2]
    lines = plot_panels.other_scopes(many, lambda _: plot_panels._many(10**9))
    assert lines == [f"1.00 {plot_panels.TIMES} 10⁹ global"]


# -- units without a position ----------------------------------------------------------------------


def last_step():
    """Three windows over the last of 10 positions: the unit has no place on the axis."""
    build = Builder(18, 0)
    x = build.input((1, 1, 10))
    y = x
    for dilation in (1, 2):
        y = build.conv(y, 1, [3], dilations=[dilation], pads=[2 * dilation, 0])
    y = build.slice(y, [2], [9], [10])
    return build.model(build.reshape(y, (1, 1))), y


def test_a_unit_without_a_position_has_no_reach():
    model, _ = last_step()
    output = model.graph.output[0].name
    lo, hi = perturb.hull_tables(model, output, "x0")
    assert (lo[0, 0, 2], hi[0, 0, 2]) == (3, 9)
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.size, axis.start, axis.center, axis.stride) == (7, 3, 6, 0)
    assert (axis.before, axis.after) == (None, None)
    entry = json.loads(json.dumps(axis.to_dict()))
    assert (entry["before"], entry["after"]) == (None, None)
    assert "positions 3..9 the last 7 for every unit covers" in said(model)
    assert "reach" not in said(model)


def test_units_of_which_some_read_nothing_are_told_together():
    build = Builder(18, 0)
    x, other = build.input((1, 1, 10)), build.input((1, 1))
    y = build.same_conv(x, 1, 3)
    taken = build.reshape(build.slice(y, [2], [3], [4]), (1, 1))
    model = build.model(build.concat([taken, other], 1))
    lo, hi = perturb.hull_tables(model, model.graph.output[0].name, "x0")
    there = lo <= hi
    assert there[0, :, 2].tolist() == [True, False]
    assert (lo[0, 0, 2], hi[0, 0, 2]) == (2, 4)
    assert "positions 2..4 all units together" in said(model)


def test_a_place_on_an_open_axis_is_that_at_the_length_taken_for_it():
    build, x = builder(1, 1, 64)
    last = build.slice(build.same_conv(x, 1, 1), [2], [-8], [1 << 40])
    mean = build.one("ReduceMean", [last, build.ints([2])], (1, 1, 1))
    model = opened(build.model(mean))
    (length,) = rfgraph.load(model).inputs[0].probed.values()
    assert f"positions {length - 8}..{length - 1} the same for every unit, at this length" in (
        said(model)
    )


def test_units_that_read_different_places_are_told_apart():
    build = Builder(18, 0)
    x = build.input((1, 1, 10))
    y = build.same_conv(x, 1, 3)
    parts = [build.reshape(build.slice(y, [2], [at], [at + 1]), (1, 1)) for at in (3, 7)]
    model = build.model(build.concat(parts, 1))
    lo, hi = perturb.hull_tables(model, model.graph.output[0].name, "x0")
    assert list(zip(lo[0, :, 2], hi[0, :, 2], strict=True)) == [(2, 4), (6, 8)]
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.size, axis.start, axis.stride) == (3, 2, 4)


def test_what_comes_again_with_a_period_has_no_reach_either():
    build = Builder(18, 0)
    x = build.input((1, 1, 6))
    y = build.same_conv(x, 1, 3)
    tiled = build.one("Tile", [y, build.ints([1, 1, 2])], (1, 1, 12))
    model = build.model(tiled)
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.period, axis.before, axis.after) == ((6, 0), None, None)
    assert "stride (jump) 0 units further on read the same again" in said(model)


# -- numbers ---------------------------------------------------------------------------------------


def test_there_is_one_way_to_write_a_fraction():
    written = {"1/2": "0.5", "187/2": "93.5", "145/8": "18.125", "14/3": "14/3", "7": "7"}
    assert {text: fraction(Fraction(text)) for text in written} == written


def test_a_reach_is_the_next_whole_number_of_positions():
    # Of upsampling by four: unit o reads o // 4, so that unit 3 lies 3/4 past what it reads.
    build = Builder(18, 0)
    x = build.input((1, 1, 8))
    model = build.model(build.resize(x, [32], [4.0], mode="nearest", nearest_mode="floor",
                                     coordinate_transformation_mode="asymmetric"))  # fmt: skip
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.before, axis.after) == (Fraction(3, 4), 0)
    assert axis.to_dict()["before"] == "3/4"
    assert "reach 1 before, 0 after" in said(model)
    assert (whole_up(Fraction(-7, 2)), whole_up(None)) == ("-3", "-")


def test_axes_are_told_once_where_only_their_lengths_differ():
    net = models.model(
        [models.helper.make_node("Relu", ["x"], ["y"])], {"x": [1, "t", 16]}, {"y": None}
    )
    text = said(net)
    assert text.count("distribution") == 1
    assert "no: 1 of 16 positions on axis 2" in text


# -- axes that are not spatial, outputs that no tensor reaches -------------------------------------


def test_features_are_not_called_spatial():
    net = models.model(
        [models.helper.make_node("Relu", ["x"], ["y"])], {"x": [1, 16]}, {"y": [1, 16]}
    )
    assert "No spatial axis: the numbers are those of axis 1." in said(net)
    assert "| none, axis 1 in their place |" in markdown.as_markdown(
        view(rfgraph.analyze(net), None, None)
    )
    scalar = models.model([models.helper.make_node("Relu", ["x"], ["y"])], {"x": []}, {"y": []})
    assert "spatial" not in said(scalar).lower()


def test_an_input_is_no_map_before_a_global_output():
    weights = {"w": np.ones((16, 16), np.float32)}
    nodes = [
        models.helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        models.helper.make_node("MatMul", ["x", "t"], ["s"]),
        models.helper.make_node("Softmax", ["s"], ["p"], axis=-1),
        models.helper.make_node("MatMul", ["p", "x"], ["y"]),
    ]
    text = said(models.model(nodes, {"x": [1, 8, 16]}, {"y": None}, weights))
    assert text.count("last local feature map") == 1
    assert "an input" not in text


def test_a_sequence_is_its_tensors():
    nodes = [models.helper.make_node("SplitToSequence", ["x"], ["y"], axis=1, keepdims=1)]
    model = models.model(nodes, {"x": [1, 2, 8]}, {})
    kind = models.helper.make_tensor_sequence_value_info("y", models.TensorProto.FLOAT, None)
    model.graph.output.append(kind)
    result = rfgraph.analyze(model)
    assert [item.shape for item in result.outputs] == [(1, 1, 8), (1, 1, 8)]
    for number, item in enumerate(result.outputs):
        (region,) = rfgraph.unit(result, item.name, (0, 0, 5)).regions
        assert region.clipped == ((0, 0), (number, number), (5, 5))
    assert "Constant" not in said(model)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_what_a_map_steers_is_not_constant(form):
    node = models.helper.make_node("CastMap", ["x"], ["y"], domain="ai.onnx.ml")
    model = models.model([node], {}, {"y": None})
    one = models.helper.make_tensor_type_proto(models.TensorProto.FLOAT, [])
    kind = models.helper.make_map_type_proto(models.TensorProto.INT64, one)
    model.graph.input.append(models.helper.make_value_info("x", kind))
    model.opset_import.append(models.helper.make_opsetid("ai.onnx.ml", 1))
    text = (
        said(model)
        if form == "text"
        else markdown.as_markdown(view(rfgraph.analyze(model), None, None))
    )
    assert "It reads no input that is a tensor of known shape." in text
    assert "Constant" not in text


def test_a_tensor_without_units_is_not_said_to_read_what_is_not_known():
    build, x = builder(1, 1, 8)
    x = build.same_conv(x, 1, 3)
    text = said(build.model(build.slice(x, [2], [5], [5])))
    assert "It has no units, and so reads nothing." in text
    assert "known shape" not in text


def test_a_tensor_whose_units_all_fall_into_gaps_reads_nothing():
    """A transposed window of 1 and stride 2 fills every second position; the others are taken."""
    build, x = builder(1, 1, 8)
    spread = build.transposed(x, 1, [1], strides=[2], output_padding=[1])
    text = said(build.model(build.slice(spread, [2], [1], [16], [2])))
    assert "It reads nothing: no position of an input reaches any of its units." in text


@pytest.mark.parametrize(("open_", "is_said"), [(True, True), (False, False)])
def test_a_resize_to_a_fixed_length_says_that_its_ratio_is_that_of_this_length(open_, is_said):
    """At twice the length each unit samples twice as far on, and reads another field."""
    build, x = builder(1, 1, 96)
    made = build.resize(build.same_conv(x, 1, 3), [40], None, mode="linear")
    model = build.model(made)
    text = said(opened(model) if open_ else model)
    assert ("depends on the length" in text) == is_said
