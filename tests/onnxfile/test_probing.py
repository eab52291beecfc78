"""Open dimensions: which lengths are tried, and what is said where none fits."""

import onnx.parser
import pytest

import rfgraph
from rfgraph.onnxfile.building import probing

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


def test_a_graph_that_no_length_fits_says_what_is_open():
    with pytest.raises(rfgraph.ModelError, match=r"no length tried fits .* 'N', 'M': give them by"):
        rfgraph.load(model(BOTH.format(7)))


def test_a_graph_without_open_dimensions_is_refused_at_once():
    text = "m (float[1, 9] x) => (float[A, B] y) <int64[2] s = {2, 4}> { y = Reshape (x, s) }"
    with pytest.raises(rfgraph.ModelError, match=r"\[1, 9\] cannot be reshaped to \[2, 4\]$"):
        rfgraph.load(model(text))


def test_the_search_is_bounded_by_what_it_builds():
    calls = []

    def build(lengths):
        calls.append(lengths)
        return rfgraph.ModelError(f"no to {sorted(lengths.values())}"), 9_000

    with pytest.raises(rfgraph.ModelError, match="no length tried"):
        probing.Search(build, {"A": False, ("x", 3): False}).run()
    assert len(calls) == 4
    calls.clear()
    with pytest.raises(rfgraph.ModelError, match="'x:3'"):
        probing.Search(lambda lengths: (build(lengths)[0], 1), {("x", 3): False}).run()
    assert len(calls) <= probing.MAX_TRIALS
