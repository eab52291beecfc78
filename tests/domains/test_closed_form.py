"""The closed form against sets of positions counted out unit by unit, and walk by walk."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings

import rfgraph
from domains.brute import (
    NUMBERS,
    UNITS,
    comparable,
    described,
    expected,
    hulls,
    lengths,
    plain_carrier,
    walk_numbers,
)
from oracle import measures, random_models, sets, walks
from oracle.builder import Builder
from oracle.examples import builder, output
from rfgraph.domains.fields import axis_field, numbers, sizes
from rfgraph.domains.fields.axis_field import AxisField, merge_pieces
from rfgraph.domains.fields.pieces import Blur, Mapped
from rfgraph.domains.periodic import PeriodicMap, affine
from rfgraph.relations import bounds
from sweeps import at_length

MANY_WALKS = 40
MANY_UNITS = 400


def numbers_of(axis):
    return {key: getattr(axis, key) for key in ("scope", *NUMBERS, "regular")}


# -- the union over all paths ----------------------------------------------------------------------


def wrong_numbers(model, graph):
    """What differs from the brute force, over every tensor and local axis."""
    wrong = []
    for field in rfgraph.analyze(model).receptive_fields():
        for axis, found in field.axes.items():
            carrier = plain_carrier(graph, field.tensor, field.input, axis)
            if found.scope != "local" or carrier is None:
                continue
            if carrier < 2:
                wrong.extend(wrong_sizes(graph, field, axis, found))
                continue
            period = found.period[0] if found.period else None
            want = expected(graph, field.tensor, field.input, axis, carrier, period)
            have = numbers_of(found)
            wrong.extend(
                f"{field.tensor} axis {axis} {key}: {want[key]} != {have[key]}"
                for key in have
                if want[key] != have[key]
            )
    return wrong


def wrong_sizes(graph, field, axis, found):
    """On batch and channels there is nothing beyond the units that exist."""
    sizes = lengths(hulls(graph, field.tensor, field.input, axis))
    if (max(sizes), min(sizes)) != (found.size, found.size_min):
        yield f"{field.tensor} axis {axis}: {sizes} != {found.size}, {found.size_min}"


def check_numbers(model):
    wrong = wrong_numbers(model, sets.Graph(model))
    assert not wrong, "\n".join([*wrong[:10], described(model)])


@given(random_models.models().filter(comparable))
@settings(max_examples=30)
def test_numbers_are_those_of_brute_force(model):
    check_numbers(model)


@pytest.mark.slow
@given(random_models.models(nodes=10).filter(comparable))
@at_length(3000)
def test_numbers_are_those_of_brute_force_at_length(model):
    check_numbers(model)


# -- single paths ----------------------------------------------------------------------------------


def wrong_paths(model, graph):
    """Where shortest, longest or aligned differ from what the walks say one by one."""
    result = rfgraph.analyze(model)
    for field in result.receptive_fields():
        found = walks.walks(graph, field.tensor, field.input)
        axes = sorted(graph.spatial[field.input])
        carriers = [plain_carrier(graph, field.tensor, field.input, axis) for axis in axes]
        if None in carriers or len(found) > MANY_WALKS:
            continue
        agree = []
        for axis, carrier in zip(axes, carriers, strict=True):
            units = max(UNITS, graph.shape(field.tensor)[carrier])
            single = [walk_numbers(graph, walk, axis, carrier, units) for walk in found]
            if not all(item["regular"] for item in single):
                break
            agree.append(len({(item["stride"], item["mean_center"]) for item in single}) == 1)
            sizes = [item["size"] for item in single]
            have = field.axes[axis]
            if (min(sizes), max(sizes)) != (have.shortest, have.longest):
                yield f"{field.tensor} axis {axis}: {sizes} != {have.shortest}..{have.longest}"
        else:
            if all(agree) != field.aligned:
                yield f"{field.tensor}: aligned is {field.aligned}, the walks say {agree}"


def check_paths(model):
    wrong = list(wrong_paths(model, sets.Graph(model)))
    assert not wrong, "\n".join([*wrong[:10], described(model)])


@given(random_models.models(nodes=6).filter(comparable))
@settings(max_examples=50)
def test_single_paths_are_those_of_the_walks(model):
    check_paths(model)


@pytest.mark.slow
@given(random_models.models().filter(comparable))
@at_length(3000)
def test_single_paths_are_those_of_the_walks_at_length(model):
    check_paths(model)


# -- elements that change places -------------------------------------------------------------------


def moves_come_last(model, graph):
    """Whether no window reads past the end of what a move, as the oracle has it, lets it read.

    Nor a Pad that mirrors: unclipped, the oracle leaves it out even where elements were moved.
    """
    pads = [a for node in model.graph.node if node.op_type == "Pad" for a in node.attribute]
    if any(a.name == "mode" and a.s != b"constant" for a in pads):
        return False
    moved = set()
    for edge in graph.edges:
        stays = edge.pointwise or edge.moved is not None
        if edge.source in moved and (edge.spatial or not stays):
            return False
        if edge.source in moved or edge.moved is not None:
            moved.add(edge.target)
    return True


def unmirrored(model):
    """The model with zeros where it pads by what lies inside, which no regular field counts."""
    made = copy.deepcopy(model)
    for node in made.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Pad" and attribute.name == "mode":
                attribute.s = b"constant"
    return made


def wrong_moved(model):
    """Where a field does not hold what its units read, or is wider where that can be told."""
    graph, inside = sets.Graph(model), sets.Graph(unmirrored(model), clip=True)
    exactly = moves_come_last(model, graph)
    for field in rfgraph.analyze(model).receptive_fields():
        if math.prod(field.shape) > MANY_UNITS:
            continue
        for axis, found in field.axes.items():
            if found.scope != "local":
                continue
            least = lengths(hulls(inside, field.tensor, field.input, axis))
            # A phase of a period may be none of the units that exist.
            if found.size < max(least) or (not found.regular and found.size_min < min(least)):
                yield f"{field.tensor} axis {axis}: {found} is less than {least}"
            sizes = lengths(hulls(graph, field.tensor, field.input, axis))
            same = (found.size, found.size_min) == (max(sizes), min(sizes))
            if exactly and not found.regular and not same:
                yield f"{field.tensor} axis {axis}: {found} is not {sizes}"


def check_moved(model):
    wrong = list(wrong_moved(model))
    assert not wrong, "\n".join([*wrong[:10], described(model)])


@given(random_models.wide_models())
@settings(max_examples=30)
def test_fields_of_moved_elements_hold_what_their_units_read(model):
    check_moved(model)


@pytest.mark.slow
@given(random_models.wide_models())
@at_length(2000)
def test_fields_of_moved_elements_hold_what_their_units_read_at_length(model):
    check_moved(model)


def flattened(build, x):
    shape = build.shapes[x]
    return build.reshape(build.reshape(x, (shape[0], math.prod(shape[1:]))), shape)


def patched(build, x):
    """Cut into patches of 3 x 4 and put back."""
    n, c, h, w = build.shapes[x]
    apart = (n, c, h // 3, 3, w // 4, 4)
    y = build.transpose(build.reshape(x, apart), [0, 2, 4, 1, 3, 5])
    moved = build.shapes[y]
    y = build.reshape(y, (n, (h // 3) * (w // 4), c * 12))
    y = build.transpose(build.reshape(y, moved), [0, 3, 1, 4, 2, 5])
    return build.reshape(y, (n, c, h, w))


def rolled(build, x):
    """Roll one way, then the other."""
    for by in (5, 7):
        parts = [build.slice(x, [2], [by], [12]), build.slice(x, [2], [0], [by])]
        x = build.concat(parts, 2)
    return x


def shuffled_to_depth(build, x):
    n, c, h, w = build.shapes[x]
    y = build.one("SpaceToDepth", [x], (n, 4 * c, h // 2, w // 2), blocksize=2)
    return build.one("DepthToSpace", [y], (n, c, h, w), blocksize=2, mode="DCR")


def shuffled_channels(build, x):
    """Channel shuffle over halves of a Concat, of which one part is narrower."""
    n, c, h, w = build.shapes[x]
    x = build.concat([x, build.slice(x, [1], [0], [2])])
    y = build.transpose(build.reshape(x, (n, 3, 2, h, w)), [0, 2, 1, 3, 4])
    return build.slice(build.reshape(y, (n, c + 2, h, w)), [1], [0], [c])


def turned(build, x):
    return build.transpose(build.transpose(x, [3, 1, 0, 2]), [2, 1, 3, 0])


def backwards(build, x):
    for _ in range(2):
        x = build.slice(x, [3], [-1], [-100], [-1])
    return x


def as_tokens(build, x):
    """Positions as one axis, last; then as the axes that they were."""
    n, c, h, w = build.shapes[x]
    tokens = build.transpose(build.reshape(x, (n, c, h * w)), [0, 2, 1])
    return build.reshape(
        build.transpose(build.one("Relu", [tokens], (n, h * w, c)), [0, 2, 1]), (n, c, h, w)
    )


def chain(move):
    """Strided and dilated convolutions, moved in between, and upsampled."""
    build, x = builder(1, 1, 24, 24)
    x = build.conv(x, 4, [3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = build.conv(move(build, x), 4, [5, 2], dilations=[2, 1], pads=[4, 0, 4, 1], group=4)
    return build.model(build.transposed(x, 4, [3, 3], strides=[2, 2], group=4))


def moved_last(move):
    """A strided convolution, moved."""
    build, x = builder(1, 1, 24, 36)
    x = build.conv(x, 4, [3, 5], strides=[2, 3], pads=[1, 2, 1, 2])
    return build.model(move(build, x))


MOVES = [
    flattened,
    patched,
    rolled,
    shuffled_to_depth,
    shuffled_channels,
    turned,
    backwards,
    as_tokens,
]


@pytest.mark.parametrize("net", [chain, moved_last])
@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_and_moved_back_is_regular_again(net, move):
    plain, moved = (
        rfgraph.analyze(net(step)).receptive_field() for step in (lambda build, x: x, move)
    )
    for axis in (2, 3):
        assert plain.axes[axis].regular
        assert numbers_of(moved.axes[axis]) == numbers_of(plain.axes[axis])


def test_tokens_of_volumes_stand_again_where_their_positions_stood():
    # Windows of 3, 5 and 2 at strides 2, 1 and 2: by hand, along each axis as it was.
    build, x = builder(1, 1, 8, 6, 12)
    x = build.conv(x, 2, [3, 5, 2], strides=[2, 1, 2], pads=[1, 2, 0, 1, 2, 0])
    n, c, *lengths = build.shapes[x]
    tokens = build.transpose(build.reshape(x, (n, c, math.prod(lengths))), [0, 2, 1])
    model = build.model(build.reshape(build.transpose(tokens, [0, 2, 1]), (n, c, *lengths)))
    axes = rfgraph.analyze(model).receptive_field().axes
    assert [(axes[k].size, axes[k].stride, axes[k].start) for k in (2, 3, 4)] == [
        (3, 2, -1),
        (5, 1, -2),
        (2, 2, 0),
    ]


def plain(build, x):
    return build.same("Relu", x)


def linear(build, x):
    """A dense layer on rows in which batch and positions are merged, beside what it reads."""
    n, t, c = build.shapes[x]
    rows = build.reshape(x, (n * t, c))
    rows = build.one("MatMul", [rows, build.floats((c, c))], (n * t, c))
    return build.same("Add", x, build.reshape(rows, (n, t, c)))


def there_and_back(build, x):
    shape = build.shapes[x]
    x = build.one("Squeeze", [x, build.ints([0])], shape[1:])
    return build.one("Unsqueeze", [x, build.ints([0])], shape)


def batch_second(build, x):
    return build.transpose(x, [1, 0, 2])


def batch_left_out_and_second(build, x):
    n, t, c = build.shapes[x]
    return build.reshape(build.reshape(x, (n * t * c,)), (t, n, c))


@pytest.mark.parametrize(
    ("of_one", "of_two"),
    [
        (plain, plain),
        (linear, linear),
        (there_and_back, plain),
        (batch_second, batch_second),
        (batch_left_out_and_second, batch_second),
    ],
)
def test_a_batch_of_one_moves_as_one_of_two_does_whatever_reshapes_left_it_out(of_one, of_two):
    made = []
    for count, form in enumerate((of_one, of_two), 1):
        build, x = builder(count, 4, 3)
        made.append(rfgraph.analyze(build.model(form(build, x))).receptive_field().axes[0])
    one, two = made
    assert (two.size, two.start, two.stride, two.period) == (1, 0, 1, (1, 1))
    assert numbers_of(one) == numbers_of(two)


def test_channels_that_are_shuffled_into_a_spatial_axis_leave_it_regular():
    # Depthwise, so that channels are still apart: position o of channel c reads o // 2 of o % 2.
    build, x = builder(1, 4, 10)
    x = build.conv(x, 4, [3], pads=[2, 0], group=4)
    x = build.transpose(build.reshape(x, (1, 2, 2, 10)), (0, 2, 3, 1))
    model = build.model(build.reshape(x, (1, 2, 20)))
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert (axis.regular, axis.size, axis.size_min, axis.start) == (True, 3, 3, -2)
    assert (axis.period, axis.stride, axis.before, axis.after) == ((2, 1), 0.5, 2.5, 0)


def test_branches_that_take_turns_along_an_axis_are_regular():
    # As DepthToSpace after a Concat: of two units one reads around its position.
    build, x = builder(1, 1, 14)
    x = build.transpose(build.concat([x, build.conv(x, 1, [4], pads=[1, 2])], 1), (0, 2, 1))
    model = build.model(build.reshape(x, (1, 28)))
    graph = sets.Graph(model)
    spans = [sets.hull(graph.read(output(model), (0, unit))["x0"][2]) for unit in range(28)]
    want = measures.numbers([(span,) for span in spans])
    assert (want["size"], want["size_min"], want["period"], want["start"]) == (4, 1, (2, 1), 0)
    result = rfgraph.analyze(model)
    axis = result.receptive_field().axes[2]
    assert numbers_of(axis) == {key: want[key] for key in numbers_of(axis)}
    assert axis.interior is None
    units = [rfgraph.unit(result, None, (0, unit)).regions[0] for unit in range(28)]
    assert [region.unclipped[2] for region in units] == spans


def test_an_axis_that_is_the_inner_part_of_a_merged_one_is_irregular():
    build, x = builder(1, 4, 10)
    x = build.conv(x, 4, [3], pads=[2, 0], group=4)
    axis = rfgraph.analyze(build.model(build.reshape(x, (1, 40)))).receptive_field().axes[2]
    assert (axis.regular, axis.size, axis.stride, axis.period) == (False, 3, None, None)
    # Four stretches of ten units, of which none is the interior.
    assert (axis.interior, axis.before, axis.after) == (None, None, None)


def test_a_running_sum_over_rows_that_are_merged_ends_nowhere_in_particular():
    # Units 0, 5, 10, ... each read the first position of a row alone: no one rate says where.
    build, x = builder(1, 1, 6, 5)
    x = build.one("CumSum", [x, build.ints(3)], (1, 1, 6, 5))
    axis = rfgraph.analyze(build.model(build.reshape(x, (1, 30)))).receptive_field().axes[3]
    assert (axis.scope, axis.before, axis.after) == ("one-sided", None, None)


def test_merged_axes_are_irregular_and_measured_on_the_units_that_exist():
    build, x = builder(1, 1, 6, 5)
    x = build.conv(x, 1, [3, 1], pads=[1, 0, 1, 0])
    model = build.model(build.reshape(x, (1, 30)))
    axes = rfgraph.analyze(model).receptive_field().axes
    # A row is read with its neighbours, padding among them, a column alone.
    assert (axes[2].regular, axes[2].size, axes[2].size_min) == (False, 3, 3)
    assert (axes[3].regular, axes[3].size, axes[3].size_min) == (False, 1, 1)
    assert axes[2].stride is axes[2].start is axes[2].center is axes[2].period is None


def test_a_window_over_an_irregular_tensor_reads_only_units_that_exist():
    # Rolled by 3: the units read 3 4 5 6 7 0 1 2. A window of three at either end meets padding,
    # of which nobody can say where it lies; in the middle it reads both ends of the input.
    build, x = builder(1, 1, 8)
    parts = [build.slice(x, [2], [3], [8]), build.slice(x, [2], [0], [3])]
    model = build.model(build.same_conv(build.concat(parts, 2), 1, 3))
    field = rfgraph.analyze(model).receptive_field()
    assert (field.axes[2].regular, field.axes[2].size, field.axes[2].size_min) == (False, 8, 2)
    found = [rfgraph.unit(model, field.tensor, (0, 0, o)).regions[0].clipped[2] for o in range(8)]
    assert found == [(3, 4), (3, 5), (4, 6), (5, 7), (0, 7), (0, 7), (0, 2), (1, 2)]


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_padding_that_mirrors_an_irregular_tensor_reads_what_is_mirrored(mode):
    build, x = builder(1, 1, 4, opset=19)
    x = build.one("Gather", [x, build.ints([2, 0, 2, 3])], (1, 1, 4), axis=2)
    field = rfgraph.analyze(build.model(build.pad(x, [0, 0, 1], [0, 0, 2], mode)))
    axis = field.receptive_field().axes[2]
    assert (axis.regular, axis.size, axis.size_min) == (False, 1, 1)


@pytest.mark.parametrize(("mode", "read"), [("reflect", 1), ("edge", 0), ("wrap", 2)])
def test_a_channel_that_mirrors_another_reads_what_that_one_reads(mode, read):
    # Of three inputs, each a channel, the one before the first mirrors one.
    build = Builder(19, 0)
    names = [build.input((1, 1, 4)) for _ in range(3)]
    y = build.pad(build.concat(names), [0, 1, 0], [0, 0, 0], mode)
    model = build.model(build.same_conv(build.slice(y, [1], [0], [1]), 1, 3))
    fields = rfgraph.analyze(model).receptive_fields([model.graph.output[0].name])
    assert [(field.input, field.axes[2].size) for field in fields] == [(names[read], 3)]


def test_channels_that_read_nothing_have_size_nothing():
    # A unit of the second input's channels reads nothing of the first.
    build = Builder(18, 0)
    x, y = build.input((1, 2, 8)), build.input((1, 3, 8))
    model = build.model(build.concat([build.same_conv(x, 2, 3), y]))
    result = rfgraph.analyze(model)
    for name, size in ((x, 3), (y, 1)):
        axis = result.receptive_field(input=name).axes[2]
        assert (axis.size, axis.size_min, axis.stride) == (size, 0, 1)


@pytest.mark.parametrize("units", [2, 1])
def test_channels_that_stay_where_they_are_along_an_axis_are_no_row_of_positions(units):
    # All units of a channel sample the only position, of which one channel reads the neighbours.
    build, x = builder(1, 1, 3)
    x = build.slice(build.concat([x, build.same_conv(x, 1, 3)]), [2], [0], [1])
    x = build.resize(x, [2], None, mode="linear", coordinate_transformation_mode="align_corners")
    model = build.model(build.slice(x, [2], [0], [units]))
    want = measures.measure(model, output(model), "x0", 2, UNITS, along=2)
    assert (want["size"], want["size_min"], want["stride"], want["start"]) == (3, 1, 0, -1)
    axis = rfgraph.analyze(model).receptive_field().axes[2]
    assert numbers_of(axis) == {key: want[key] for key in numbers_of(axis)}


def test_a_dense_layer_over_channels_of_a_concat_is_not_global_in_space():
    # Supports that a Reshape moved must not be taken for positions.
    build, x = builder(1, 2, 1, 1)
    x = build.concat([build.same_conv(x, 2, 3), build.same_conv(x, 3, 5)])
    x = build.reshape(x, (1, 5))
    model = build.model(build.one("MatMul", [x, build.floats((5, 4))], (1, 4)))
    axes = rfgraph.analyze(model).receptive_field().axes
    assert [(axes[axis].scope, axes[axis].size) for axis in (2, 3)] == [("local", 5)] * 2


def test_few_units_of_a_long_period_have_no_reach_of_a_shorter_one():
    # Position o samples 6 at 5/11 o, and that 4 at 2/3 of it: every 33 units repeat, and 12 exist,
    # the first eleven of which begin to read every four units one further.
    build, x = builder(1, 1, 4)
    x = build.resize(x, [6], None, mode="linear", coordinate_transformation_mode="half_pixel")
    x = build.resize(x, [12], None, mode="linear", coordinate_transformation_mode="align_corners")
    axis = rfgraph.analyze(build.model(x)).receptive_field().axes[2]
    assert (axis.regular, axis.size, axis.size_min) == (False, 3, 2)
    assert (axis.before, axis.after, axis.interior) == (None, None, None)


# -- what is too many to tell apart ----------------------------------------------------------------


def sizes_of_units(pieces, shape):
    """The smallest and the largest hull over all units, from each piece's own intervals."""
    sizes = []
    for index in np.ndindex(shape):
        there = [
            piece.map.at(index[piece.carrier])
            for piece in pieces
            if all(bits >> index[axis] & 1 for axis, bits in piece.support)
        ]
        spans = [span for span in there if span is not None]
        size = max(hi for _, hi in spans) - min(lo for lo, _ in spans) + 1 if spans else 0
        sizes.append(size)
    return min(sizes), max(sizes)


