"""Streams: the numbers of the reference, and streams simulated under onnxruntime."""

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import rfgraph
from analysis import nets
from analysis.stitched import image_of, network
from oracle.local_models import local_model, whole_numbers
from rfgraph.analysis import streaming
from rfgraph.errors import BoundError
from rfgraph.reports.stream import verdict

FIXTURES = Path(__file__).parents[2] / "fixtures"


def conv(pads):
    net = nets.line()
    return net.model(net.conv("x", 5, pads=pads))


def residual():
    net = nets.line()
    return net.model(net.op("Add", "x", net.conv("x", 5)))


@pytest.mark.parametrize(
    ("model", "chunk", "lookahead", "delay", "context", "latency"),
    [
        (conv((2, 2)), 1, 2, 2, 4, (2, 2)),
        (nets.two_centered(), 1, 4, 4, 8, (4, 4)),
        (residual(), 1, 2, 2, 4, (2, 2)),
        (conv((4, 0)), 1, 0, 0, 4, (0, 0)),
        (conv((4, 0)), 8, 0, 0, 4, (0, 7)),
        (nets.twice_down(), 4, 6, 1, 8, (7, 7)),
        (nets.twice_down_and_up(), 4, 9, 7, 16, (7, 10)),
        (nets.twice_down_and_up(), 8, 9, 7, 16, (7, 14)),
    ],
)
def test_rows(model, chunk, lookahead, delay, context, latency):
    found = rfgraph.stream(model, chunk=chunk)
    (only,) = found.chunks
    assert (found.lookahead, only.delay, only.context) == (lookahead, delay, context)
    assert (only.latency.best, only.latency.worst) == latency
    assert found.causal == (delay == 0)


def test_wav2vec2_lags_one_frame():
    found = rfgraph.stream(str(FIXTURES / "wav2vec2.onnx"), rate=16000, chunk=320)
    (chunk,) = found.chunks
    assert (found.lookahead, chunk.delay, found.unit_rate) == (399, 1, 50)
    assert chunk.latency.ms == (Fraction(639, 16), Fraction(639, 16))
    # 16000 positions: the last of 49 frames ends at 48 * 320 + 399.
    assert found.dropped == 16000 - (48 * 320 + 400)


@pytest.mark.parametrize(("name", "tensor"), [("tcn", None), ("wavenet_block", "skip")])
def test_causal_fixtures(name, tensor):
    found = rfgraph.stream(str(FIXTURES / f"{name}.onnx"), tensor)
    assert (found.causal, found.lookahead) == (True, 0)
    assert {chunk.delay for chunk in found.chunks} == {0}


def test_a_causal_strided_encoder_looks_ahead_and_has_no_delay():
    """Each chunk of 2 completes a frame; the frame's own position is the first of them."""
    net = nets.line()
    found = rfgraph.stream(net.model(net.conv("x", 4, s=2, pads=(2, 0))))
    assert (found.causal, found.lookahead) == (True, 1)
    assert {chunk.delay for chunk in found.chunks} == {0}


def test_what_is_cut_off_at_the_end_is_not_read_ahead():
    """Units that only read the past are causal, though a part of the input ends before them."""
    net = nets.line()
    found = rfgraph.stream(net.model(net.part(net.conv("x", 3, pads=(2, 0)), 0, -2)))
    assert (found.causal, found.lookahead, found.chunks[0].delay) == (True, 0, 2)
    assert "reads past its own step of 1. In chunks some come late" in verdict(found)
    net = nets.line()
    found = rfgraph.stream(net.model(net.part(net.conv("x", 3, pads=(1, 0)), 0, -2)))
    assert (found.causal, found.lookahead, found.chunks[0].delay) == (False, 1, 3)


def ahead(net, x, rate):
    """Return the furthest past its own position that a unit reads, by changing each position."""
    whole = net(x)
    found = [
        at - rate * unit
        for at in range(x.shape[2])
        for changed in [np.where(np.arange(x.shape[2]) == at, 1000.0, x).astype(np.float32)]
        for unit in np.flatnonzero((net(changed) != whole).any(axis=(0, 1)))
    ]
    return max(found)


def frames(shift):
    """Frames of three windows of 2 with stride 2, `shift` frames late: a phase in each channel."""
    net = nets.line(length=60)
    x = net.op("Reshape", net.conv("x", 2, s=2, pads=(1, 0)), net.constant([1, 1, -1, 3]))
    x = net.op("Reshape", net.op("Transpose", x, perm=[0, 3, 1, 2]), net.constant([1, 3, -1]))
    return net.model(net.pad(x, shift, -shift))


