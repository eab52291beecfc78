"""Arguments of the wrong type are one line that says what is required, whatever the verb."""

import io
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from onnx import TensorProto, helper

import rfgraph

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"

TOY = FIXTURES / "toy_aligned.onnx"
LAST = "layer4.1.relu_out"


@pytest.fixture(scope="module")
def result():
    return rfgraph.analyze(FIXTURES / "resnet18.onnx")


def says(call, *words):
    with pytest.raises(rfgraph.UsageError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) <= 300
    for word in words:
        assert word in text


def scalar_input(kind):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "n"])
    n = helper.make_tensor_value_info("n", kind, [])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Identity", ["n"], ["m"])]
    graph = helper.make_graph(nodes, "g", [x, n], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ("x=1,3,224,224", ["input_shapes requires a mapping", "'x=1,3,224,224'"]),
        ((1, 3, 224, 224), ["input_shapes requires a mapping", "a tuple"]),
        (5, ["input_shapes requires a mapping", "5"]),
        ({"x": "1,3"}, ["the shape of input 'x' requires a sequence", "'1,3'"]),
        ({"x": 3}, ["the shape of input 'x' requires a sequence", "3"]),
        ({"x": None}, ["the shape of input 'x' requires a sequence", "None"]),
        ({"x": (1, 3.5)}, ["the shape of input 'x' requires an integer", "3.5"]),
        ({"x": (1, "n")}, ["the shape of input 'x' requires an integer", "'n'"]),
        ({"x": {0: 1}}, ["the shape of input 'x' requires a sequence", "a dict"]),
        ({0: (1, 3)}, ["input_shapes requires a name", "0"]),
        ({"\x1b[31m": 3}, [r"'\x1b[31m'"]),
    ],
)
def test_input_shapes(shapes, words):
    says(lambda: rfgraph.load(TOY, input_shapes=shapes), *words)
    says(lambda: rfgraph.analyze(TOY, input_shapes=shapes), *words)


def test_lengths_may_be_of_any_integral_type():
    shape = np.array([1, 1, 12])
    model = rfgraph.load(scalar_input(TensorProto.INT64), input_shapes={"x": shape})
    assert model.inputs[0].shape == (1, 1, 12)
    assert {type(length) for length in model.inputs[0].shape} == {int}


class Failing:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("on\nanother device")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (16000, ["input_values requires a mapping", "16000"]),
        ("n=16000", ["input_values requires a mapping"]),
        ({3: 16000}, ["input_values requires a name", "3"]),
        ({"n": "16000"}, ["the value of input 'n' requires numbers", "<U5"]),
        ({"n": None}, ["the value of input 'n' requires numbers", "object"]),
        ({"n": [[1], [2, 3]]}, ["the value of input 'n' is no array"]),
        ({"n": Failing()}, ["the value of input 'n' is no array", "on another device"]),
        ({"n": 2.5}, ["the value of input 'n' requires int64, found other numbers"]),
        ({"n": float("nan")}, ["the value of input 'n' requires int64"]),
        ({"n": 1j}, ["the value of input 'n' requires numbers", "complex128"]),
    ],
)
def test_input_values(values, words):
    proto = scalar_input(TensorProto.INT64)
    says(lambda: rfgraph.load(proto, input_values=values), *words)


@pytest.mark.parametrize(
    ("kind", "value"), [(TensorProto.UINT8, -1), (TensorProto.INT8, 300), (TensorProto.BOOL, 2)]
)
def test_a_value_that_its_type_cannot_hold(kind, value):
    proto = scalar_input(kind)
    says(lambda: rfgraph.load(proto, input_values={"n": value}), "the value of input 'n' requires")


@pytest.mark.parametrize("value", [3, 3.0, True, np.float32(3), np.array([3])])
def test_a_value_that_its_type_can_hold(value):
    assert rfgraph.load(scalar_input(TensorProto.INT64), input_values={"n": value})


@pytest.mark.parametrize("source", [None, 3, 2.5, ["m.onnx"], {}, (TOY,), TensorProto()])
@pytest.mark.parametrize("verb", [rfgraph.load, rfgraph.analyze, rfgraph.path_histogram])
def test_what_is_no_model(source, verb):
    says(lambda: verb(source), "a model is a path, bytes, a file object or a ModelProto, not ")