def measured(pieces, shape):
    found = numbers.measure(0, AxisField(tuple(pieces), None), shape, 1 << 40)
    return found.size_min, found.size


def every(period, plain, first):
    """A map that moves with the position, and reads `first` around the first of each period."""
    spans = [(r + plain[0], r + plain[1]) for r in range(period)]
    return PeriodicMap(period, period, (first, *spans[1:]))


def test_maps_whose_common_period_is_too_long_are_measured_together():
    # They meet on channel 0 alone, where 64 * 65 positions go by before they repeat. Apart they
    # read 2 positions somewhere, together 3 at least.
    ahead = Mapped(2, every(64, (0, 1), (0, 3)), ((1, 0b01),))
    back = Mapped(2, every(65, (-1, 0), (-2, 0)), ((1, 0b01),))
    wide = Mapped(2, affine(1, -5, 5), ((1, 0b10),))
    shape = (1, 2, 64 * 65)
    pieces = merge_pieces((wide, ahead, back), shape)
    assert set(pieces) == {ahead, back, wide}
    assert measured(pieces, shape) == sizes_of_units(pieces, shape) == (3, 11)


@pytest.mark.parametrize("most", [81, 80])
def test_maps_that_are_cut_apart_in_many_ways_are_measured_as_they_are_read_together(
    most, monkeypatch
):
    # One on each of 9 channels and one on each of 9 columns; of both, each unit reads one.
    monkeypatch.setattr(sizes, "MAX_VARIANTS", most)
    channels = [Mapped(2, affine(1, -k, 1), ((1, 1 << k),)) for k in range(9)]
    columns = [Mapped(2, affine(1, 0, k + 2), ((3, 1 << k),)) for k in range(9)]
    pieces, shape = channels + columns, (1, 9, 2, 9)
    assert measured(pieces, shape) == sizes_of_units(pieces, shape) == (3, 8 + 10 + 1)


