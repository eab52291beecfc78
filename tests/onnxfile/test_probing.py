"""Open dimensions: which lengths are tried, and what is said where none fits."""

from fractions import Fraction

import onnx.parser
import pytest

import rfgraph
from rfgraph.onnxfile.lengths import probing, solving, trials
from rfgraph.onnxfile.lengths.dimensions import Dimensions
from rfgraph.onnxfile.lengths.refusal import Refusal

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
# Halved four times, the height must come out as 3: 48 fits, none of the first lengths does.
HEIGHT = """m (float[N, 3, H, W] x) => (float[N, K, M] y)
    <int64[3] shape = {0, 9, -1}> {
    a = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)
    b = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a)
    c = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (b)
    d = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (c)
    e = Transpose <perm = [0, 1, 2, 3]> (d)
    f = Conv <kernel_shape = [3, 1]> (e, weight)
    y = Reshape (f, shape)
}"""
# Both axes must be found: a batch of the state, and then a length.
BOTH = """m (float[1, N] x, float[1, M] state) => (float[A, B] y)
    <int64[2] one = {{1, 1}}, int64[2] fit = {{{0}, 8}}> {{
    s = Reshape (state, one)
    r = Reshape (x, fit)
    y = Add (r, s)
}}"""


def model(text):
    return onnx.parser.parse_model(HEAD + text)


def shapes(proto, **bound):
    return {item.name: item.shape for item in rfgraph.load(proto, **bound).inputs}


def with_weight(text, dims):
    proto = model(text.replace(", weight)", ", w)"))
    proto.graph.initializer.append(onnx.TensorProto(name="w", data_type=1, dims=dims))
    return proto


def test_a_symbol_has_one_length_wherever_it_stands():
    text = "m (float[S, B, 4] x, float[B, 3] y) => (float[P, Q, R] z) {{ {} }}"
    body = "u = Identity (x) v = Identity (y) z = Identity (u)"
    assert shapes(model(text.format(body))) == {"x": (1, 1, 4), "y": (1, 3)}


def test_a_bound_symbol_is_no_probe_elsewhere():
    text = (
        "m (float[B, 4] x, float[2, B] y) => (float[P, Q] z) { u = Identity (x) z = Identity (y) }"
    )
    loaded = rfgraph.load(model(text), input_shapes={"x": (2, 4)}, input_values={})
    assert [item.probed for item in loaded.inputs] == [{}, {}]
    assert loaded.inputs[1].shape == (2, 2)


def test_the_first_length_that_fits_the_whole_graph_is_taken():
    proto = with_weight(HEIGHT, (9, 3, 3, 1))
    (item,) = rfgraph.load(proto).inputs
    assert item.shape == (1, 3, 256, 256)
    fixed = HEIGHT.replace("{0, 9, -1}", "{1, 9, 16}")
    (item,) = rfgraph.load(with_weight(fixed, (9, 3, 3, 1))).inputs
    assert item.shape == (1, 3, 48, 256)
    assert item.probed == {0: 1, 2: 48, 3: 256}


def test_several_dimensions_are_found_one_after_the_other():
    assert shapes(model(BOTH.format(4))) == {"x": (1, 32), "state": (1, 1)}


def test_a_length_that_is_rarely_tried_is_solved_for():
    assert shapes(model(BOTH.format(7))) == {"x": (1, 56), "state": (1, 1)}


def test_a_graph_that_no_length_fits_says_what_is_open():
    text = BOTH.format(7).replace("y = Add (r, s)", "t = Reshape (x, one) y = Add (t, s)")
    with pytest.raises(rfgraph.ModelError, match=r"no length tried fits .* 'N', 'M': give them by"):
        rfgraph.load(model(text))


def test_a_graph_without_open_dimensions_is_refused_at_once():
    text = "m (float[1, 9] x) => (float[A, B] y) <int64[2] s = {2, 4}> { y = Reshape (x, s) }"
    with pytest.raises(rfgraph.ModelError, match=r"\[1, 9\] cannot be reshaped to \[2, 4\]$"):
        rfgraph.load(model(text))


