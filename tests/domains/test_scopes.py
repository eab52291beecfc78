"""What is no longer local: one-sided, global and unknown axes, numbers by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import rfgraph
from analysis import nets
from oracle.examples import builder
from rfgraph.domains.fields.layout import local_fields


def running(build, x, axis, **attributes):
    """A cumulative sum along an axis."""
    name = f"axis{len(build.nodes)}"
    build.stored.append(onnx.numpy_helper.from_array(np.array(axis, np.int64), name))
    return build.one("CumSum", [x, name], build.shapes[x], **attributes)


def backwards(build, x, axis=2):
    return build.slice(x, [axis], [-1], [-1000], [-1])


def analysed(build, x):
    """The field of the output, and the distribution over its paths."""
    result = rfgraph.analyze(build.model(x))
    return result.receptive_field(), rfgraph.path_histogram(result, tensor=result.outputs[0].name)


def scopes(field):
    return [field.axes[axis].scope for axis in field.axes]


def counts(histogram, axis):
    item = histogram.axes[axis]
    return item.local, item.one_sided, item.global_, item.unknown


@pytest.mark.parametrize(
    ("attributes", "before", "after"),
    [
        # A unit reads up to itself, plus 1 of the convolution before and 2 of the one after.
        ({}, None, 3),
        ({"exclusive": 1}, None, 2),
        ({"reverse": 1}, 3, None),
        ({"reverse": 1, "exclusive": 1}, 2, None),
    ],
)
def test_a_running_sum_is_one_sided_and_keeps_the_bounded_side(attributes, before, after):
    build, x = builder(1, 1, 20)
    x = running(build, build.same_conv(x, 1, 3), 2, **attributes)
    field, histogram = analysed(build, build.same_conv(x, 1, 5))
    axis = field.axes[2]
    assert (axis.scope, axis.before, axis.after) == ("one-sided", before, after)
    assert axis.size is axis.stride is axis.start is axis.center is None
    assert axis.through == ("n1",)
    assert field.aligned is None
    assert counts(histogram, 2) == (0, 1, 0, 0)


def test_the_bounded_side_counts_in_strides():
    # Unit o reads the sum up to 2o + 2, and that 1 more.
    build, x = builder(1, 1, 20)
    x = running(build, build.same_conv(x, 1, 3), 2)
    x = build.conv(x, 1, [5], strides=[2], pads=[2, 2])
    field, _ = analysed(build, x)
    assert (field.axes[2].before, field.axes[2].after) == (None, 3)


def test_the_bounded_side_sees_past_phases_that_read_nothing():
    # Written every third position only: the sum up to 3i, 3i + 1 or 3i + 2 ends at i.
    build, x = builder(1, 1, 20)
    x = build.transposed(x, 1, [1], strides=[3])
    field, _ = analysed(build, running(build, x, 2))
    assert (field.axes[2].before, field.axes[2].after) == (None, 0)


def test_a_sum_over_a_reversed_axis_runs_the_other_way():
    build, x = builder(1, 1, 20)
    x = backwards(build, running(build, backwards(build, x), 2))
    field, histogram = analysed(build, build.same_conv(x, 1, 5))
    assert (field.axes[2].scope, field.axes[2].before, field.axes[2].after) == (
        "one-sided",
        2,
        None,
    )
    assert counts(histogram, 2) == (0, 1, 0, 0)


def test_both_directions_together_are_global():
    build, x = builder(1, 1, 20)
    forward, backward = running(build, x, 2), running(build, x, 2, reverse=1)
    field, histogram = analysed(build, build.same_conv(build.same("Add", forward, backward), 1, 3))
    assert field.axes[2].scope == "global"
    # Each path alone is one-sided.
    assert counts(histogram, 2) == (0, 2, 0, 0)


def test_a_sum_over_a_rolled_axis_reads_from_one_position_to_all():
    build, x = builder(1, 1, 20)
    parts = [build.slice(x, [2], [5], [20]), build.slice(x, [2], [0], [5])]
    field, _ = analysed(build, running(build, build.concat(parts, 2), 2))
    axis = field.axes[2]
    assert (axis.scope, axis.regular, axis.size_min, axis.size) == ("local", False, 1, 20)


def test_a_sum_over_flattened_rows_is_one_sided_in_rows_and_global_in_columns():
    build, x = builder(1, 1, 6, 5)
    x = build.reshape(build.same_conv(x, 1, 3), (1, 30))
    field, _ = analysed(build, running(build, x, 1))
    assert scopes(field)[2:] == ["one-sided", "global"]
    # At the end of a row, the sum reads that row, and the convolution the next one.
    assert (field.axes[2].before, field.axes[2].after) == (None, 1)


def test_an_axis_stays_spatial_past_a_running_sum():
    build, x = builder(1, 1, 10, 12)
    field, histogram = analysed(build, build.same_conv(running(build, x, 2), 1, 3))
    assert list(histogram.axes) == [2, 3]
    assert scopes(field)[2:] == ["one-sided", "local"]
    assert counts(histogram, 2) == (0, 1, 0, 0)
    assert counts(histogram, 3) == (1, 0, 0, 0)


def test_a_mean_over_a_running_sum_adds_a_route_of_its_own():
    build, x = builder(1, 1, 20)
    x = running(build, build.same_conv(x, 1, 3), 2)
    mean = build.one("ReduceMean", [x, build.ints([2])], (1, 1, 1), keepdims=1)
    field, histogram = analysed(build, build.same("Sub", x, mean))
    assert field.axes[2].scope == "global"
    assert (histogram.total, counts(histogram, 2)) == (2, (0, 1, 1, 0))


def test_a_shortcut_past_a_running_sum_stays_local():
    build, x = builder(1, 1, 20)
    x = build.same_conv(x, 1, 3)
    field, histogram = analysed(build, build.same("Add", x, running(build, x, 2)))
    axis = field.axes[2]
    assert (axis.scope, axis.size, axis.after) == ("one-sided", None, 1)
    assert (axis.local.size, axis.local.start, axis.shortest, axis.longest) == (3, -1, 3, 3)
    assert counts(histogram, 2) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("direction", "scope", "before", "after"),
    [("forward", "one-sided", None, 0), ("reverse", "one-sided", 0, None),
     ("bidirectional", "global", None, None)],
)  # fmt: skip
def test_recurrent_layers_read_what_came_before_or_follows(direction, scope, before, after):
    build, x = builder(10, 1, 4)
    ways = 2 if direction == "bidirectional" else 1
    weights = [build.floats((ways, 12, size)) for size in (4, 3)]
    shape = (10, ways, 1, 3)
    x = build.one("LSTM", [x, *weights], shape, hidden_size=3, direction=direction)
    field, _ = analysed(build, x)
    axis = field.axes[0]
    assert (axis.scope, axis.before, axis.after) == (scope, before, after)
    assert (field.axes[1].scope, field.axes[2].scope) == ("local", "global")


def test_a_gate_is_global_beside_its_local_path():
    build, x = builder(1, 2, 12)
    y = build.same_conv(x, 2, 3)
    pooled = build.one("GlobalAveragePool", [y], (1, 2, 1))
    gate = build.same("Sigmoid", build.same_conv(pooled, 2, 1))
    field, histogram = analysed(build, build.same_conv(build.same("Mul", y, gate), 2, 5))
    axis = field.axes[2]
    assert (axis.scope, axis.size, axis.through) == ("global", None, ("n1",))
    assert (axis.local.size, axis.local.start) == (7, -3)
    assert field.aligned is True
    assert counts(histogram, 2) == (1, 0, 1, 0)
    assert dict(histogram.axes[2].counts) == {7: 1}


def test_positions_that_depend_on_data_are_unknown_and_the_analysis_goes_on():
    build, x = builder(1, 2, 8, 8)
    grid = build.input((1, 8, 8, 2))
    y = build.same_conv(x, 2, 3)
    sampled = build.one("GridSample", [y, grid], (1, 2, 8, 8))
    result = rfgraph.analyze(build.model(build.same("Add", y, sampled)))
    field = result.receptive_field(input=x)
    assert scopes(field)[2:] == ["unknown", "unknown"]
    assert [field.axes[axis].local.size for axis in (2, 3)] == [3, 3]
    histogram = rfgraph.path_histogram(result, input=x)
    assert [counts(histogram, axis) for axis in (2, 3)] == [(1, 0, 0, 1)] * 2
    assert [finding.code for finding in result.findings] == ["RF005"]


# -- what is read of an axis -----------------------------------------------------------------------


def test_the_mean_of_padding_alone_reads_no_position():
    """Two windows of one position, -4 and 8, of which an input of 8 has none."""
    build, x = builder(1, 1, 8)
    x = build.conv(x, 1, [1], strides=[12], pads=[4, 4])
    field, _ = analysed(build, build.one("GlobalAveragePool", [x], (1, 1, 1)))
    assert (field.axes[2].scope, field.axes[2].covers_input) == ("global", False)


def test_a_part_that_is_all_there_is_by_chance_is_a_part():
    """Of one channel, whose open length is tried as 256, the first 256 positions."""
    net = nets.line(channels=2)
    first = net.part(net.part("x", 0, 1, axis=1), 0, 256)
    result = rfgraph.analyze(net.model(net.op("GlobalAveragePool", first)))
    axis = result.receptive_field().axes[2]
    assert (axis.scope, axis.size, axis.covers_input) == ("local", 256, None)


def test_an_axis_that_is_lost_has_no_local_fields():
    build, x = builder(1, 2, 8)
    model = build.model(build.same_conv(x, 2, 3))
    form = rfgraph.analyze(model).forms["x0"]
    tensor = model.graph.output[0].name
    assert len(list(local_fields(form, tensor, 2))) == 1
    assert list(local_fields(form, tensor, 1)) == []