@pytest.mark.parametrize("by", [0, 3])
def test_what_varies_along_two_axes_has_no_size_where_its_table_is_too_large(by, monkeypatch):
    # A unit (i, j) reads the rows i and j, of a tensor that is rolled or not.
    build, x = builder(1, 1, 12, 12)
    if by:
        x = build.concat([build.slice(x, [2], [by], [12]), build.slice(x, [2], [0], [by])], 2)
    model = build.model(build.same("Add", x, build.transpose(x, [0, 1, 3, 2])))
    found = rfgraph.analyze(model).receptive_field().axes[2]
    assert (found.scope, found.regular, found.size, found.size_min) == ("local", False, 12, 1)
    monkeypatch.setattr(bounds, "MAX_TABLE", 12 * 12 - 1)
    found = rfgraph.analyze(model).receptive_field().axes[2]
    assert (found.scope, found.regular, found.size, found.size_min) == ("local", False, None, None)
    assert (found.shortest, found.longest) == (1, 1)


@pytest.mark.parametrize("opens", [(False, False), (True, False), (False, True)])
def test_too_many_pieces_are_known_by_their_axes_and_open_sides(opens, monkeypatch):
    monkeypatch.setattr(axis_field, "MAX_PIECES", 3)
    pieces = [Mapped(axis, affine(rate, 0, 0), (), *opens) for axis in (1, 2) for rate in (1, 2)]
    assert merge_pieces(pieces[:3], (2, 3, 4)) == tuple(pieces[:3])
    assert merge_pieces(pieces, (2, 3, 4)) == (Blur(frozenset({1, 2}), *opens),)