def test_a_module_is_told_how_to_become_a_model():
    class Module:
        def state_dict(self):
            return {}

    says(lambda: rfgraph.load(Module()), "a Module", "torch.onnx.export")


def test_a_model_may_still_be_bytes_a_path_or_a_file():
    data = TOY.read_bytes()
    for source in (str(TOY), TOY, data, io.BytesIO(data)):
        assert rfgraph.load(source).nodes == rfgraph.load(TOY).nodes
    with pytest.raises(rfgraph.ModelError, match="no such file"):
        rfgraph.load(PurePosixPath("nowhere.onnx"))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (slice(None), ["the index requires a sequence", "a slice"]),
        ((0, 0, slice("a", 3), 3), ["the range on axis 2", "integer", "'a'"]),
        ("0,*,3,3", ["the index requires a sequence", "'0,*,3,3'"]),
        (3, ["the index requires a sequence", "3"]),
        (None, ["the index requires a sequence", "None"]),
        ((0, 0, 3.0, 3), ["axis 2", "3.0"]),
        ((0, "*", 3, 3), ["axis 1", "'*'"]),
        ((0, 0, [1], 3), ["axis 2", "a list"]),
        ({0: 1}, ["the index requires a sequence", "a dict"]),
    ],
)
def test_indices(result, index, words):
    says(lambda: rfgraph.unit(result, LAST, index), *words)


def test_an_index_may_be_of_any_integral_type(result):
    index = np.array([0, 0, -1, 3])
    unit = rfgraph.unit(result, LAST, index)
    assert unit == rfgraph.unit(result, LAST, (0, 0, -1, 3))
    assert {type(at) for at in unit.index} == {int}


WRONG_NAMES = [3, 2.5, ["fc_out"], ("fc_out",), b"fc_out", object()]


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_names(result, name):
    says(lambda: result.receptive_field(name), "tensor requires a name, found")
    says(lambda: result.receptive_field("fc_out", input=name), "input requires a name, found")
    says(lambda: rfgraph.unit(result, name, (0, 0)), "tensor requires a name, found")
    says(lambda: rfgraph.path_histogram(result, tensor=name), "tensor requires a name, found")
    says(lambda: rfgraph.paths(result, name), "tensor requires a name, found")
    says(lambda: rfgraph.path_histogram(result, through=[name]), "through requires a name, found")
    says(lambda: result.before_global(name), "tensor requires a name, found")


def test_one_name_where_several_are_meant(result):
    says(lambda: list(result.receptive_fields("fc_out")), "tensors requires a sequence of names")
    says(lambda: result.to_dict("fc_out"), "tensors requires a sequence of names", "'fc_out'")
    for option in ("through", "avoiding"):
        says(lambda o=option: rfgraph.path_histogram(result, **{o: "fc"}), option, "a sequence")
        says(lambda o=option: rfgraph.paths(result, **{o: 3}), option, "a sequence")


def test_a_name_that_is_not_there_is_not_left_out(result):
    says(
        lambda: list(result.receptive_fields(["fc_out", "fx_out"])), "no tensor 'fx_out'", "fc_out"
    )
    says(lambda: result.before_global("fx_out"), "no tensor 'fx_out'")


@pytest.mark.parametrize("word", ["route", 3, None, ["routes"]])
def test_words(result, word):
    says(lambda: rfgraph.path_histogram(result, count=word), "count requires 'routes' or 'paths'")
    says(lambda: rfgraph.paths(result, order=word), "order requires 'largest' or 'smallest'")


@pytest.mark.parametrize("bound", ["1000", 1.5, None])
def test_bounds(result, bound):
    says(lambda: rfgraph.path_histogram(result, max_patterns=bound), "max_patterns requires an int")


@pytest.mark.parametrize(
    "share", ["0.5", None, 2, -0.1, float("nan"), float("inf"), Decimal("nan"), 1j]
)
def test_shares(result, share):
    axis = rfgraph.path_histogram(result, tensor=LAST).axes[2]
    says(lambda: axis.quantile(share), "a quantile requires a share from 0 to 1, found")