def sum_cut_off():
    """A sum of all that came before, of windows that reach 1 ahead, without its last units."""
    net = nets.line(length=60)
    return net.model(net.part(net.op("CumSum", net.conv("x", 3), net.constant(2)), 0, -2))


def test_the_tail_is_what_no_unit_of_any_channel_reads():
    """Of frames of 3 the last position stands in one channel, at the last unit, which is cut off.

    Then all channels of a frame stand in a row: the one before it is read.
    """
    net = nets.line(length=12, channels=2)
    x = net.op("Reshape", net.conv("x", 1, out=2), net.constant([1, 2, -1, 3]))
    x = net.op("Reshape", net.op("Transpose", x, perm=[0, 3, 1, 2]), net.constant([1, 2, 3, -1]))
    x = net.op("Reshape", net.op("Transpose", x, perm=[0, 2, 3, 1]), net.constant([1, 3, -1]))
    model = net.model(net.pad(x, 1, -1))
    runtime, zeros = network(model), np.zeros((1, 2, 12), np.float32)
    read = []
    for at in range(12):
        probe = zeros.copy()
        probe[0, :, at] = (1, 10)
        read.append(bool(runtime(probe).any()))
    assert read == [True] * 11 + [False]
    assert rfgraph.stream(model).dropped == 1


@pytest.mark.parametrize(
    ("model", "rate", "furthest"),
    [(frames(1), 6, -2), (frames(0), 6, 4), (sum_cut_off(), 1, 1)],
)
def test_the_look_ahead_of_units_that_differ_is_what_they_read(model, rate, furthest):
    assert ahead(network(model), image_of((1, 1, 60)), rate) == furthest
    assert rfgraph.stream(model).lookahead == furthest


