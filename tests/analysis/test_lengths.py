"""Which lengths are accepted, beside onnxruntime; and what a tile of the least one gives."""

import contextlib

import numpy as np
import pytest

import rfgraph
from analysis import nets
from analysis.stitched import image_of, network, stitched
from rfgraph.domains.movement import ROUNDED
from rfgraph.errors import UsageError


def turned_in_threes():
    """An axis that runs backward, where its steps are lost, and then in threes."""
    return turned_in_groups(3)


def turned_in_groups(size):
    net = nets.line()
    x = net.part(net.conv("x", 1), -1, -(1 << 40), -1)
    groups = net.op("Reshape", x, net.constant([1, 1, -1, size]))
    return net.model(net.op("ReduceMax", groups, axes=[3], keepdims=0))


def turned_beside_its_half():
    """An axis that runs backward beside itself down and up again, which is even."""
    net = nets.line()
    x = net.part("x", -1, -(1 << 40), -1)
    return net.model(net.concat(net.up(net.halved(x), 2, 2), x))


def down_beside_a_wrap():
    """A period of 12 of which the steps tell 2."""
    net = nets.line()
    x = net.conv(net.pad(net.conv("x", 1, s=2), 1, 1, "wrap"), 5, s=3, pads=4)
    model = net.model(net.concat(net.up(net.halved(x), 2, 2), x))
    model.opset_import[0].version = 19
    return model


def emptied():
    """A window, and less two positions at each end: of a length of 7 nothing is left."""
    net = nets.line()
    return net.model(net.pad(net.conv("x", 4, pads=0), -2, -2))


def emptied_on_the_way():
    """What a crop leaves nothing of is no map to pool, whatever its padding."""
    net = nets.line()
    x = net.cut("x", 5, 1 << 40)
    return net.model(net.op("MaxPool", x, kernel_shape=[2], pads=[1, 1]))


@pytest.mark.parametrize(
    "make",
    [turned_in_threes, turned_beside_its_half, down_beside_a_wrap, emptied, emptied_on_the_way],
)
def test_lengths_are_those_that_onnxruntime_runs(make):
    model = make()
    (lengths,) = rfgraph.tiles(model).geometry.lengths.values()
    net = network(model)
    for length in range(1, 60):
        try:
            runs = net(image_of((1, 1, length))).size > 0
        except Exception:
            runs = False
        said = length >= lengths.least and length % lengths.step in lengths.residues
        assert said == runs, length


def test_lengths_whose_repetition_is_not_seen_are_not_said():
    """Backward, then in groups of 23: more than half of the lengths that are tried."""
    model = turned_in_groups(23)
    (lengths,) = rfgraph.tiles(rfgraph.load(model, dims={"n": 230})).geometry.lengths.values()
    assert (lengths.residues, lengths.lossless) == (None, ())


def down():
    net = nets.line()
    made = net.resized("x", 0.5, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    return net.model(made)


def test_a_resize_to_one_position_samples_elsewhere():
    """It takes the first of two positions, where longer ones have the mean of each two."""
    model = down()
    net, x = network(model), image_of((1, 1, 8))
    assert not np.array_equal(net(x[:, :, :2]), net(x)[:, :, :1])
    with pytest.raises(UsageError, match="requires tiles of at least 4"):
        rfgraph.tiles(model, image=8, tile=2)
    plan = rfgraph.tiles(model, image=10, tile=4)
    whole = net(image_of((1, 1, 10)))
    assert max(tile.read[2].stop - tile.read[2].start for tile in plan) == 4
    np.testing.assert_array_equal(stitched(plan, net, image_of((1, 1, 10)), whole), whole)


def squares(strides, kernel):
    """A window over two axes of one length."""
    net = nets.plane("n", "n")
    weight = net.weight(1, 1, *kernel)
    return net.model(net.op("Conv", "x", weight, strides=strides))


@pytest.mark.parametrize(
    ("strides", "kernel"),
    [([2, 2], (2, 3)), ([2, 3], (2, 3)), ([2, 3], (5, 4)), ([2, 4], (2, 3)), ([4, 3], (1, 1))],
)
def test_axes_of_one_length_are_measured_at_one(strides, kernel):
    """Though each by itself would lose nothing at others."""
    model = squares(strides, kernel)
    plan = rfgraph.tiles(model, image=40)
    net, x = network(model), image_of((1, 1, 40, 40))
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)
    assert rfgraph.tiles(model).exact