def open_dimensions(**first):
    return Dimensions(
        {}, {}, {("x", 3) if key == "x" else key: at for key, at in first.items()}, {}, frozenset()
    )


def test_the_search_is_bounded_by_what_it_builds():
    calls = []

    def build(lengths):
        calls.append(lengths)
        return Refusal(rfgraph.ModelError(f"no to {sorted(lengths.values())}"), 9_000)

    with pytest.raises(rfgraph.ModelError, match="no length tried"):
        probing.Search(build, open_dimensions(A=False, x=False)).run()
    assert len(calls) == 4
    calls.clear()

    def cheap(lengths):
        calls.append(lengths)
        found = tuple(lengths.values())
        return Refusal(rfgraph.ModelError(f"no to {found}"), 1, "node", found, (3, 17, 2**40))

    with pytest.raises(rfgraph.ModelError, match="'x:3'"):
        probing.Search(cheap, open_dimensions(x=True, B=False)).run()
    assert len(calls) <= 5 * trials.MAX_TRIALS
    assert all(length <= 2 * solving.MAX_ASKED for lengths in calls for length in lengths.values())


# -- what a node asks for --------------------------------------------------------------------------


def weighted(text, **weights):
    """Return a model with stored tensors of these dims and no payload."""
    proto = model(text)
    for name, dims in weights.items():
        proto.graph.initializer.append(onnx.TensorProto(name=name, data_type=1, dims=dims))
    return proto


def entry(proto):
    return rfgraph.load(proto).inputs[0]


def test_a_length_that_a_weight_leaves_is_fixed():
    proto = weighted("m (float[N, D] x) => (float[P, Q] y) { y = MatMul (x, w) }", w=(138, 25))
    found = entry(proto)
    assert (found.shape, found.probed, found.determined) == ((1, 138), {0: 1}, {1: 138})
    assert found.reasons == {1: "fixed by node that makes 'y' (MatMul)"}


def test_a_recurrence_over_axis_0_fixes_its_features_and_is_probed_along_time():
    text = """m (float[T, D] x) => (float[P, Q, R] y) <int64[1] one = {1}> {
        u = Unsqueeze (x, one)
        y = LSTM <hidden_size = 25> (u, w, r)
    }"""
    found = entry(weighted(text, w=(1, 100, 138), r=(1, 100, 25)))
    assert (found.shape, found.probed, found.determined) == ((256, 138), {0: 256}, {1: 138})
    assert found.reasons[0] == "node 'LSTM_1' (LSTM) moves along it"


def test_a_length_that_may_be_another_is_asked_for_and_not_fixed():
    # An operand of length 1 would be broadcast; of a halved axis two lengths give 9.
    broadcast = weighted("m (float[N, D] x) => (float[P, Q] y) { y = Add (x, w) }", w=(25,))
    found = entry(broadcast)
    assert (found.shape, found.determined) == ((1, 25), {})
    assert found.reasons == {1: "asked for by node that makes 'y' (Add)"}
    halved = """m (float[N, D] x) => (float[P, Q] y)
        <int64[1] s = {0}, int64[1] e = {9999}, int64[1] a = {1}, int64[1] two = {2}> {
        h = Slice (x, s, e, a, two)
        y = MatMul (h, w)
    }"""
    found = entry(weighted(halved, w=(9, 4)))
    assert found.shape in ((1, 17), (1, 18))
    assert found.determined == {}


def test_lengths_whose_product_is_fixed_are_not():
    text = "m (float[N, H, W] x) => (float[P, Q] y) { f = Flatten (x) y = MatMul (f, w) }"
    found = entry(weighted(text, w=(400, 4)))
    assert (found.shape, found.determined) == ((1, 20, 20), {})
    assert entry(weighted(text, w=(192, 4))).shape in ((1, 32, 6), (1, 6, 32))
    found = entry(weighted(text, w=(91, 4)))
    assert sorted(found.shape) == [1, 1, 91]
    assert found.determined == {}
    # 256 x 256 is what is tried first, and is no more fixed.
    assert entry(weighted(text, w=(65536, 4))).determined == {}
    one = "m (float[N, 8, W] x) => (float[P, Q] y) { f = Flatten (x) y = MatMul (f, w) }"
    assert entry(weighted(one, w=(400, 4))).determined == {2: 50}
    assert entry(weighted(one, w=(2048, 4))).determined == {2: 256}


