"""RF002 to RF006: what they find, and that they find nothing where there is nothing."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import rfgraph
from benchmarks import networks
from checks import nets
from fixtures import expected
from fixtures.make import build
from rfgraph.analysis.layers import windows_of
from rfgraph.checks import rf003, rf004, rf006
from rfgraph.errors import BoundError
from rfgraph.relations.axis_rules import Transposed, Window
from rfgraph.relations.relation import Relation
from rfgraph.relations.steps import Permute, Pointwise, Regroup, Taps

UNETS = ("unet_transposed", "unet_bilinear", "unet_nearest")
SHAPES = {"unet_nearest": {"input": (1, 1, 256, 256)}}


def find(code, model, **settings):
    return rfgraph.check(model, select=code, **settings)


# -- RF002 -----------------------------------------------------------------------------------------


def test_the_first_unaligned_merge_is_named_and_no_later_one():
    (only,) = find("RF002", nets.fixture("bagnet9"))
    assert (only.node, only.tensor, only.severity) == (
        "layer1.0.add",
        "layer1.0.add",
        "warning",
    )
    # By hand: 1x1, 3x3 stride 2 unpadded, 1x1 on the stem's 3x3: centre 1 + 1; the shortcut has 1.
    assert "from 'layer1.0.conv3' stride 2, the first unit centred on 2" in only.message
    assert "from 'layer1.0.crop' stride 2, the first unit centred on 1" in only.message


def test_unequal_strides_are_unaligned():
    (only,) = find("RF002", nets.fixture("toy_unaligned"))
    assert only.tensor == "add"
    assert "'strided' stride 2" in only.message
    assert "'plain2' stride 1" in only.message


@pytest.mark.parametrize("name", [*UNETS, "toy_aligned", "resnet50", "densenet121", "aspp"])
def test_aligned_networks_have_no_unaligned_merge(name):
    assert find("RF002", nets.fixture(name)) == []


def test_each_branch_that_breaks_alignment_is_found():
    net = nets.Net("two", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    for side in ("left", "right"):
        shifted = net.conv(x, f"{side}.conv", 2, 3, 1, (2, 0))
        net.output(net.add(x, shifted, f"{side}.add"), [1, 2, 16])
    assert [item.node for item in find("RF002", net.model())] == ["left.add", "right.add"]


def test_many_branches_are_counted():
    net = nets.Net("many", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    parts = [net.conv(x, f"part{n}", 2, 3, 1, (n % 3, 2 - n % 3)) for n in range(5)]
    net.output(net.concat(parts, "all"), [1, 10, 16])
    (only,) = find("RF002", net.model())
    assert "from 'part2' stride 1, the first unit centred on -1 and 2 more)" in only.message


def test_a_branch_with_phases_is_described_by_the_mean_of_their_centres():
    net = nets.Net("upsampled", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    small = net.conv(x, "down", 2, 3, 2, 1)
    scales = net.constant("scales", [1, 1, 2], np.float32)
    up = net.node(
        "Resize",
        [small, "", scales],
        "up",
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    net.output(net.add(x, up, "merge"), [1, 2, 16])
    (only,) = find("RF002", net.model())
    # By hand: units 0 and 1 are both centred on 0, 0 and 1 before where units of x are.
    assert "from 'x' stride 1, the first unit centred on 0 and from 'up'" in only.message
    assert "the first unit centred on -0.5, averaged over 2 units)" in only.message


def test_a_branch_without_a_stride_is_said_to_have_none():
    # Gather with indices that fit no period, beside the rows as they are.
    net = nets.Net("shuffled", "arithmetic only")
    x = net.input("x", [1, 2, 8])
    y = net.conv(x, "conv", 2, 3, 1, 1)
    order = net.constant("order", [0, 3, 1, 2, 7, 4, 6, 5])
    net.output(net.add(y, net.node("Gather", [y, order], "shuffled", axis=2), "sum"), [1, 2, 8])
    (only,) = find("RF002", net.model())
    assert only.tensor == "sum"
    assert "from 'shuffled' without one stride" in only.message


# -- RF003 -----------------------------------------------------------------------------------------


def offsets(*dilations):
    """What the middle unit of 3-wide windows reads, relative to it: every choice of taps."""
    return {sum(taps) for taps in itertools.product(*((-d, 0, d) for d in dilations))}


@pytest.mark.parametrize(
    "dilations", [(2, 2, 2), (1, 2, 3), (2, 3), (4, 1), (1, 4), (3, 3), (1, 1)]
)
def test_gridding_is_what_listing_the_taps_says(dilations):
    found = find("RF003", nets.chain(*((d, 1) for d in dilations)))
    there = offsets(*dilations)
    missing = [at + 32 for at in range(min(there), max(there)) if at not in there]
    assert bool(found) == bool(missing)
    if missing:
        (only,) = found
        span = max(there) - min(there) + 1
        first = 32 + min(there)
        assert f"reads {len(there)} of the {span} positions {first}..{first + span - 1}" in (
            only.message
        )
        assert f"not {rf003.ranges(missing)}" in only.message


def test_a_window_narrower_than_its_stride_leaves_positions_unread():
    # 1-wide, stride 4 on 10: reads 0, 4, 8; then 3-wide: one unit reads 0, 4, 8 of 0..8.
    net = nets.Net("narrow", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 10]), "narrow", 2, 1, 4)
    net.output(net.conv(x, "wide", 2, 3), [1, 2, 1])
    unread, gap = find("RF003", net.model())
    assert unread.message == ("input 'x', axis 2: no output reads 7 of 10 positions: 1..3, 5..7, 9")
    assert "the unit at [0, 0, 0] reads 3 of the 9 positions 0..8, not 1..3, 5..7" in gap.message


def test_rows_that_strides_leave_over():
    # wav2vec 2.0: 400 + 48 * 320 = 15760 of 16000 samples; 49 frames, as published.
    (only,) = find("RF003", nets.fixture("wav2vec2"))
    assert only.message.endswith("no output reads 240 of 16000 positions: 15760..15999")


def test_what_one_output_leaves_another_may_read():
    net = nets.Net("shared", "arithmetic only")
    x = net.input("x", [1, 2, 8])
    net.output(net.slice(x, "low", [0], [5], [2]), [1, 2, 5])
    net.output(net.slice(x, "high", [6], [8], [2]), [1, 2, 2])
    (only,) = find("RF003", net.model())
    assert only.message.endswith("no output reads 1 of 8 positions: 5")


def test_an_input_that_nothing_reads():
    net = nets.Net("unread", "arithmetic only")
    net.input("x", [1, 2, 8])
    y = net.input("y", [1, 2, 8])
    net.output(net.relu(y, "z"), [1, 2, 8])
    found = find("RF003", net.model())
    assert [item.message for item in found] == ["no output reads anything of input 'x'"]


def test_every_phase_of_an_upsampling_is_asked():
    # ConvTranspose k3 s2 after dilation 2: a phase with two taps reads 0..2 and 2..4, so 3 is not
    # missing, and neighbours differ by one: {-2,0,2} + {0,1} = -2..3 but for none.
    net = nets.Net("phases", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 16]), "dilated", 2, 3, 1, 2, d=2)
    y = net.conv_transpose(x, "up", 2, 3, 2)
    net.output(y, [1, 2, 33])
    (only,) = find("RF003", net.model())
    odd = {at + tap for at in (0,) for tap in (-2, 0, 2)}
    even = {at + tap for at in (-1, 0) for tap in (-2, 0, 2)}
    assert set(range(-2, 3)) - odd == {-1, 1}
    assert set(range(-3, 3)) - even == set()
    assert "at [0, 0, 17]" in only.message
    assert "reads 3 of the 5 positions 6..10, not 7, 9" in only.message


def test_channels_that_read_with_gaps_are_found_beside_those_that_do_not():
    net = nets.Net("parallel", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    parts = [net.conv(x, f"part{n}", 2, 3, 1, d, d=d) for n, d in enumerate((1, 1, 1, 2))]
    net.output(net.concat(parts, "concat"), [1, 8, 16])
    (only,) = find("RF003", net.model())
    assert "at [0, 7, 8] reads 3 of the 5 positions 6..10, not 7, 9" in only.message


def test_what_is_too_long_to_tell_is_said(monkeypatch):
    def refuse(*_):
        raise BoundError("an axis exceeds the bound of 7")

    monkeypatch.setattr(rf003, "products_read", refuse)
    found = find("RF003", nets.chain((1, 1)))
    assert [item.message for item in found] == [
        "which positions of input 'x' are read could not be determined: "
        "an axis exceeds the bound of 7",
        "gaps in what 'conv0' reads could not be determined: an axis exceeds the bound of 7",
    ]


def test_what_units_read_is_walked_once_for_all_inputs(monkeypatch):
    """Of 5 inputs that are summed: all units of the output, and the one in its middle."""
    walked = []
    products = rf003.products_read
    monkeypatch.setattr(
        rf003, "products_read", lambda *asked: walked.append(asked[1:]) or products(*asked)
    )
    model = networks.side_by_side(5)
    assert find("RF003", model) == []
    (output,) = (item.name for item in model.graph.output)
    assert walked == [(output,), (output, (0, 0, 16, 16))]


# -- RF004 -----------------------------------------------------------------------------------------


def border(length):
    model = nets.bound(build("resnet18"), length)
    return [item.node for item in find("RF004", model)]


def test_border_layers_of_resnet18_are_those_of_the_published_that_gather_nothing():
    # The published rule also names each window on a map no larger than itself. By hand, at 32: all
    # taps of the 3-wide windows on maps of 2 see data (4.0.conv1 and before), and the smallest
    # field before 3.1.conv2 and 4.0.conv2 is 11 + 2 * 16 = 43; the maps of 4.1 have one position.
    (row,) = (row for row in expected.load() if row.key == "border_nodes")
    assert row.input_shape == (1, 3, 32, 32)
    found = ["layer3.1.conv2", "layer4.0.conv2", "layer4.1.conv1", "layer4.1.conv2"]
    assert border(32) == found
    assert set(found) < set(row.value)


def test_border_layers_move_with_the_input():
    # By hand, at 64: no map has one position, and only 11 + 2 * 32 = 75 covers.
    assert border(64) == ["layer4.1.conv2"]
    assert border(224) == []


def test_a_plain_chain_ends_being_productive_where_its_field_covers():
    # Sizes 3, 5, 7, 9, 11 on an input of 7: the fourth is the first whose input covers it.
    found = find("RF004", nets.chain(*[(1, 1)] * 5, length=7))
    assert [item.node for item in found] == ["conv3", "conv4"]
    assert "every path before it already reads 7 or more of 7 positions" in found[0].message


def test_one_axis_that_still_gathers_is_enough():
    net = nets.Net("strip", "arithmetic only")
    x = net.input("x", [1, 2, 1, 64])
    net.output(net.conv(x, "square", 2, 3, 1, 1), [1, 2, 1, 64])
    assert find("RF004", net.model()) == []
    net = nets.Net("tall", "arithmetic only")
    x = net.input("x", [1, 2, 1, 64])
    net.output(net.conv(x, "column", 2, (3, 1), 1, (1, 0)), [1, 2, 1, 64])
    (only,) = find("RF004", net.model())
    assert "axis 2: of the 3 taps of its window 1 lands on its map of 1" in only.message


def test_fully_connected_layers_in_disguise_and_upsampling_are_left_alone():
    net = nets.Net("head", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 8, 8]), "conv", 2, 3, 2, 1)
    net.output(net.conv(x, "dense", 2, 4), [1, 2, 1, 1])
    assert find("RF004", net.model()) == []
    net = nets.Net("decoder", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, 2, 2]), "dense", 2, 2)
    net.output(net.conv_transpose(x, "up", 2, 2, 2), [1, 2, 2, 2])
    assert find("RF004", net.model()) == []


def test_windows_are_told_by_the_axis_they_slide_along():
    wide, narrow = Window(3, 1, 2, 2, 9, 9), Window(1, 2, 1, 0, 9, 5)
    moved = Relation((1, 9, 9, 2), (Permute((0, 3, 1, 2)), Taps(((2, wide), (3, narrow)))))
    assert list(windows_of(moved)) == [(1, wide), (2, narrow)]
    flat = Relation((1, 2, 9), (Regroup((2, 9)), Taps(((1, wide),))))
    assert list(windows_of(flat)) == []
    grown = Relation((9,), (Pointwise((2, 9)), Taps(((1, wide),))))
    assert list(windows_of(grown)) == []
    # k4 s2: an output reads two inputs; k2 s2: one, so that it gathers nothing.
    assert rf004.width(Transposed(4, 2, 1, 1, 4, 8)) == 2
    assert rf004.width(Transposed(2, 2, 1, 0, 4, 8)) == 1


# -- RF005 -----------------------------------------------------------------------------------------


def test_an_operator_whose_positions_depend_on_data_is_named_once():
    (only,) = find("RF005", nets.sampled())
    assert (only.node, only.tensor, only.severity) == ("sample", "sample", "warning")
    assert only.message == "GridSample is not followed: which positions it reads depends on data"
    assert [item.node for item in rfgraph.analyze(nets.sampled()).findings] == ["sample"]


def test_an_operator_without_a_rule_is_named_with_its_domain():
    model = nets.chain((1, 1))
    model.graph.node[0].op_type = "Mystery"
    model.graph.node[0].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)
    (only,) = find("RF005", model)
    assert only.node == "conv0"
    assert "operator 'Mystery' of domain 'com.example' has no rule" in only.message


def test_an_operator_s_type_is_escaped_and_clipped():
    model = nets.chain((1, 1))
    model.graph.node[0].op_type = "\x1b[31m\n\u202e" + "x" * 10_000
    (only,) = find("RF005", model)
    assert only.message.startswith("\\x1b[31m\\x0a\\u202ex")
    assert only.message.isprintable()
    assert len(only.message) < 300


def test_models_that_are_followed_have_none():
    assert find("RF005", nets.fixture("efficientnet_b0")) == []


# -- RF006 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*UNETS, "inception_v3", "alexnet", "context"])
def test_networks_that_pad_alike_are_centred(name):
    shapes = SHAPES.get(name) or ({"input": (1, 2, 64, 64)} if name == "context" else None)
    assert find("RF006", nets.fixture(name), input_shapes=shapes) == []


def test_the_unaligned_toy_is_off_by_half_a_position():
    # Published regions, united: [-2,4] [0,5] [2,6]: centres 1, 2.5, 4, whose mean is 2.5; the input
    # of 7 has its centre at 3.
    (only,) = find("RF006", nets.fixture("toy_unaligned"))
    assert only.severity == "note"
    assert only.message.endswith("off-centre by 0.5 positions towards the start")


def test_a_strided_network_is_off_by_half_a_stride():
    # ResNet-50 at 224: centres 0, 32, ..., 192, mean 96; (224 - 1) / 2 = 111.5; 15.5 / 32 = 0.484.
    (first,) = find("RF006", nets.fixture("resnet50"))
    assert first.message.endswith("15.5 positions towards the start (0.484 strides of 32)")
    # What the explanation advises: k * 32 + 1.
    model = nets.bound(build("resnet50"), 225)
    assert find("RF006", model) == []


def test_bagnet_is_off_centre_and_says_where():
    found = find("RF006", nets.fixture("bagnet9"))
    assert [item.tensor for item in found] == ["layer4.2.relu"]


def test_a_table_that_is_too_large_is_said(monkeypatch):
    monkeypatch.setattr(rf006, "tabulate", lambda *_: None)
    (only,) = find("RF006", nets.fixture("toy_unaligned"))
    assert only.message.endswith(
        "whether it is centred could not be determined: the table of its units is too large"
    )


# -- every code ------------------------------------------------------------------------------------


def test_findings_are_the_entries_of_the_json_report():
    (only,) = find("RF005", nets.sampled())
    assert json.loads(json.dumps(only.to_dict())) == {
        "code": "RF005",
        "severity": "warning",
        "message": only.message,
        "node": "sample",
        "tensor": "sample",
    }


def test_all_selects_every_code_and_ignore_takes_away():
    every = {item.code for item in rfgraph.check(nets.fixture("bagnet9"), select="all")}
    assert {"RF001", "RF002", "RF003", "RF006"} <= every
    found = rfgraph.check(nets.fixture("bagnet9"), select="all", ignore="RF003,RF006")
    assert {item.code for item in found} == every - {"RF003", "RF006"}
    assert rfgraph.check(nets.fixture("bagnet9"), ignore=["RF001"]) == []
