"""Scope, numbers, coverage and the gate say what the units read, where a part is read whole.

A sample with other nets each time; at length (about five minutes), from any number on:
WORDS_FROM=0 pytest -n 0 -m slow tests/domains/test_words.py
"""

from __future__ import annotations

import os
import time

import onnx.parser
import pytest

import exported
import rfgraph
from domains.test_exact import dense, normal, same
from domains.words import contradictions, regions
from fixtures.make import MODELS, build
from oracle import part_models, perturb
from oracle.examples import builder
from oracle.part_models import CHANNELS, LENGTH, LONGER, Net
from rfgraph.domains import regions as exact

# Other nets each second, named by the test that fails; the same ones where WORDS_FROM is set.
FROM = int(os.environ.get("WORDS_FROM", time.time()))
SAMPLE, MANY = 60, 1000


def at_length(model, length):
    return rfgraph.analyze(model, input_shapes={"x": (1, CHANNELS, length)})


def axis_of(model, axis=2, **binding):
    return rfgraph.analyze(model, **binding).receptive_field().axes[axis]


def findings(model, **asked):
    return [f for f in rfgraph.check(model, at="output", **asked) if f.code == "RF001"]


# -- small nets, counted out -----------------------------------------------------------------------


def chunked_recurrence(direction, length=160, size=16):
    """A causal convolution, then an LSTM inside chunks, put back."""
    net = Net(0)
    ways = 2 if direction == "bidirectional" else 1
    x = net.op("Conv", "x", net.weights(2, CHANNELS, 3), kernel_shape=[3], pads=[2, 0])
    x = net.reshape(net.op("Transpose", x, perm=[0, 2, 1]), length // size, size, 2)
    x = net.op("Transpose", x, perm=[1, 0, 2])
    hidden = 2 // ways
    weights = net.weights(ways, 4 * hidden, 2), net.weights(ways, 4 * hidden, hidden)
    y = net.ops("LSTM", x, *weights, outputs=1, hidden_size=hidden, direction=direction)[0]
    y = net.reshape(net.op("Transpose", y, perm=[2, 0, 1, 3]), 1, length, 2)
    return net.model(net.op("Transpose", y, perm=[0, 2, 1]), (1, CHANNELS, length), 3)


@pytest.mark.parametrize(("direction", "after"), [("bidirectional", 15), ("forward", 0)])
def test_a_recurrence_inside_chunks_is_local_with_their_period(direction, after):
    # Position 40 lies in the chunk 32..47, of which a causal window of 3 begins at 30; forth, the
    # first position of a chunk reads that window alone.
    model = chunked_recurrence(direction)
    axis = axis_of(model)
    assert (axis.scope, axis.size, axis.size_min) == ("local", 18, 3)
    assert (axis.before, axis.after, axis.period) == (17, after, (16, 16))
    name = rfgraph.load(model).outputs[0]
    (region,) = rfgraph.unit(model, name, (0, None, 40)).regions
    read = (30, 47 if direction == "bidirectional" else 40)
    assert region.clipped[2] == read
    assert [f.code for f in findings(model, stat="union")] == ["RF001"]


def stripes(parts=6, size=4):
    """A convolution of three taps, then stripes, each averaged, side by side."""
    net = Net(0)
    x = net.op("Conv", "x", net.weights(2, CHANNELS, 3), kernel_shape=[3], pads=[1, 1])
    cut = [net.slice(x, at, at + size) for at in range(0, parts * size, size)]
    means = [part_models.mean_of(net, part) for part in cut]
    return net.model(net.op("Concat", *means, axis=2), (1, CHANNELS, parts * size), 3)


def test_the_means_of_stripes_are_local_with_the_stripe_as_stride():
    axis = axis_of(stripes())
    assert (axis.scope, axis.regular, axis.size, axis.stride, axis.start) == (
        "local",
        True,
        6,
        4,
        -1,
    )
    assert axis.covers_input is False
    assert findings(stripes(), stat="union")


def mean_of_last(length):
    """The mean of the last eight positions of a causal convolution of three taps."""
    net = Net(0)
    x = net.op("Conv", "x", net.weights(2, CHANNELS, 3), kernel_shape=[3], pads=[2, 0])
    return net.model(part_models.mean_of(net, net.slice(x, -8, 1 << 31)), (1, CHANNELS, length), 3)


@pytest.mark.parametrize("length", [100, "T"])
def test_the_mean_of_the_last_positions_is_a_fixed_region(length):
    axis = axis_of(mean_of_last(length))
    assert (axis.scope, axis.size, axis.size_min, axis.grows) == ("local", 10, 10, False)
    if length == 100:
        assert axis.start == 90
        assert findings(mean_of_last(length), stat="union")


def halves(length="T"):
    """The mean of each half beside its own positions: what it reads grows with the input."""
    net = Net(0)
    parts = net.reshape("x", 1, CHANNELS, 2, -1)
    return net.model(
        net.reshape(part_models.mean(net, parts, 3), 1, CHANNELS, -1), (1, CHANNELS, length), 3
    )


def test_a_part_that_grows_is_local_with_the_numbers_of_this_length():
    axis = axis_of(halves())
    assert (axis.scope, axis.regular, axis.grows) == ("local", False, True)
    assert (axis.size, axis.stride, axis.period, axis.covers_input) == (128, None, None, None)
    assert axis.to_dict()["grows"] is True
    fixed = axis_of(halves(64))
    assert (fixed.scope, fixed.regular, fixed.grows, fixed.size) == ("local", True, False, 32)


def test_a_field_whose_least_size_grows_is_said_to():
    """Thirds of 255: a window of 2 every 2 lies in one of 85 or over two; thirds of 510 hold it."""
    graph = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        m (float[1, 1, T] x) => (float[P, Q, R] y)
        <int64[4] thirds = {0, 0, 3, -1}, int64[3] line = {0, 0, -1}> {
            a = Reshape (x, thirds)
            b = ReduceMax <axes = [3], keepdims = 1> (a)
            c = Add (a, b)
            d = Reshape (c, line)
            y = MaxPool <kernel_shape = [2], strides = [2]> (d)
        }""")
    axis = rfgraph.analyze(graph).receptive_field().axes[2]
    assert (axis.size_min, axis.size, axis.grows) == (85, 170, True)


def test_a_chunk_whose_length_stays_is_local_at_any_length():
    net = Net(0)
    parts = net.reshape("x", 1, CHANNELS, -1, 16)
    y = net.reshape(part_models.mean(net, parts, 3), 1, CHANNELS, -1)
    axis = axis_of(net.model(y, (1, CHANNELS, "T"), 3))
    assert (axis.scope, axis.regular, axis.grows, axis.size) == ("local", True, False, 16)


def test_rows_that_a_stride_or_a_valid_window_leaves_unread_do_not_make_a_mean_local():
    build, x = builder(1, 1, 33)
    x = build.conv(build.conv(x, 1, [3]), 1, [1], strides=[2])
    x = build.one("ReduceMean", [x, build.ints([2])], (1, 1, 1), keepdims=1)
    axis = axis_of(build.model(x))
    assert (axis.scope, axis.covers_input) == ("global", True)


def test_a_rolled_axis_is_whole_again():
    build, x = builder(1, 1, 20)
    parts = [build.slice(x, [2], [5], [20]), build.slice(x, [2], [0], [5])]
    x = build.concat(parts, 2)
    x = build.one("ReduceMean", [x, build.ints([2])], (1, 1, 1), keepdims=1)
    assert axis_of(build.model(x)).scope == "global"


def test_the_means_of_two_channels_that_lie_apart_say_no_stride():
    # Channel k keeps positions 4 + k to 7 + k: two places lie on a line whatever they read.
    build, x = builder(1, 2, 20)
    parts = [build.slice(x, [1, 2], [k, 4 + k], [k + 1, 8 + k]) for k in (0, 1)]
    mean = build.one("ReduceMean", [build.concat(parts, 1), build.ints([2])], (1, 2, 1), keepdims=1)
    axis = axis_of(build.model(mean))
    assert (axis.scope, axis.regular, axis.size, axis.size_min) == ("local", False, 4, 4)
    assert (axis.stride, axis.before, axis.after) == (None, None, None)


# -- random nets -----------------------------------------------------------------------------------


def check_words(seed):
    model = part_models.random_model(seed)
    said = list(contradictions(at_length(model, LENGTH), "x", at_length(model, LONGER)))
    assert not said, f"random_model({seed}): {said[:3]}"


def check_growth(seed):
    """What is said to grow, at the length taken for an open one, does: and nothing else."""
    model = part_models.random_model(seed)
    result = rfgraph.analyze(model)
    (length,) = result.model.inputs[0].probed.values()
    reads, later = (regions(found, "x") for found in (result, at_length(model, 2 * length)))
    for name in reads:
        axis = result.receptive_field(name).axes[2] if name != "x" else None
        if axis is not None and axis.scope != "none":
            now, then = (found[name][2].sizes() for found in (reads, later))
            told = axis.grows or axis.scope in ("global", "one-sided")
            assert told or then[1] <= now[1], f"random_model({seed}), {name}: {axis}"
            assert then != now or not told, f"random_model({seed}), {name}: {axis}"


def check_tables(seed):
    model = part_models.random_model(seed)
    shapes = {"x": (1, CHANNELS, LENGTH)}
    graph = rfgraph.load(model, input_shapes=shapes).graph
    names = [name for name in graph if name != "x"]
    prober = perturb.Prober(model, names, shapes=shapes)
    found, probed = exact.clipped_tables(graph, "x"), prober.tables("x")
    for name in names:
        have = dense(found[name], prober.shape(name))
        assert same(have, normal(probed[name])), f"random_model({seed}), {name}"


@pytest.mark.parametrize("seed", range(FROM, FROM + SAMPLE), ids=lambda seed: f"net{seed - FROM}")
def test_what_is_said_of_parts_is_what_units_read(seed):
    check_words(seed)


@pytest.mark.parametrize("seed", range(FROM, FROM + SAMPLE // 4), ids=lambda s: f"net{s - FROM}")
def test_what_is_said_to_grow_grows(seed):
    check_growth(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FROM, FROM + MANY), ids=lambda seed: f"net{seed - FROM}")
def test_what_is_said_of_parts_is_what_units_read_at_length(seed):
    check_words(seed)
    check_growth(seed)


# -- fixtures and exports --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_what_is_said_of_fixtures_is_what_units_read(name):
    result = rfgraph.analyze(build(name))
    for source in result.forms:
        assert not list(contradictions(result, source))


@pytest.mark.slow
@pytest.mark.parametrize("name", exported.FILES)
def test_what_is_said_of_exports_is_what_units_read(name):
    result = exported.analysed(name)
    for source in result.forms:
        assert not list(contradictions(result, source))