def test_several_lengths_are_fixed_by_a_node_each():
    text = """m (float[N, C, D] x) => (float[P, Q, R] y) {
        a = MatMul (x, v)
        y = Conv (a, w)
    }"""
    found = entry(weighted(text, v=(70, 30), w=(5, 9, 3)))
    assert (found.shape, found.determined) == ((1, 9, 70), {1: 9, 2: 70})


def test_a_large_graph_is_not_built_to_ask_a_question_alone(monkeypatch):
    proto = weighted("m (float[N, D] x) => (float[P, Q] y) { y = MatMul (x, w) }", w=(256, 25))
    assert entry(proto).determined == {1: 256}
    monkeypatch.setattr(trials, "MAX_OPERATORS", 1)
    assert entry(proto).determined == {}


# -- axis 0 ----------------------------------------------------------------------------------------

LOOP = """m (float[T, 4] x) => (float[P, 4] y)
    <int64 zero = {0}, bool go = {1}, float[4] start = {0, 0, 0, 0}> {
    s = Shape (x)
    n = Gather <axis = 0> (s, zero)
    last, y = Loop (n, go, start) <body = body (int64 i, bool c, float[4] h)
        => (bool d, float[4] g, float[4] o) {
        row = Gather <axis = 0> (x, i)
        g = Add (h, row)
        o = Identity (g)
        d = Identity (c)
    }>
}"""
SCAN = """m (float[T, 4] x) => (float[4] last, float[P, 4] y) <float[4] start = {0, 0, 0, 0}> {
    last, y = Scan <num_scan_inputs = 1, body = body (float[4] h, float[4] row)
        => (float[4] g, float[4] o) { g = Add (h, row) o = Identity (g) }> (start, x)
}"""
ALONG = {
    "loop": LOOP,
    "scan": SCAN,
    "first": "m (float[T, 4] x) => (float[4] y) <int64 z = {0}> { y = Gather <axis = 0> (x, z) }",
    "later": """m (float[T, 4] x) => (float[P, 4] y) <int64[1] s = {1}, int64[1] e = {999}> {
        y = Slice (x, s, e)
    }""",
    "padded": """m (float[T, 4] x) => (float[P, 4] y) <int64[4] p = {2, 0, 0, 0}> {
        y = Pad (x, p)
    }""",
    "window": """m (float[T, 4] x) => (float[1, 4, P] y) <int64[1] z = {0}> {
        t = Transpose <perm = [1, 0]> (x)
        u = Unsqueeze (t, z)
        y = MaxPool <kernel_shape = [3]> (u)
    }""",
}
STILL = {
    "batch": "m (float[N, 4] x) => (float[N, 4] y) { y = Relu (x) }",
    "features": """m (float[N, 4] x) => (float[N, 2] y) <int64[1] s = {1}, int64[1] e = {3},
        int64[1] a = {1}> { y = Slice (x, s, e, a) }""",
    "mean": "m (float[N, 4] x) => (float[1, 4] y) { y = ReduceMean <axes = [0]> (x) }",
    "merged": """m (float[N, 9, 4] x) => (float[P, 8, 4] y)
        <int64[2] m = {-1, 4}, int64[3] s = {-1, 9, 4}, int64[1] b = {1}, int64[1] e = {9},
        int64[1] a = {1}, int64[1] z = {0}> {
        q = Reshape (x, m)
        r = Relu (q)
        t = Reshape (r, s)
        u = Unsqueeze (t, z)
        v = Squeeze (u, z)
        y = Slice (v, b, e, a)
    }""",
}


