"""Named dimensions: bound by name, tied by arithmetic, and what contradicts."""

import onnx.parser
import pytest

import rfgraph

HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'


def model(**dims):
    """Return a model that passes inputs of these dims on."""
    inputs = []
    for name, shape in dims.items():
        inputs.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    nodes = [onnx.helper.make_node("Relu", [name], [f"{name}_out"]) for name in dims]
    outputs = [
        onnx.helper.make_tensor_value_info(f"{name}_out", onnx.TensorProto.FLOAT, None)
        for name in dims
    ]
    graph = onnx.helper.make_graph(nodes, "g", inputs, outputs)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])


TIED = model(a=["N", "2*t"], b=["N", "t"], c=["N", "(t + 1)//2"])


def shapes(proto, **binding):
    return {item.name: item.shape for item in rfgraph.load(proto, **binding).inputs}


def probed(proto, **binding):
    return {item.name: item.probed for item in rfgraph.load(proto, **binding).inputs}


def test_a_symbol_is_bound_in_every_input_that_has_it():
    assert shapes(TIED, dims={"t": 7, "N": 2}) == {"a": (2, 14), "b": (2, 7), "c": (2, 4)}
    assert probed(TIED, dims={"t": 7}) == {"a": {0: 1}, "b": {0: 1}, "c": {0: 1}}


def test_what_is_not_bound_obeys_the_arithmetic():
    assert shapes(TIED) == {"a": (1, 512), "b": (1, 256), "c": (1, 128)}
    (a, b, _) = rfgraph.load(TIED).inputs
    assert (a.probed, a.reasons, b.reasons) == ({0: 1, 1: 512}, {1: "t is 256"}, {})


def test_an_input_binds_what_its_arithmetic_leaves():
    assert shapes(TIED, input_shapes={"a": (3, 20)}) == {"a": (3, 20), "b": (3, 10), "c": (3, 5)}
    assert probed(TIED, input_shapes={"a": (3, 20)}) == {"a": {}, "b": {}, "c": {}}
    assert shapes(TIED, dims={"2*t": 20}) == {"a": (1, 20), "b": (1, 10), "c": (1, 5)}


def test_of_several_lengths_that_fit_the_least_is_probed():
    (a, b, c) = rfgraph.load(TIED, input_shapes={"c": (1, 5)}).inputs
    assert (a.shape, b.shape, c.shape) == ((1, 18), (1, 9), (1, 5))
    assert (a.probed, b.probed, c.probed) == ({1: 18}, {1: 9}, {})
    assert b.reasons == {1: "the least for which (t + 1)//2 is 5"}


def test_symbols_that_stand_in_arithmetic_only_keep_lengths_near_the_probe():
    proto = model(x=["N", "32*h", "16*w - 8"])
    (found,) = rfgraph.load(proto).inputs
    assert (found.shape, found.probed) == ((1, 256, 120), {0: 1, 1: 256, 2: 120})
    assert found.reasons == {1: "h is 8", 2: "w is 8"}
    assert shapes(proto, dims={"w": 3}) == {"x": (1, 256, 40)}
    assert shapes(model(x=["N", "600*h"])) == {"x": (1, 256 * 600)}


def test_a_symbol_of_several_dimensions_is_solved_once_the_others_are_known():
    proto = model(x=["N", "s + t"], y=["s", "t", 3])
    assert shapes(proto, dims={"s": 4}, input_shapes={"x": (1, 9)})["y"] == (4, 5, 3)
    with pytest.raises(rfgraph.UsageError, match=r"leaves several dimensions open: give 't'$"):
        rfgraph.load(proto, input_shapes={"x": (1, 9)})


def test_a_name_that_only_looks_like_arithmetic_is_a_name():
    assert shapes(model(x=["batch-size", "a b", "2d"]), dims={"batch-size": 4, "2d": 6}) == {
        "x": (4, 256, 6)
    }
    # Here both stand alone.
    proto = model(x=["N", "l-m"], y=["l", "m", 2])
    assert shapes(proto, dims={"l": 9, "m": 4}) == {"x": (1, 5), "y": (9, 4, 2)}


def test_a_value_that_does_not_grow_is_found_one_by_one():
    proto = model(x=["N", "Mod(s, 7)"], y=["N", "s"])
    assert shapes(proto, input_shapes={"x": (1, 5)})["y"] == (1, 5)
    assert shapes(model(x=["N", "9 - s"], y=["N", "s"]), input_shapes={"x": (1, 2)})["y"] == (1, 7)


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ({"dims": {"T": 4}}, "no dimension 'T'; the dimensions are 'N', 't'"),
        ({"dims": {"tt": 4}}, "no dimension 'tt' (did you mean 't'?); the dimensions are 'N', 't'"),
        ({"dims": {"t": 0}}, "dimension 't' requires a length from 1 to 2^62, found 0"),
        ({"dims": {"2*t": 7}}, "dimension '2*t' is bound to 7, which no length of 't' gives"),
        (
            {"dims": {"t": 4}, "input_shapes": {"b": (1, 5)}},
            "dimension 't' is bound to 4 and, by input 'b', to 5",
        ),
        (
            {"dims": {"t": 4}, "input_shapes": {"a": (1, 9)}},
            "dimension '2*t' is bound, by input 'a', to 9, but is 8 where 't' is 4",
        ),
        (
            {"input_shapes": {"a": (1, 9)}},
            "dimension '2*t' is bound, by input 'a', to 9, which no length of 't' gives",
        ),
        (
            {"input_shapes": {"a": (1, 8), "c": (1, 9)}},
            "dimension '(t + 1)//2' is bound, by input 'c', to 9, but is 2 where 't' is 4",
        ),
        (
            {"input_shapes": {"a": (2, 8), "c": (1, 2)}},
            "dimension 'N' is bound to 2 and, by input 'c', to 1",
        ),
    ],
)
def test_bindings_that_contradict_the_file_or_each_other(binding, words):
    with pytest.raises(rfgraph.UsageError) as caught:
        rfgraph.load(TIED, **binding)
    assert str(caught.value).endswith(words)
    assert "\n" not in str(caught.value)


def test_a_model_without_named_dimensions_says_so():
    with pytest.raises(rfgraph.UsageError, match="the inputs have no named dimensions"):
        rfgraph.load(model(x=[1, None]), dims={"N": 1})


def test_arithmetic_that_gives_no_length_is_refused():
    with pytest.raises(rfgraph.ModelError) as caught:
        rfgraph.load(model(x=["N", "s - 2000"], y=["N", "s"]))
    assert "dimension 's - 2000' of input 'x' requires a positive length" in str(caught.value)
    shown = shapes(model(x=["N", "s - 300"], y=["N", "s"]))
    assert shown == {"x": (1, 212), "y": (1, 512)}
