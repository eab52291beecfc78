"""Where local paths end: at the feature map that feeds the flatten, not behind the flatten."""

import pytest

import rfgraph
from oracle.examples import builder


def before_global(build, x, features):
    """Of a dense layer that reads the last axis of `x`."""
    y = build.one("MatMul", [x, build.floats((features, 2))], (*build.shapes[x][:-1], 2))
    (output,) = rfgraph.analyze(build.model(y)).outputs
    return output.before_global


def test_channels_first_over_one_axis():
    build, x = builder(1, 2, 9)
    x = feature_map = build.same("Relu", build.same_conv(x, 3, 3))
    assert before_global(build, build.reshape(x, (1, 27)), 27) == (feature_map,)


def test_channels_last_over_one_axis():
    build, x = builder(1, 2, 9)
    x = feature_map = build.transpose(build.same_conv(x, 3, 3), (0, 2, 1))
    assert before_global(build, build.reshape(x, (1, 27)), 27) == (feature_map,)


def test_an_activation_behind_the_flatten_is_passed():
    build, x = builder(1, 2, 9)
    x = feature_map = build.same_conv(x, 3, 3)
    x = build.same("Relu", build.reshape(x, (1, 27)))
    assert before_global(build, x, 27) == (feature_map,)


def test_two_axes():
    build, x = builder(1, 2, 6, 5)
    x = feature_map = build.same_conv(x, 3, 3)
    assert before_global(build, build.reshape(x, (1, 90)), 90) == (feature_map,)


@pytest.mark.parametrize("shape", [(9,), (1, 9)])
def test_an_axis_of_one_position_that_is_dropped_flattens_nothing(shape):
    build, x = builder(1, 2, 9)
    x = feature_map = build.reshape(build.same_conv(x, 1, 3), shape)
    assert before_global(build, x, 9) == (feature_map,)


def test_what_several_tensors_make_is_not_taken_apart():
    build, x = builder(1, 2, 9)
    x = build.same_conv(x, 3, 3)
    x = feature_map = build.same("Add", build.reshape(x, (1, 27)), build.reshape(x, (1, 27)))
    assert before_global(build, x, 27) == (feature_map,)