@pytest.mark.parametrize("name", ALONG)
def test_an_axis_0_along_which_an_operator_moves_is_long_and_shown(name):
    result = rfgraph.analyze(model(ALONG[name]))
    (found,) = result.model.inputs
    assert found.shape[0] == 256
    assert found.probed[0] == 256
    assert found.reasons[0].endswith("moves along it")
    assert 0 in result.forms["x"].spatial_axes


@pytest.mark.parametrize("name", STILL)
def test_an_axis_0_along_which_nothing_moves_is_one_position(name):
    result = rfgraph.analyze(model(STILL[name]))
    (found,) = result.model.inputs
    assert found.probed == {0: 1}
    assert found.reasons == {}
    assert 0 not in result.forms["x"].spatial_axes


def test_of_two_inputs_only_the_one_that_is_moved_along_is_long():
    text = """m (float[T, 4] x, float[N, 5] z) => (float[P, 4] y, float[N, 5] v)
        <int64[1] s = {1}, int64[1] e = {999}> { y = Slice (x, s, e) v = Relu (z) }"""
    assert shapes(model(text)) == {"x": (256, 4), "z": (1, 5)}


def test_a_state_whose_batch_is_not_axis_0_goes_with_the_batch():
    text = """m (float[N, 7, 3] x, float[1, M, 5] h) => (float[P, Q, R, S] y) {
        t = Transpose <perm = [1, 0, 2]> (x)
        y = RNN <hidden_size = 5> (t, w, r, , , h)
    }"""
    proto = weighted(text, w=(1, 5, 3), r=(1, 5, 5))
    assert shapes(proto) == {"x": (1, 7, 3), "h": (1, 1, 5)}


def test_a_window_behind_a_reshape_moves_along_axis_0():
    """Three channels of each step of time stand in a row, over which windows of 3 lie."""
    text = """m (float[T, 1, 1] x) => (float[P, Q, R] y) <int64[3] row = {1, 1, -1}> {
        a = Transpose <perm = [1, 2, 0]> (x)
        b = Concat <axis = 1> (a, a, a)
        c = Transpose <perm = [0, 2, 1]> (b)
        d = Reshape (c, row)
        y = MaxPool <kernel_shape = [3]> (d)
    }"""
    (item,) = rfgraph.load(model(text)).inputs
    assert item.shape == (256, 1, 1)
    axis = rfgraph.analyze(model(text)).receptive_field().axes[0]
    # Units 3t to 3t + 2 read t, and t and the next one.
    assert (axis.scope, axis.size, axis.size_min, axis.stride) == ("local", 2, 1, Fraction(1, 3))


def test_lengths_of_every_kind_are_tried_near_the_first():
    """Of three units and three more for a position, twice the half is as long where T is odd."""
    text = """m (float[1, 1, T] x) => (float[P, Q, R] y) <float[3] twice = {1, 1, 2}> {
        a = ConvTranspose <strides = [3], output_padding = [1]> (x, weight)
        b = MaxPool <kernel_shape = [2], strides = [2]> (a)
        c = Resize (b, , twice)
        y = Concat <axis = 1> (a, c)
    }"""
    (item,) = rfgraph.load(with_weight(text, (1, 1, 5))).inputs
    assert item.shape == (1, 1, 255)


def test_a_short_length_that_a_node_asks_for_has_a_longer_one_of_its_kind():
    """What a Concat asks for is got at 1, and at every odd length; 256 times 1 is none."""
    text = """m (float[1, 1, T] x) => (float[P, Q, R] y) <float[3] twice = {1, 1, 2}> {
        a = ConvTranspose <strides = [3]> (x, weight)
        b = MaxPool <kernel_shape = [2]> (a)
        c = MaxPool <kernel_shape = [2], strides = [2]> (b)
        d = Resize (c, , twice)
        y = Concat <axis = 1> (d, b)
    }"""
    (item,) = rfgraph.load(with_weight(text, (1, 1, 3))).inputs
    assert item.shape == (1, 1, 255)
    assert item.reasons[2].startswith("asked for by")
