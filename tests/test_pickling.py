"""Every public value can be pickled, copied, and handed to another process."""

import copy
import itertools
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from onnx import helper

import rfgraph
from reports import models

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
RESNET = FIXTURES / "resnet18.onnx"
UNET = FIXTURES / "unet_nearest.onnx"
LAST = "layer4.1.relu_out"


def values():
    result = rfgraph.analyze(RESNET)
    yield "model", result.model
    yield "result before it was asked", rfgraph.analyze(RESNET)
    field = result.receptive_field(LAST)
    yield "result after it was asked", result
    yield "field", field
    yield "axis", field.axes[2]
    histogram = rfgraph.path_histogram(result, tensor=LAST, joint=True)
    yield "histogram", histogram
    yield "histogram of an axis", histogram.axes[2]
    yield "path", next(rfgraph.paths(result, LAST))
    unit = rfgraph.unit(result, LAST, (0, None, 3, 3))
    yield "unit", unit
    yield "region", unit.regions[0]
    yield "output", result.outputs[0]
    yield "input", result.model.inputs[0]
    yield "finding", rfgraph.check(result)[0]
    settings = rfgraph.make_settings(stat="union")
    yield "settings", settings
    yield "tiles", rfgraph.tiles(UNET, tile=512, image=1024)
    yield "stream", rfgraph.stream(FIXTURES / "tcn.onnx", rate=16000)
    yield "report", next(iter(rfgraph.check_many([RESNET], settings)))
    yield "relation", next(iter(result.graph.edges(data="relation")))[2]
    yield "operator", result.graph.nodes[LAST]["producer"]
    yield "error", rfgraph.UsageError("one line")


def shown(value):
    """All that a value says of itself."""
    html, entry = getattr(value, "_repr_html_", str), getattr(value, "to_dict", dict)
    return repr(value), html(), entry()


NAMES = [
    *("model", "result before it was asked", "result after it was asked", "field", "axis"),
    *("histogram", "histogram of an axis", "path", "unit", "region", "output", "input"),
    *("finding", "settings", "tiles", "stream", "report", "relation", "operator", "error"),
]


@pytest.fixture(scope="module")
def every():
    return dict(values())


def test_every_value_is_tried(every):
    assert list(every) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "again",
    [
        *(lambda value, p=p: pickle.loads(pickle.dumps(value, p)) for p in range(2, 6)),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_a_copy_says_the_same(every, name, again):
    value = every[name]
    made = again(value)
    assert type(made) is type(value)
    assert shown(made) == shown(value)


def test_a_copied_result_measures_anew():
    """What was measured is known by places in memory, which mean others in another process."""
    result = rfgraph.analyze(RESNET)
    before = [field.to_dict() for field in result.receptive_fields()]
    for made in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert not made._meters
        assert [field.to_dict() for field in made.receptive_fields()] == before


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_histograms_come_from_other_processes(method):
    files = [RESNET, FIXTURES / "highres3dnet.onnx"]
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        resnet, highres = pool.map(rfgraph.path_histogram, files)
    assert (highres.total, dict(highres.axes[2].counts)[87]) == (512, 1)
    assert (resnet.total, resnet.axes[2].median) == (256, 219)
    assert "<td>219</td>" in resnet._repr_html_()


def test_an_error_comes_from_another_process(tmp_path):
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        pytest.raises(rfgraph.ModelError, match="no such file"),
    ):
        list(pool.map(rfgraph.analyze, [tmp_path / "none.onnx"]))


def test_a_deep_network_is_pickled_without_recursion():
    names = ["x", *(f"t{k}" for k in range(3000))]
    nodes = [
        helper.make_node("Conv", [before, "w"], [after], pads=[1, 1])
        for before, after in itertools.pairwise(names)
    ]
    net = models.model(nodes, {"x": [1, 1, 64]}, {names[-1]: None}, {"w": models.weights(1, 1, 3)})
    result = rfgraph.analyze(net)
    for made in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert made.receptive_field().axes[2].size == 1 + 2 * 3000


def test_a_mapping_of_a_result_cannot_be_changed(every):
    axes = every["field"].axes
    with pytest.raises(TypeError):
        axes[2] = None
    assert axes == dict(axes)
    assert repr(axes) == repr(dict(axes))
    assert len(axes) == 4
    assert 4 not in axes


def elementwise(node):
    """A rule of one's own: each output reads its own position of the input."""
    shape = node.shape(0)
    return rfgraph.Outcome((shape,), (rfgraph.Link(0, (rfgraph.Pointwise(shape),)),))


def test_a_copy_of_a_model_builds_itself_at_other_lengths_too():
    net = helper.make_node("Own", ["x"], ["y"], domain="my.ops")
    proto = models.model([net], {"x": [1, 1, 40]}, {"y": None})
    proto.opset_import.append(helper.make_opsetid("my.ops", 1))
    own = rfgraph.load(proto, rules={("my.ops", "Own"): elementwise})
    with UNET.open("rb") as file:
        loaded = [rfgraph.load(file), rfgraph.load(UNET, masks=True), own]
        copies = pickle.loads(pickle.dumps(loaded))
    for model, shape in zip(copies, [(1, 1, 96, 96), (1, 1, 96, 96), (1, 1, 50)], strict=True):
        made = model.at({model.inputs[0].name: shape})
        assert made.inputs[0].shape == shape
        assert made.graph.nodes[made.outputs[0]]["shape"][2:] == shape[2:]
