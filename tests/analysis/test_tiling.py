"""Tiles: the numbers of the reference, and stitched against whole under onnxruntime."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfgraph
from analysis import nets
from analysis.stitched import image_of, narrower, network, stitched
from oracle.local_models import local_model, whole_numbers
from rfgraph.errors import UsageError
from rfgraph.reports.formats.parts import exact_text
from rfgraph.reports.tiles.snippets import snippet

FIXTURES = Path(__file__).parents[2] / "fixtures"

ROWS = [
    # net, P_o/P_i, halo, on the grid, image, tile
    (nets.twice_down_and_up(), (4, 4), (7, 7), (8, 8), 101, 40),
    (nets.two_centered(), (1, 1), (4, 4), (4, 4), 101, 40),
    (nets.twice_down(), (1, 4), (3, 3), (4, 4), 101, 40),
    (nets.crop_before_padding(), (2, 1), (1, 2), (1, 2), 61, 20),
    (nets.slice_before_padding(), (1, 1), (4, 1), (4, 1), 61, 20),
    (nets.unet(2, "transposed"), (4, 4), (22, 22), (24, 24), 128, 96),
    (nets.unet(3, "transposed"), (8, 8), (46, 46), (48, 48), 240, 176),
    (nets.unet(2, "bilinear"), (4, 4), (26, 26), (28, 28), 128, 96),
    (nets.unet(3, "bilinear"), (8, 8), (54, 54), (56, 56), 240, 176),
    (nets.unet(4, "transposed", ["n"]), (16, 16), (94, 94), (96, 96), 480, 320),
    (nets.unet(4, "bilinear", ["n"]), (16, 16), (110, 110), (112, 112), 480, 320),
]


@pytest.mark.parametrize(("model", "period", "halo", "grid", "image", "tile"), ROWS)
def test_stitched_is_whole_and_one_step_less_is_not(model, period, halo, grid, image, tile):
    plan = rfgraph.tiles(model, image=image, tile=tile)
    assert plan.exact
    for axis in plan.axes.values():
        assert (axis.period, axis.halo, axis.grid_halo) == (period, halo, grid)
    net = network(model)
    x = image_of((1, 1, *[image] * len(plan.axes)))
    whole = net(x)
    assert plan.shape == whole.shape
    assert len(plan) > 1
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)
    for side in (0, 1):
        less = narrower(plan, [image] * len(plan.axes), 0, side)
        assert not np.array_equal(stitched(less, net, x, whole), whole)


def test_a_decoder_of_sound_has_a_period_of_all_its_rates():
    """960 samples for each code; a code less on either side is not enough."""
    model = nets.decoder((8, 5, 4, 6))
    plan = rfgraph.tiles(model, image=48, tile=30)
    (axis,) = plan.axes.values()
    assert axis.period == (960, 1)
    assert len(plan) > 2
    net, x = network(model), np.random.default_rng(0).normal(0, 0.1, (1, 4, 48)).astype(np.float32)
    whole = net(x)
    assert plan.shape == whole.shape
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)
    for side in (0, 1):
        less = narrower(plan, [48], 0, side)
        assert not np.array_equal(stitched(less, net, x, whole), whole)


@pytest.mark.parametrize(
    ("name", "period", "halo", "grid"),
    [
        ("espcn", (3, 1), (4, 4), (4, 4)),
        ("patchgan3", (1, 8), (23, 39), (24, 40)),
        ("unet_bilinear", (16, 16), (110, 110), (112, 112)),
        ("unet_nearest", (16, 16), (110, 110), (112, 112)),
    ],
)
def test_fixtures(name, period, halo, grid):
    for axis in rfgraph.tiles(str(FIXTURES / f"{name}.onnx")).axes.values():
        assert (axis.period, axis.halo, axis.grid_halo) == (period, halo, grid)


def test_the_valid_unet_of_2015():
    model = nets.valid_unet()
    plan = rfgraph.tiles(model, image=(572, 604), tile=412)
    for axis in plan.axes.values():
        assert (axis.period, axis.halo, axis.grid_halo) == ((16, 16), (0, 188), (0, 188))
        assert (axis.scale, axis.offset) == (1, -184)
        assert (axis.lengths.least, axis.lengths.lossless) == (188, (12,))
    assert plan.shape == (1, 1, 388, 420)
    assert {(t.read[2].stop - t.read[2].start) % 16 for t in plan} == {12}
    net, x = network(model), image_of((1, 1, 572, 604))
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)


def test_an_image_that_loses_positions_has_tiles_that_lose_the_same():
    model = nets.valid_unet()
    plan = rfgraph.tiles(model, image=600, tile=408)
    net, x = network(model), image_of((1, 1, 600, 600))
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)


def test_a_length_that_is_bound_is_the_one_that_is_meant():
    """At odd lengths the skip's length, to which is resized, is no multiple of what is resized."""
    path = str(FIXTURES / "unet_nearest.onnx")
    for length in (500, 513):
        assert not rfgraph.tiles(path, image=length).exact
        bound = rfgraph.tiles(rfgraph.load(path, input_shapes={"": (1, 1, length, length)}))
        assert {item.why for item in bound.blockers} == {"its sampling depends on the length"}
    assert rfgraph.tiles(rfgraph.load(path, input_shapes={"": (1, 1, 512, 512)})).exact
    found = rfgraph.check(path, select="RF008", halo=112, input_shapes={"": (1, 1, 513, 513)})
    assert [item.code for item in found] == ["RF008"]