@pytest.mark.parametrize("half", [0.5, Fraction(1, 2), Decimal("0.5"), np.float32(0.5)])
def test_a_share_may_be_of_any_real_type(result, half):
    axis = rfgraph.path_histogram(result, tensor=LAST).axes[2]
    assert axis.quantile(half) == axis.median == 219


@pytest.mark.parametrize("value", [3, None, object(), slice(None)])
@pytest.mark.parametrize("setting", ["select", "ignore", "inputs", "tensors"])
def test_settings_that_are_sequences(result, setting, value):
    if (setting, value) != ("select", None):
        says(lambda: rfgraph.check(result, **{setting: value}), setting, "requires a sequence")
        says(lambda: rfgraph.make_settings(**{setting: value}), setting, "requires a sequence")


def test_bindings_of_settings():
    for value in ("x=1", (1, 3), 3):
        says(lambda v=value: rfgraph.make_settings(input_shapes=v), "input_shapes requires a mapp")
        says(lambda v=value: rfgraph.make_settings(input_values=v), "input_values requires a mapp")
    says(lambda: rfgraph.make_settings(input_shapes={"x": 3}), "the shape of input 'x' requires")


@pytest.mark.parametrize("files", [str(TOY), None, 3, TOY])
def test_many_models_are_a_sequence(files):
    says(lambda: rfgraph.check_many(files), "models requires a sequence, found")


@pytest.mark.parametrize("settings", ["min", 3, [None], [], {}, [rfgraph.make_settings()] * 2])
def test_settings_of_many_models(settings):
    says(lambda: rfgraph.check_many([TOY], settings), "settings requires a")


# -- anything at all ------------------------------------------------------------------------------

ANYTHING = [
    *(3, 2.5, -1, None, True, float("nan"), "zzz", b"x", object(), slice(None)),
    *(["a"], ("a",), [1], [None], [], {"a": 1}, {1: 2}, {"x": "y"}, {}),
]
TOY_RESULT = rfgraph.analyze(TOY)
LAST_OF_TOY = TOY_RESULT.model.outputs[0]
CALLS = {
    "check": lambda **given: rfgraph.check(TOY_RESULT, **given),
    "make_settings": rfgraph.make_settings,
    "check_many": lambda **given: rfgraph.check_many(**{"models": [TOY], **given}),
    "path_histogram": lambda **given: rfgraph.path_histogram(TOY_RESULT, **given),
    "paths": lambda **given: rfgraph.paths(TOY_RESULT, **given),
    "unit": lambda tensor=LAST_OF_TOY, index=(0, 0, 0, 0), input=None: rfgraph.unit(
        TOY_RESULT, tensor, index, input
    ),
    "receptive_field": TOY_RESULT.receptive_field,
    "receptive_fields": lambda **given: list(TOY_RESULT.receptive_fields(**given)),
    "to_dict": TOY_RESULT.to_dict,
    "before_global": lambda output=LAST_OF_TOY, **given: TOY_RESULT.before_global(output, **given),
    "load": lambda source=TOY, **given: rfgraph.load(source, **given),
    "simple_graph": rfgraph.simple_graph,
}
ARGUMENTS = {
    "check": "min_rf stat at min_covering select ignore inputs count baseline tensors",
    "make_settings": "min_rf stat select input_shapes input_values",
    "check_many": "models settings",
    "path_histogram": "tensor input count through avoiding max_patterns",
    "paths": "tensor input count order through avoiding",
    "unit": "tensor index input",
    "receptive_field": "tensor input",
    "receptive_fields": "tensors",
    "to_dict": "tensors",
    "before_global": "output input",
    "load": "source input_shapes input_values rules",
    "simple_graph": "model",
}


def refusal(call, name, value):
    """The error of a call, None where it is answered; any other exception fails the test."""
    try:
        call(**{name: value})
    except rfgraph.RfgraphError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, names in ARGUMENTS.items() for name in names.split()]
)
def test_whatever_is_passed_the_error_is_ours(call, name):
    found = [refusal(CALLS[call], name, value) for value in ANYTHING]
    said = [text for text in found if text is not None]
    assert said
    assert all("\n" not in text for text in said)
