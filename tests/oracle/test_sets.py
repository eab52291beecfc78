from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from oracle import operators, perturb, random_models, reads, sets
from oracle.examples import builder, chain, mismatches, output, unet
from sweeps import at_length

MANY = settings(max_examples=120, suppress_health_check=list(HealthCheck), deadline=None)


def positions(model, unit, tensor=None, axis=-1, name="x0"):
    """Unclipped positions on one axis of one unit of the last axis, first channel."""
    tensor = tensor or output(model)
    graph = sets.Graph(model)
    index = (0, 0, *[unit] * (len(graph.shape(tensor)) - 2))
    found = graph.read(tensor, index)
    return sorted(found[name][axis].positions) if name in found else []


def test_windows_continue_past_both_borders():
    model = chain(5, (3, 1, 1, 1))
    assert [positions(model, o) for o in (0, 4, -7)] == [[-1, 0, 1], [3, 4, 5], [-8, -7, -6]]


def test_dilation_stride_and_two_layers():
    assert positions(chain(9, (3, 2, 2, 1)), 1) == [1, 3, 5]
    # 3 at dilation 2 after 3: {-2, 0, 2} + {-1, 0, 1}, around the unit.
    assert positions(chain(9, (3, 1, 1, 1), (3, 1, 2, 2)), 4) == [1, 2, 3, 4, 5, 6, 7]
    assert positions(chain(9, (1, 1, 1, 0), (3, 1, 2, 2)), 4) == [2, 4, 6]


def test_same_padding_depends_on_the_length_and_its_side():
    # Length 6, kernel 3, stride 2: three outputs, one pad position in all.
    build, x = builder(1, 1, 6)
    upper = build.conv(x, 1, [3], strides=[2], auto_pad="SAME_UPPER")
    lower = build.conv(x, 1, [3], strides=[2], auto_pad="SAME_LOWER")
    assert positions(build.model(upper), 0) == [0, 1, 2]
    assert positions(build.model(lower), 0) == [-1, 0, 1]


def test_transposed_window_with_stride_above_kernel_reads_nothing_at_some_phases():
    build, x = builder(1, 1, 4)
    model = build.model(build.transposed(x, 1, [1], strides=[3]))
    assert [positions(model, o) for o in range(7)] == [[0], [], [], [1], [], [], [2]]


def test_transposed_window_of_four_by_two():
    # Output o takes inputs i with o + 1 - 2i in 0..3.
    build, x = builder(1, 1, 4)
    model = build.model(build.transposed(x, 1, [4], strides=[2], pads=[1, 1]))
    assert [positions(model, o) for o in range(4)] == [[-1, 0], [0, 1], [0, 1], [1, 2]]


def test_transposed_output_shape_splits_the_total_with_the_larger_half_first():
    # Full length 2*3+3 = 9; asked for 8: one position cut, at the beginning.
    build, x = builder(1, 1, 4)
    model = build.model(build.transposed(x, 1, [3], strides=[2], output_shape=[8]))
    assert [positions(model, o) for o in range(3)] == [[0], [0, 1], [1]]
    assert mismatches(model) == []


@pytest.mark.parametrize(
    ("mode", "transform", "expected"),
    [
        ("nearest", "asymmetric", [[0], [0], [1], [1]]),
        ("linear", "asymmetric", [[0], [0, 1], [1], [1, 2]]),
        ("linear", "half_pixel", [[-1, 0], [0, 1], [0, 1], [1, 2]]),
        ("cubic", "half_pixel", [[-2, -1, 0, 1], [-1, 0, 1, 2], [-1, 0, 1, 2], [0, 1, 2, 3]]),
    ],
)
def test_doubling(mode, transform, expected):
    build, x = builder(1, 1, 4, 4)
    y = build.resize(x, [8, 8], None, mode=mode, coordinate_transformation_mode=transform)
    model = build.model(y)
    assert [positions(model, o) for o in range(4)] == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("round_prefer_floor", [0, 0, 1, 2]),
        ("round_prefer_ceil", [0, 1, 1, 2]),
        ("floor", [0, 0, 1, 2]),
        ("ceil", [0, 1, 2, 2]),
    ],
)
def test_nearest_modes(mode, expected):
    taps = [
        reads.sample("nearest", mode, x, None)[0]
        for x in (Fraction(0), Fraction(1, 2), Fraction(4, 3), Fraction(2))
    ]
    assert taps == expected