def test_a_bound_length_that_loses_positions_may_be_exact():
    model = nets.twice_down()  # accepts any length, strides by 4
    plan = rfgraph.tiles(model, image=103, tile=40)
    assert rfgraph.tiles(rfgraph.load(model, input_shapes={"": (1, 1, 103)})).exact
    net, x = network(model), image_of((1, 1, 103))
    whole = net(x)
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)


def test_a_union_does_not_hide_the_period_of_a_part():
    """The convolution of 7 covers what pooling and upsampling read, whose grid remains."""
    net = nets.line()
    low = net.up(net.halved("x"), 2, 2)
    model = net.model(net.concat(net.conv("x", 7), low))
    assert rfgraph.analyze(model).receptive_field().axes[2].period == (1, 1)
    assert rfgraph.tiles(model).axes[2].period == (2, 2)


@pytest.mark.parametrize("image", [64, 72, 96, 120])
def test_a_file_of_one_length_is_its_own_tile(image):
    """The whole is the same network in a file whose length is open."""
    open_net, fixed_net = nets.unet(2, "transposed", ["n"]), nets.unet(2, "transposed", [64])
    plan = rfgraph.tiles(fixed_net, image=image)
    assert {tile.read[2].stop - tile.read[2].start for tile in plan} == {64}
    tile_net, x = network(fixed_net), image_of((1, 1, image))
    whole = network(open_net)(x)
    assert plan.shape == whole.shape
    np.testing.assert_array_equal(stitched(plan, tile_net, x, whole), whole)


def blocked(model, **asked):
    found = rfgraph.tiles(model, **asked)
    assert not found.exact
    assert found.recommended is None
    with pytest.raises(UsageError, match="there is no plan of tiles"):
        list(found)
    return {(item.op_type, item.why) for item in found.blockers}


def differs(model, tile=32, halo=16, length=96):
    """Whether a generous halo still gives something else than the whole, here or there."""
    net, x = network(model), image_of((1, 1, length))
    whole = net(x)
    rate = whole.shape[2] / length
    for start in range(0, length, tile):
        first, end = max(start - halo, 0), min(start + tile + halo, length)
        part = net(x[:, :, first:end])
        low, high = int((start - first) * rate), int((start + tile - first) * rate)
        there = whole[:, :, int(start * rate) : int((start + tile) * rate)]
        if not np.array_equal(part[:, :, low:high], there):
            return True
    return False


def corners():
    net = nets.line()
    low = net.halved(net.conv("x", 3))
    up = net.resized(low, 2, mode="linear", coordinate_transformation_mode="align_corners")
    return net.model(net.conv(up, 3))


def circular():
    net = nets.line()
    return net.model(net.conv(net.pad("x", 1, 1, "wrap"), 3, pads=0))


def rolled():
    net = nets.line()
    parts = net.cut("x", 3, 1 << 40), net.cut("x", 0, 3)
    return net.model(net.op("Concat", *parts, axis=2))


def normed():
    net = nets.line()
    ones = net.constant([1.0], np.float32)
    return net.model(net.op("InstanceNormalization", net.conv("x", 3), ones, ones))


def summed():
    net = nets.line()
    return net.model(net.op("CumSum", net.conv("x", 3), net.constant(2)))


def ended():
    """The last 40 positions, wherever the input ends."""
    net = nets.line()
    return net.model(net.cut("x", -40, 1 << 40))


@pytest.mark.parametrize(
    ("model", "blocker"),
    [
        (corners(), ("Resize", "samples at a ratio that depends on the length")),
        (circular(), ("Pad", "reads the other end of the axis")),
        (rolled(), ("Concat", "puts parts of the axis side by side")),
        (normed(), ("InstanceNormalization", "reads the whole axis")),
        (summed(), ("CumSum", "reads all that came before")),
    ],
)
def test_what_no_halo_mends_is_named(model, blocker):
    model.opset_import[0].version = 19
    assert blocker in blocked(model, image=96)
    assert differs(model)