def emits(net, x, whole, chunk, units, delay, first):
    """Whether all that has arrived after each chunk from `first` on is enough for its units."""
    for number in range(first, x.shape[2] // chunk - 1):
        seen = net(x[:, :, : (number + 1) * chunk])
        end = max((number + 1) * units - delay, 0)
        if seen.shape[2] < end or not np.array_equal(seen[:, :, :end], whole[:, :, :end]):
            return False
    return True


def check_stream(model, draw):
    """Simulate a random stream with the delay that it has, and with one unit less."""
    found = rfgraph.stream(model)
    assert found.breakers == ()
    per, step = found.period
    chunk = step * draw(1, 3)
    (only,) = rfgraph.stream(model, chunk=chunk).chunks
    units = chunk // step * per
    lengths = rfgraph.tiles(model).axes[2].lengths
    if 0 not in lengths.residues:
        return
    reach = lengths.least + only.delay * step + (only.context or 0)
    first = -(-reach // chunk)
    less = True
    for seed in range(4):
        x = image_of((1, 1, (first + 5) * chunk), seed)
        net = network(whole_numbers(model, seed))
        whole = net(x)
        begin = -(-lengths.least // chunk)
        assert emits(net, x, whole, chunk, units, only.delay, begin)
        less = less and emits(net, x, whole, chunk, units, only.delay - 1, begin)
        recomputed(net, x, whole, only, units, first, lengths)
    # A maximum, or a position repeated, may have the value that it will have by chance.
    # A part too short for what is turned back at its start is refused, not another.
    hidden = {"MaxPool", "Resize"}.intersection(node.op_type for node in model.graph.node)
    hidden |= {"Pad"} if found.geometry.axes[0].mirrored[0] else set()
    assert only.delay == 0 or not less or hidden


def recomputed(net, x, whole, chunk, units, first, lengths):
    """Compare what is computed from the context and the newest chunk only."""
    size = chunk.chunk
    if chunk.context + size < lengths.least:
        return
    for number in range(first + 1, first + 4):
        begin = number * size - chunk.context
        made = net(x[:, :, begin : (number + 1) * size])
        shift = begin * units // size
        low, high = number * units - chunk.delay, (number + 1) * units - chunk.delay
        np.testing.assert_array_equal(made[:, :, low - shift : high - shift], whole[:, :, low:high])


def turned_back():
    """Windows of 3, side by side, over what three positions turned back stand before."""
    net = nets.line()
    return net.model(net.conv(net.pad("x", 3, 0, "reflect"), 3, s=3, pads=0))


def doubled_and_pooled():
    """Only odd lengths fit: three units for each position of a pool of 2, put up again."""
    net = nets.line()
    x = net.op("ConvTranspose", "x", net.weight(1, 1, 5), strides=[3], output_padding=[1])
    low = net.up(net.op("MaxPool", x, kernel_shape=[2], strides=[2]), 2, 2)
    return net.model(net.conv(net.concat(x, low), 9))


@pytest.mark.parametrize(
    ("model", "rate"), [(turned_back(), 3), (doubled_and_pooled(), Fraction(1, 3))]
)
def test_the_look_ahead_of_the_first_units_counts(model, rate):
    """Of an odd length as well, which none that is probed first is."""
    found = rfgraph.stream(model)
    furthest = ahead(network(model), image_of((1, 1, 41)), rate)
    assert furthest > 0
    assert found.causal is False
    assert found.lookahead == furthest


@pytest.mark.parametrize("seed", range(4))
def test_units_that_are_turned_back_at_the_start_come_late(seed):
    model = whole_numbers(turned_back(), seed)
    found = rfgraph.stream(model, chunk=3)
    x, net = image_of((1, 1, 48), seed), network(model)
    assert found.chunks[0].delay == 1
    assert emits(net, x, net(x), 3, 1, 1, 1)


@given(st.data())
@settings(max_examples=25)
def test_a_stream_lags_by_its_delay_and_no_less(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    seed = draw(0, 99)
    check_stream(local_model(1, seed, draw), draw)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_300_random_streams(seed):
    draw = random.Random(seed).randint
    check_stream(local_model(1, seed, draw), draw)


def recurrent(direction):
    """A convolution over [1, 2, time], then a recurrence over [time, 1, 2] of 3 hidden values."""
    net = nets.line(channels=2)
    x = net.op("Transpose", net.conv("x", 3, out=2, pads=(2, 0)), perm=[2, 0, 1])
    ways = 2 if direction == "bidirectional" else 1
    weights = [net.weight(ways, 12, 2), net.weight(ways, 12, 3)]
    return net.model(net.op("LSTM", x, *weights, hidden_size=3, direction=direction))


def test_a_forward_recurrence_streams_with_its_state():
    found = rfgraph.stream(recurrent("forward"))
    assert (found.causal, found.lookahead, found.breakers) == (True, 0, ())
    assert {(chunk.delay, chunk.context) for chunk in found.chunks} == {(0, None)}
    # 2 positions of 2 channels, then hidden and cell state of 3, as 4 bytes each.
    assert [(cache.values, cache.bytes) for cache in found.caches] == [(4, 16), (6, 24)]
    assert found.state_bytes == 40


@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_a_recurrence_from_the_end_does_not(direction):
    found = rfgraph.stream(recurrent(direction))
    assert (found.causal, found.lookahead, found.chunks) == (False, None, ())
    assert {(item.op_type, item.why) for item in found.breakers} == {
        ("LSTM", "reads all that follows")
    }


def test_what_is_not_known_is_neither_causal_nor_not():
    net = nets.line()
    model = net.model(net.op("Unheard", net.conv("x", 3)))
    found = rfgraph.stream(model, axis=2)
    assert (found.causal, found.lookahead) == (None, None)
    (breaker,) = found.breakers
    assert "operator 'Unheard' has no rule" in breaker.why


def test_a_cache_in_front_streams():
    """The last 2 positions of the chunk before are an input, in front of a valid convolution."""
    net = nets.line()
    joined = net.op("Concat", "cache", "x", axis=2)
    net.channels[joined] = 1
    model = net.model(net.conv(joined, 3, pads=0))
    model.graph.input.append(helper.make_tensor_value_info("cache", TensorProto.FLOAT, [1, 1, 2]))
    found = rfgraph.stream(model, input="x", axis=2)
    assert (found.causal, found.lookahead, found.breakers) == (True, 0, ())
    assert {chunk.delay for chunk in found.chunks} == {0}


def test_a_denoiser_of_one_axis_says_milliseconds():
    """Down and up by 4 three times at 16 kHz: 4 valid taps each, so 3 * (1 + 4 + 16) ahead."""
    net = nets.line()
    x, y = "x", None
    for _ in range(3):
        x = net.conv(x, 4, s=4, pads=0)
    y = x
    for _ in range(3):
        y = net.up(y, 4, 4)
    found = rfgraph.stream(net.model(y), rate=16000, chunk=64)
    assert (found.period, found.lookahead) == ((64, 64), 63)
    (chunk,) = found.chunks
    assert (chunk.delay, chunk.context) == (0, 0)
    assert (chunk.latency.best, chunk.latency.worst) == (0, 63)
    assert chunk.latency.ms == (0, Fraction(63, 16))


# -- attention in chunks ---------------------------------------------------------------------------


def replaced(x, first, end, seed=9):
    """Return an input of which only [first, end) is kept, and all else is other noise."""
    made = np.random.default_rng(seed).normal(size=x.shape).astype(np.float32)
    made[:, :, first:end] = x[:, :, first:end]
    return made


@pytest.mark.parametrize(
    ("chunk", "left", "ahead", "lookahead", "delay"),
    [
        # The published number of chunks of 20 tokens of 4 frames.
        (20, 0, 0, 79, 0),
        (5, 1, 0, 19, 0),
        (5, None, 0, 19, 0),
        # A window that reaches a token ahead: that of the next chunk attends to all of its own.
        (5, 0, 1, None, None),
        (1, 10, 0, 3, 0),
        (1, None, 0, 3, 0),
    ],
)
def test_attention_in_chunks_streams(chunk, left, ahead, lookahead, delay):
    """By a run of the file, whose length the mask fixes, on what has arrived and noise."""
    frames = 4 * max(16 * chunk, 60)
    model = nets.chunked(frames, chunk, left, ahead=ahead)
    found = rfgraph.stream(rfgraph.load(model, masks=True))
    (least, *_) = found.chunks
    assert found.breakers == ()
    assert lookahead is None or (found.lookahead, least.delay) == (lookahead, delay)
    assert found.causal == (ahead == 0)
    net, x = network(model), np.random.default_rng(0).normal(size=(1, 2, frames)).astype(np.float32)
    whole = net(x)
    units, more = least.chunk // 4, 1
    for number in (frames // least.chunk - 4, frames // least.chunk - 3):
        end = (number + 1) * least.chunk
        last = (number + 1) * units - least.delay
        made = net(replaced(x, 0, end))
        np.testing.assert_array_equal(made[:, :, :last], whole[:, :, :last])
        more = min(more, np.abs(made - whole)[:, :, last].max())
        if least.context is not None:
            first = max(last - units, 0)
            kept = number * least.chunk - least.context
            made = net(replaced(x, kept, end))
            np.testing.assert_array_equal(made[:, :, first:last], whole[:, :, first:last])
            made = net(replaced(x, kept + least.chunk, end))
            assert not np.array_equal(made[:, :, first:last], whole[:, :, first:last])
    assert more > 0
    assert (least.context is None) == (left is None)


def test_attention_without_a_mask_is_named_and_nothing_else():
    model = nets.chunked(160, None)
    found = rfgraph.stream(rfgraph.load(model, masks=True))
    assert {item.op_type for item in found.breakers} == {"MatMul"}
    assert {item.why for item in found.breakers} == {"reads the whole axis"}


def test_what_masked_attention_keeps_is_not_known():
    found = rfgraph.stream(rfgraph.load(nets.chunked(320, 5), masks=True))
    assert found.state_bytes is None
    assert {cache.values for cache in found.caches if "matmul" in cache.node} == {None}


def test_a_band_of_attention_keeps_its_keys_and_values():
    """Ten tokens back, of 2 values each."""
    found = rfgraph.stream(rfgraph.load(nets.chunked(320, 1, 10, layers=1), masks=True))
    first = next(cache for cache in found.caches if "matmul" in cache.node)
    assert first.values == 10 * 2


def test_a_mask_that_a_graph_computes_is_the_same_at_other_lengths():
    """An export whose length is open: the mask is made for each."""
    path = FIXTURES / "exports" / "attending_ts_dynamic.onnx"
    found = rfgraph.stream(rfgraph.load(str(path), masks=True))
    assert (found.breakers, found.causal, found.lookahead) == ((), True, 1)
    assert {(chunk.delay, chunk.context) for chunk in found.chunks} == {(0, None)}


def test_units_at_the_start_are_told_from_those_that_follow():
    """Of windows of 3 behind three positions turned back, the first alone reads ahead: 1 to 3."""
    found = rfgraph.stream(turned_back(), chunk=3)
    assert (found.start.units, found.start.delays, found.chunks[0].delay) == (1, (0,), 1)
    assert "Units up to 0 read further ahead than those that follow, none of which" in verdict(
        found
    )
    assert found.to_dict()["start"] == {"units": 1, "delays": [0]}
    assert rfgraph.stream(conv((2, 2))).start is None


def test_a_start_too_large_for_tables_is_not_known(monkeypatch):
    def refuse(*_):
        raise BoundError("too large")

    monkeypatch.setattr(streaming, "clipped_tables", refuse)
    found = rfgraph.stream(turned_back())
    assert (found.causal, found.lookahead, found.chunks, found.start) == (None, None, (), None)
    assert verdict(found).startswith("Not known whether it waits")


def test_a_length_that_is_bound_short_says_what_longer_ones_do():
    """One position has no unit away from the ends; the file leaves the length open."""
    short = rfgraph.load(doubled_and_pooled(), input_shapes={"x": (1, 1, 1)})
    assert rfgraph.stream(short).causal is False