def test_source_positions_of_each_transformation():
    def at(transform, o, s, length, outputs):
        return reads.source_position(transform, o, Fraction(s), length, outputs)

    assert at("half_pixel", 0, 2, 4, 8) == Fraction(-1, 4)
    assert at("pytorch_half_pixel", 0, Fraction(1, 4), 4, 1) == 0
    assert at("half_pixel", 0, Fraction(1, 4), 4, 1) == Fraction(3, 2)
    assert at("align_corners", 3, 2, 4, 8) == Fraction(9, 7)
    assert at("asymmetric", 3, 2, 4, 8) == Fraction(3, 2)
    # 3 * 3/2 = 4.5 gives 4 outputs: the half position too much is shared between both ends.
    assert at("half_pixel_symmetric", 0, Fraction(3, 2), 3, 4) == 0


def test_antialiased_halving_reads_the_widened_triangle():
    # Output 1 of a halving is at 2.5; a triangle of half-width 2 holds 1, 2, 3, 4.
    assert reads.sample("linear", "", Fraction(5, 2), Fraction(1, 2)) == [1, 2, 3, 4]
    assert reads.sample("linear", "", Fraction(2), Fraction(1, 2)) == [1, 2, 3]


@pytest.mark.parametrize("fraction", ["1/3", "3/5", "2", "7/3", "1/2", "13/10", "224/7", "5/224"])
def test_the_simplest_fraction_of_a_float32(fraction):
    wanted = Fraction(fraction)
    assert (
        reads.simplest_fraction(float(np.float32(wanted.numerator / wanted.denominator))) == wanted
    )


def test_groups_concat_and_split_keep_channels_apart():
    build, x = builder(1, 4, 3)
    y = build.conv(x, 4, [1], group=2)
    first, last = build.split(y, [1, 3])
    model = build.model(build.concat([last, first]))
    graph = sets.Graph(model)
    channels = [sorted(graph.read(output(model), (0, c, 0))["x0"][1].positions) for c in range(4)]
    assert channels == [[0, 1], [2, 3], [2, 3], [0, 1]]


def test_reversed_slice_pad_transpose_and_broadcast():
    build, x = builder(1, 1, 5, 3)
    y = build.slice(x, [2], [4], [-9], [-2])
    y = build.transpose(y, [0, 1, 3, 2])
    y = build.pad(y, [0, 0, 0, 1], [0, 0, 0, 0], "constant")
    row = build.one("ReduceMax", [y, build.ints([2])], (1, 1, 1, 4), keepdims=1)
    model = build.model(build.same("Add", y, row))
    found = sets.Graph(model).read(output(model), (0, 0, 2, 1))["x0"]
    assert sorted(found[2].positions) == [4]
    assert sorted(found[3].positions) == [0, 1, 2]
    assert [span.whole for span in found] == [False, False, False, True]
    local = sets.Graph(model).read(output(model), (0, 0, 2, 1), local={2, 3})["x0"]
    assert sorted(local[3].positions) == [2]
    assert mismatches(model) == []


def test_a_unit_of_the_other_branch_reads_nothing_of_this_input():
    build, x = builder(1, 1, 3)
    y = build.input((1, 2, 3))
    model = build.model(build.concat([x, y]))
    assert list(sets.unclipped(model, output(model), (0, 0, 1))) == ["x0"]
    assert list(sets.unclipped(model, output(model), (0, 2, 1))) == ["x1"]


def test_an_operator_without_a_rule_is_refused():
    build, x = builder(1, 1, 3)
    model = build.model(build.one("CumSum", [x, build.ints([2])], (1, 1, 3)))
    with pytest.raises(NotImplementedError, match="CumSum"):
        sets.Graph(model)


def test_patches_through_a_matrix_read_their_patch():
    build, x = builder(1, 1, 6)
    y = build.reshape(x, (1, 2, 3))
    y = build.one("MatMul", [y, build.floats((3, 3))], (1, 2, 3))
    y = build.reshape(y, (1, 1, 6))
    model = build.model(y)
    graph = sets.Graph(model)
    spans = [graph.read(y, (0, 0, o))["x0"][2] for o in range(6)]
    assert [sorted(span.positions) for span in spans] == [[0, 1, 2]] * 3 + [[3, 4, 5]] * 3
    assert not any(span.whole for span in spans)