def test_masked_shifted_windows_are_tiles_on_the_grid_of_a_window():
    """The whole is the same network in a file of another length, with the mask of that."""
    plan = rfgraph.tiles(rfgraph.load(nets.shifted_windows(48), masks=True), image=96)
    assert plan.exact
    (axis,) = plan.axes.values()
    assert (axis.period, axis.grid_halo) == ((4, 4), (8, 8))
    # Small, so that no weight of the softmax is nearly 0 or 1.
    x = np.random.default_rng(0).normal(0, 0.2, (1, 2, 96)).astype(np.float32)
    whole = network(nets.shifted_windows(96))(x)
    made = stitched(plan, network(nets.shifted_windows(48)), x, whole)
    np.testing.assert_allclose(made, whole, rtol=1e-5, atol=1e-5)
    less = narrower(plan, [96], 0, 0)
    made = stitched(less, network(nets.shifted_windows(48)), x, whole)
    assert np.abs(made - whole).max() > 1e-3


@pytest.mark.parametrize(("masked", "masks"), [(True, False), (False, True)])
def test_shifted_windows_that_wrap_are_not(masked, masks):
    """Without a mask, or where it is not looked at, the first windows read the other end."""
    found = blocked(rfgraph.load(nets.shifted_windows(48, masked=masked), masks=masks))
    assert ("Concat", "puts parts of the axis side by side") in found


@pytest.mark.parametrize(
    ("scale", "mode", "is_rounded"),
    [(3, "linear", True), (1.5, "linear", True), (2, "linear", False), (3, "nearest", False)],
)
def test_points_between_positions_have_errors_of_rounding(scale, mode, is_rounded):
    """(o + 1/2) / 3 is no float, and that of a part another one, by more the further in it lies."""
    net = nets.line()
    model = net.model(net.resized("x", scale, mode=mode))
    plan = rfgraph.tiles(model, image=960, tile=96)
    runtime, x = network(model), image_of((1, 1, 960))
    whole = runtime(x)
    made = stitched(plan, runtime, x, whole)
    np.testing.assert_allclose(made, whole, atol=1e-2)
    assert np.array_equal(made, whole) == (not is_rounded)
    assert plan.geometry.rounding == (("resize0",) if is_rounded else ())
    assert ("bit for bit" in exact_text(plan)) == (not is_rounded)
    assert ("but for rounding where points lie between" in exact_text(plan)) == is_rounded
    assert plan.to_dict()["rounding"] == list(plan.geometry.rounding)


def test_a_slice_of_fixed_length_is_named():
    ((kind, _),) = blocked(ended())
    assert kind == "Slice"


def same(length="n"):
    net = nets.line(length=length)
    weight = net.weight(1, 1, 3)
    return net.model(net.op("Conv", "x", weight, auto_pad="SAME_UPPER", strides=[2]))


def test_padding_that_depends_on_the_length_is_named():
    assert blocked(same()) == {("Conv", "its padding depends on the length")}
    # Even lengths pad at the end, odd ones on both sides: an odd image is not even tiles.
    net, x = network(same()), image_of((1, 1, 65))
    assert not np.array_equal(net(x)[:, :, :10], net(x[:, :, :32])[:, :, :10])


DESCRIBED = re.compile(
    r"input axis 2: size: {min: (\d+), step: (\d+)}(?:, scale: (\d+))?\n"
    r"output axis 2: size: {tensor_id: x0?, axis_id: 2, offset: (-?\d+)}, scale: (\d+)"
)


def check_description(model):
    """What bioimageio.spec 0.5 makes of the pasted lines is what onnxruntime makes of lengths.

    `int(length * scale / other_scale + offset)`: `SizeReference.get_size`.
    """
    plan, net = rfgraph.tiles(model), network(model)
    described = DESCRIBED.search(snippet(plan, "bioimageio"))
    assert described is not None, snippet(plan, "bioimageio")
    numbers = (int(item or 1) for item in described.groups())
    least, step, scale, offset, other = numbers
    for length in range(least, least + 6 * step, step):
        made = net(np.zeros((1, plan.geometry.item.shape[1], length), np.float32))
        assert made.shape[2] == int(length * scale / other + offset), length


