"""Random nets with open lengths: what is bound is what onnxruntime accepts, and nothing is refused.

The sample is another one each day; `python -m pytest -m slow tests/onnxfile/test_lengths.py` goes
through 400 nets of each kind, in about 2 minutes.
"""

import datetime
import pickle
import random

import onnx
import pytest

import rfgraph
from onnxfile import lengths
from oracle.perturb import Prober

DAY = datetime.datetime.now(tz=datetime.timezone.utc).toordinal()
SAMPLE = [DAY * 1000 + number for number in range(12)]
FULL = range(400)


def shapes(loaded):
    return {item.name: item.shape for item in loaded.inputs}


def check_arithmetic(seed):
    net = lengths.arithmetic(seed)
    runtime = lengths.Runtime(net.model)
    assert runtime.accepts(shapes(rfgraph.load(net.model)))
    # Bound by the symbol, or by an input whose lengths follow from it.
    by_symbol = rfgraph.load(net.model, dims={"s1": net.lengths["s1"]})
    assert runtime.accepts(shapes(by_symbol))
    assert all(set(item.probed) == {0} for item in by_symbol.inputs)
    item = random.Random(seed).choice(by_symbol.inputs)
    by_input = rfgraph.load(net.model, input_shapes={item.name: item.shape})
    assert runtime.accepts(shapes(by_input))
    contradicting = {item.name: (1, item.shape[1], item.shape[2] + 1)}
    with pytest.raises(rfgraph.UsageError, match="is bound"):
        rfgraph.load(net.model, input_shapes=contradicting, dims={"s1": 4000})


def check_weights(seed):
    net = lengths.weights(seed)
    runtime = lengths.Runtime(net.model)
    (item,) = rfgraph.load(net.model).inputs
    assert runtime.accepts({item.name: item.shape})
    for axis in item.determined:
        around = {*range(1, 64), *(item.shape[axis] * k // 4 for k in range(2, 13))}
        around |= {item.shape[axis] + k for k in range(-4, 5)}
        fitting = {
            n
            for n in around
            if n > 0 and runtime.accepts({item.name: replaced(item.shape, axis, n)})
        }
        assert fitting == {item.shape[axis]}
    return bool(item.determined)


def replaced(shape, axis, length):
    return (*shape[:axis], length, *shape[axis + 1 :])


def check_time_first(seed):
    net, moving = lengths.time_first(seed)
    (item,) = rfgraph.load(net.model).inputs
    assert lengths.Runtime(net.model).accepts({item.name: item.shape})
    given = (net.lengths["T"], item.shape[1])
    (output,) = (value.name for value in net.model.graph.output)
    prober = Prober(net.model, [output], shapes={item.name: given})
    seen = prober.elements(output, item.name).any(axis=(1, 3))
    diagonal = seen.shape[0] == seen.shape[1] and bool(
        (seen.nonzero()[0] == seen.nonzero()[1]).all()
    )
    assert moving == (not diagonal)
    assert item.probed[0] == (256 if moving else 1)
    result = rfgraph.analyze(net.model, input_shapes={item.name: given})
    assert (0 in result.forms[item.name].spatial_axes) == moving


CHECKS = {"arithmetic": check_arithmetic, "weights": check_weights, "time_first": check_time_first}


@pytest.mark.parametrize("seed", SAMPLE)
@pytest.mark.parametrize("kind", CHECKS)
def test_what_is_bound_is_what_the_runtime_accepts(kind, seed):
    CHECKS[kind](seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKS)
def test_what_is_bound_is_what_the_runtime_accepts_at_length(kind):
    found = []
    for seed in FULL:
        print(kind, "net", seed)
        found.append(CHECKS[kind](seed))
    # Of the weights most leave one length, whatever the rest is.
    assert kind != "weights" or sum(found) > len(FULL) // 2


# -- twice as long ---------------------------------------------------------------------------------


def two_inputs(dim, body):
    """A model of x, [1, T, D], and z, of which one dimension is named `dim`."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
        m (float[1, T, D] x, float[1, K, 3] z) => (float[P, Q, R] y, float[S, U, V] v) {{
        {body}
        v = Relu (z)
    }}"""
    proto = onnx.parser.parse_model(text)
    proto.graph.input[1].type.tensor_type.shape.dim[1].dim_param = dim
    return proto


def test_lengths_that_arithmetic_ties_are_doubled_by_it():
    model = rfgraph.load(two_inputs("2*T + 1", "y = Relu (x)"))
    assert shapes(model) == {"x": (1, 256, 256), "z": (1, 513, 3)}
    longer = pickle.loads(pickle.dumps(model)).longer()
    assert shapes(longer) == {"x": (1, 512, 512), "z": (1, 1025, 3)}


def test_lengths_that_the_file_fixes_are_not_doubled():
    proto = two_inputs("K", "y = MatMul (x, w)")
    proto.graph.initializer.append(onnx.TensorProto(name="w", data_type=1, dims=(138, 25)))
    model = rfgraph.load(proto)
    assert shapes(model)["x"] == (1, 256, 138)
    assert shapes(model.longer()) == {"x": (1, 512, 138), "z": (1, 512, 3)}


def test_what_the_graph_refuses_or_the_file_does_not_give_is_not_doubled():
    fixed = "s = Constant <value_ints: ints = [64, 63]> () y = Reshape (x, s)"
    assert rfgraph.load(two_inputs("K", fixed)).longer() is None
    assert rfgraph.load(two_inputs("300 - T", "y = Relu (x)")).longer is None
    bound = {"x": (1, 7, 8), "z": (1, 5, 3)}
    assert rfgraph.load(two_inputs("K", "y = Relu (x)"), input_shapes=bound).longer is None