def test_axes_of_one_length_accept_what_both_do():
    """One that is even, and one in threes."""
    net, x = nets.plane("n", "n"), "x"
    for each in ([2, 1], [1, 3]):
        low = net.op("MaxPool", x, kernel_shape=each, strides=each)
        up = net.op("ConvTranspose", low, net.weight(net.channels[low], 1, *each), strides=each)
        net.channels[up] = 1
        x = net.concat(up, x)
    model, found = net.model(x), []
    runtime = network(model)
    for length in range(1, 30):
        with contextlib.suppress(Exception):
            runtime(image_of((1, 1, length, length)))
            found.append(length)
    for lengths in rfgraph.tiles(model).geometry.lengths.values():
        said = [n for n in range(1, 30) if n % lengths.step in lengths.residues]
        assert said == found


def rounded(scale, transform="asymmetric", nearest="floor"):
    net = nets.line()
    attributes = {"coordinate_transformation_mode": transform, "nearest_mode": nearest}
    return net.model(net.resized("x", scale, mode="nearest", **attributes))


@pytest.mark.parametrize(("scale", "nearest"), [(0.6, "floor"), (1.3, "ceil")])
def test_points_between_two_positions_fall_to_either(scale, nearest):
    """0.6 is no float: unit 9 lies at 15 or a bit before it, and unit 0 of a tile at 0."""
    model = rounded(scale, nearest=nearest)
    found = rfgraph.tiles(model, image=200)
    assert [(item.op_type, item.why) for item in found.blockers] == [("Resize", ROUNDED)]
    (axis,) = found.axes.values()
    step = axis.period[1]
    net, x = network(model), np.arange(200, dtype=np.float32).reshape(1, 1, 200)
    whole = net(x)
    parts = [net(x[:, :, start : start + step]) for start in range(0, 200, step)]
    assert not np.array_equal(np.concatenate(parts, axis=2), whole)


@pytest.mark.parametrize(
    "model",
    [
        rounded(1.5),
        rounded(0.6, nearest="ceil"),
        rounded(1.3, nearest="floor"),
        rounded(0.7, nearest="ceil"),
        rounded(3, "half_pixel"),
        rounded(0.6, "half_pixel", "round_prefer_floor"),
        rounded(0.5, "half_pixel", "round_prefer_floor"),
    ],
)
def test_points_on_one_side_or_at_a_scale_that_is_a_float_are_not(model):
    plan = rfgraph.tiles(model, image=200, tile=20)
    net, x = network(model), np.arange(200, dtype=np.float32).reshape(1, 1, 200)
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)


def halves_and_thirds(net):
    third = net.conv("x", 1, s=3)
    return third, net.conv(net.conv("x", 2, s=2, pads=(0, 1)), 4, pads=(0, 2))


def doubled(net):
    return net.conv("x", 1), net.conv(net.up(net.conv("x", 2, pads=0), 2, 2), 2, pads=0)


def cut_to_twenty(net):
    slower = net.conv(net.up("x", 2, 2), 4, s=3, pads=(1, 2))
    return net.cut(slower, 1, 21), net.cut(net.cut("x", 1, -2), 3, 23)


@pytest.mark.parametrize(
    ("branches", "least"), [(halves_and_thirds, None), (doubled, None), (cut_to_twenty, 31)]
)
def test_lengths_at_which_other_strides_fit_by_chance_do_not_stand_for_longer_ones(branches, least):
    net = nets.line()
    model = net.model(net.op("Add", *branches(net)))
    run, runs = network(model), []
    for length in range(1, 300):
        with contextlib.suppress(Exception):
            runs += [length] * (run(image_of((1, 1, length))).size > 0)
    (lengths,) = rfgraph.tiles(model).geometry.lengths.values()
    if least is None:
        assert len(runs) < 10
        assert (lengths.residues, lengths.lossless) == (None, ())
    else:
        assert (lengths.least, lengths.residues) == (least, tuple(range(lengths.step)))
        assert (least - 1 in runs, runs[least - 300 :]) == (False, list(range(least, 300)))