def test_unet_agrees_with_perturbation_on_every_tensor():
    model, bottleneck = unet(48, 2)
    assert mismatches(model, [bottleneck, output(model)]) == []


@MANY
@given(random_models.models())
def test_definition_agrees_with_perturbation(model):
    assert mismatches(model) == []


@MANY
@given(random_models.wide_models())
def test_definition_agrees_with_perturbation_where_elements_move(model):
    assert mismatches(model) == []


@settings(MANY, max_examples=40)
@given(random_models.models(rank=1, nodes=5))
def test_positions_inside_the_hull_agree_too(model):
    graph = sets.Graph(model, clip=True)
    tensor = output(model)
    prober = perturb.Prober(model, [tensor])
    for name in graph.inputs:
        found = prober.elements(tensor, name)
        for index in list(np.ndindex(*graph.shape(tensor)))[::3]:
            boxes = graph.boxes(tensor, index).get(name, ())
            defined = {p for box in boxes for p in _members(box)}
            assert {tuple(p) for p in np.argwhere(found[index]).tolist()} == defined


def _members(box):
    return itertools.product(*(span.positions for span in box))


@pytest.mark.slow
@at_length(5000, MANY)
@given(random_models.models())
def test_definition_agrees_with_perturbation_at_length(model):
    assert mismatches(model) == []


@pytest.mark.slow
@at_length(2000, MANY)
@given(random_models.wide_models())
def test_definition_agrees_with_perturbation_where_elements_move_at_length(model):
    assert mismatches(model) == []


WRONG_WINDOWS = {
    "kernel one too small": lambda k, s, d, p: reads.window_rule(k - 1, s, d, p),
    "dilation ignored": lambda k, s, d, p: reads.window_rule(k, s, 1, p),
    "stride ignored": lambda k, s, d, p: reads.window_rule(k, 1, d, p),
    "padding ignored": lambda k, s, d, p: reads.window_rule(k, s, d, 0),
}
WRONG_TRANSPOSED = {
    "kernel one too small": lambda k, s, d, p: reads.transposed_rule(k - 1, s, d, p),
    "dilation ignored": lambda k, s, d, p: reads.transposed_rule(k, s, 1, p),
    "padding ignored": lambda k, s, d, p: reads.transposed_rule(k, s, d, 0),
    "read as a window": reads.window_rule,
}


@pytest.mark.parametrize("wrong", WRONG_WINDOWS)
def test_a_wrong_window_is_caught(monkeypatch, wrong):
    model = chain(15, (3, 2, 2, 2))
    assert mismatches(model) == []
    monkeypatch.setattr(operators, "window_rule", WRONG_WINDOWS[wrong])
    assert mismatches(model) != []


@pytest.mark.parametrize("wrong", WRONG_TRANSPOSED)
def test_a_wrong_transposed_window_is_caught(monkeypatch, wrong):
    build, x = builder(1, 1, 5)
    y = build.transposed(x, 1, [3], strides=[2], dilations=[2], pads=[1, 1])
    model = build.model(y)
    assert mismatches(model) == []
    monkeypatch.setattr(operators, "transposed_rule", WRONG_TRANSPOSED[wrong])
    assert mismatches(model) != []


@pytest.mark.parametrize("wrong", ["half_pixel", "align_corners"])
def test_a_wrong_coordinate_transformation_is_caught(monkeypatch, wrong):
    build, x = builder(1, 1, 5)
    y = build.resize(x, [10], None, mode="linear", coordinate_transformation_mode="asymmetric")
    model = build.model(y)
    assert mismatches(model) == []
    right = reads.source_position
    monkeypatch.setattr(reads, "source_position", lambda _, *rest: right(wrong, *rest))
    assert mismatches(model) != []


def test_a_wrong_group_is_caught(monkeypatch):
    build, x = builder(1, 4, 3)
    model = build.model(build.conv(x, 4, [1], group=2))
    assert mismatches(model) == []
    monkeypatch.setattr(operators, "_channels", lambda node: (lambda o: range(4), True))
    assert mismatches(model) != []


def test_wrong_windows_are_caught_on_the_random_models(monkeypatch):
    monkeypatch.setattr(operators, "window_rule", WRONG_WINDOWS["kernel one too small"])
    caught = []

    @settings(MANY, max_examples=30, database=None)
    @given(random_models.models(nodes=3))
    def compare(model):
        caught.append(bool(mismatches(model)))

    compare()
    assert any(caught)