@pytest.mark.parametrize("pads", [(1, 1), (0, 0), (2, 2)])
@pytest.mark.parametrize("stride", [2, 3])
def test_bioimageio_has_the_lengths_of_strides(stride, pads):
    net = nets.line()
    check_description(net.model(net.conv("x", 3, s=stride, pads=pads)))


@pytest.mark.parametrize("seed", range(40))
def test_bioimageio_has_the_lengths_that_onnxruntime_makes(seed):
    model = whole_numbers(local_model(1, seed, random.Random(2000 + seed).randint), seed)
    if rfgraph.tiles(model).exact:
        check_description(model)


def test_lines_for_dask_say_what_rounds():
    """Three times as many by interpolation, and the mean of each three: as long as the input."""
    net = nets.line()
    triple = net.op("Resize", "x", "", net.constant([1, 1, 3], np.float32), mode="linear")
    model = net.model(net.op("AveragePool", triple, kernel_shape=[3], strides=[3]))
    assert "# Exact but for rounding at resize0. Chunks" in snippet(rfgraph.tiles(model), "dask")


def test_a_tile_that_is_recommended_is_enough_for_the_end():
    """What turns back 300 windows of 3 reads 303 positions; the last tile has one halo, of 2."""
    net = nets.line()
    mirrored = net.pad(net.conv("x", 3, pads=(2, 0)), 0, 300, "reflect")
    plan = rfgraph.tiles(net.model(net.conv(mirrored, 3, pads=0)))
    assert (plan.axes[2].halo[0], plan.axes[2].ends[1]) == (2, 303)
    assert plan.recommended.core[0] + 2 >= 303


def test_what_is_mirrored_takes_more_than_the_halo_at_the_end():
    """Unit 256 of 257 reads 252 to 256: the two positions that are turned back begin 4 before."""
    net = nets.line()
    mirrored = net.pad(net.conv("x", 3, pads=(2, 0)), 0, 2, "reflect")
    model = net.model(net.conv(mirrored, 3, pads=0))
    plan, run = rfgraph.tiles(model), network(model)
    axis = plan.axes[2]
    assert (axis.halo, axis.to_dict()["ends"]) == ((2, 2), [3, 5])
    assert "# On axis 2 the first chunk must have at least 1, the last 3.\n" in snippet(
        plan, "dask"
    )
    before, _ = axis.grid_halo
    for last in (1, 2, 3, 4):
        x = image_of((1, 1, 64 + last))
        block = run(x[:, :, 64 - before :])[:, :, before:]
        assert np.array_equal(block, run(x)[:, :, 64:]) == (last >= 3), last


@pytest.mark.parametrize("seed", range(10))
def test_lengths_are_those_that_onnxruntime_runs(seed):
    draw = random.Random(1000 + seed).randint
    model = whole_numbers(local_model(1, seed, draw), seed)
    lengths = rfgraph.tiles(model).axes[2].lengths
    net = network(model)
    for length in range(1, 301):
        runs = True
        try:
            runs = net(image_of((1, 1, length))).size > 0
        except Exception:
            runs = False
        said = length >= lengths.least and length % lengths.step in lengths.residues
        assert said == runs, length


def drawn(data):
    return lambda low, high: data.draw(st.integers(low, high))


def agrees(model, draw):
    """Compare a random plan with the whole; return the plan, None where the net has none."""
    found = rfgraph.tiles(model)
    assert found.exact, found.blockers
    image, most = [], []
    for axis in found.axes.values():
        step, lengths = axis.period[1], axis.lengths
        read = max(sum(axis.grid_halo), lengths.least, *axis.mirrored) + step * draw(2, 3)
        length = read + draw(0, 3 * step)
        while length % step not in lengths.residues:
            length += 1
        most.append(read)
        image.append(length)
    plan = rfgraph.tiles(model, image=image, tile=most)
    assert plan.exact, plan.blockers
    net, x = network(model), image_of((1, 1, *image))
    whole = net(x)
    assert plan.shape == whole.shape
    np.testing.assert_array_equal(stitched(plan, net, x, whole), whole)
    for tile in plan:
        for axis, length in zip(plan.axes.values(), most, strict=True):
            assert tile.read[axis.axis].stop - tile.read[axis.axis].start <= length


@given(st.data())
@settings(max_examples=25)
def test_a_plan_is_the_whole_for_random_networks(data):
    draw = drawn(data)
    seed = draw(0, 99)
    agrees(whole_numbers(local_model(draw(1, 2), seed, draw), seed), draw)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(500))
def test_500_random_networks(seed):
    draw = random.Random(seed).randint
    agrees(whole_numbers(local_model((1, 1, 1, 2, 2, 3)[draw(0, 5)], seed, draw), seed), draw)
