"""Inputs whose positions stand for the same units are cut together."""

import dataclasses
import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

import rfgraph
from analysis import nets
from analysis.stitched import image_of
from benchmarks import networks
from rfgraph.analysis import together
from rfgraph.cli import main
from rfgraph.domains import movement as moves
from rfgraph.domains.movement import WRAPPED


def line(length="n"):
    net = nets.line(length=length)
    net.channels["b"] = 1
    return net


def with_second(net, output, shape):
    """A model with a second input 'b'."""
    model = net.model(output)
    model.graph.input.append(helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT, shape))
    return model


def summed(*, length="n", second="n", wide=5):
    """A window of 3 over one input, and one of `wide` over another, added."""
    net = line(length)
    return with_second(net, net.op("Add", net.conv("x", 3), net.conv("b", wide)), [1, 1, second])


def runs(model):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda x, b: session.run(None, {"x": x, "b": b})[0]


def halved():
    """A second input that is pooled and enlarged again: the grid is its, not the first one's."""
    net = line()
    lower = net.up(net.halved("b"), 2, 2)
    return with_second(net, net.op("Add", net.conv("x", 3), lower), [1, 1, "n"])


@pytest.mark.parametrize(
    ("model", "halo", "step", "source"),
    [(summed(), 2, 1, "x"), (summed(), 2, 1, "b"), (halved(), 1, 2, "x")],
)
def test_a_plan_cuts_both_and_has_the_halo_of_both(model, halo, step, source):
    plan = rfgraph.tiles(model, input=source, image=64, tile=24)
    (axis,) = plan.axes.values()
    assert (axis.halo, axis.period) == ((halo, halo), (step, step))
    other = "b" if source == "x" else "x"
    assert axis.inputs == ((other, 2),)
    assert axis.to_dict()["cut_with"] == [[other, 2]]
    net, x, b = runs(model), image_of((1, 1, 64)), image_of((1, 1, 64), seed=1)
    whole = net(x, b)
    for less in (0, step):
        same = []
        for tile in plan:
            first, stop = tile.read[2].start, tile.read[2].stop
            cut = min(less, first)
            part = net(x[:, :, first + cut : stop], b[:, :, first + cut : stop])
            made = part[:, :, tile.crop[2].start - cut : tile.crop[2].stop - cut]
            same.append(np.array_equal(made, whole[tile.write]))
        assert all(same) == (not less)


def test_lengths_of_their_own_that_must_agree_are_not_any():
    """Each by itself refuses what the other is not."""
    (lengths,) = rfgraph.tiles(summed(second="m"), input="x").geometry.lengths.values()
    assert (lengths.least, lengths.residues) == (256, None)


def test_an_input_of_other_steps_is_in_the_way():
    net = line()
    model = with_second(net, net.op("Add", net.conv("x", 3), net.up("b", 2, 2)), [1, 1, "half"])
    loaded = rfgraph.load(model, input_shapes={"x": (1, 1, 64), "b": (1, 1, 32)})
    found = rfgraph.tiles(loaded, input="x")
    assert [(item.node, item.op_type) for item in found.blockers] == [("b", "Input")]
    # A stream of frames beside one of samples is one all the same.
    assert rfgraph.stream(loaded, input="x").breakers == ()


def test_a_norm_of_the_other_is_in_the_way():
    net = line()
    ones = net.constant([1.0], np.float32)
    normed = net.op("InstanceNormalization", "b", ones, ones)
    model = with_second(net, net.op("Add", net.conv("x", 3), normed), [1, 1, "n"])
    found = rfgraph.tiles(model, input="x")
    assert [item.op_type for item in found.blockers] == ["InstanceNormalization"]


def test_what_the_other_reads_at_its_own_ends_is_in_the_way():
    """Its tiles go round at their own ends, not at those of the whole."""
    net = line()
    wrapped = net.conv(net.pad("b", 1, 1, "wrap"), 3, pads=0)
    model = with_second(net, net.op("Add", net.conv("x", 3), wrapped), [1, 1, "n"])
    model.opset_import[0].version = 19
    found = rfgraph.tiles(model, input="x")
    assert [(item.op_type, item.why) for item in found.blockers] == [("Pad", WRAPPED)]
    cut = runs(model)
    x, b = image_of((1, 1, 16)), np.arange(16, dtype=np.float32).reshape(1, 1, 16)
    assert not np.array_equal(cut(x[:, :, :12], b[:, :, :12])[:, :, :8], cut(x, b)[:, :, :8])


@pytest.mark.parametrize("kind", ["mean", "cache", "single"])
def test_an_input_that_stays_whole_is_not_cut(kind):
    """Of its mean, of what goes before, or of one position."""
    net = line()
    if kind == "cache":
        made = net.conv(net.op("Concat", "b", "x", axis=2), 3)
    else:
        beside = net.op("GlobalAveragePool", "b") if kind == "mean" else "b"
        made = net.op("Add", net.conv("x", 3), beside)
    model = with_second(net, made, [1, 1, 1 if kind == "single" else "m"])
    found = rfgraph.tiles(model, input="x")
    assert (found.exact, found.axes[2].inputs) == (True, ())


def test_a_sum_of_the_other_needs_all_of_it():
    net = line()
    total = net.op("CumSum", "b", net.constant(2))
    model = with_second(net, net.op("Add", net.conv("x", 3), total), [1, 1, "n"])
    found = rfgraph.stream(model, input="x")
    assert {chunk.context for chunk in found.chunks} == {None}
    assert found.breakers == ()


def test_the_command_names_them(tmp_path, capsys):
    path = tmp_path / "m.onnx"
    onnx.save(summed(), path)
    assert main(["tiles", str(path), "--input", "x"]) == 0
    assert "axis 2 of input b: cut at the same positions" in capsys.readouterr().out
    assert main(["tiles", str(path), "--input", "x", "--format", "json"]) == 0
    (axis,) = json.loads(capsys.readouterr().out)["axes"]
    assert axis["cut_with"] == [["b", 2]]
    for option in (["--for", "dask"], ["--verify"]):
        assert main(["tiles", str(path), "--input", "x", *option]) == 2
        assert "'x' alone" in capsys.readouterr().err


def test_of_many_inputs_a_few_are_named(tmp_path, capsys):
    path = tmp_path / "many.onnx"
    path.write_bytes(networks.side_by_side(9).SerializeToString())
    assert main(["tiles", str(path), "--input", "x"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "axis 2 of input x5 and 3 more (--format json): cut at the same positions" in text
    (axis, _) = rfgraph.tiles(str(path), input="x").axes.values()
    assert axis.inputs == tuple((f"x{number}", 2) for number in range(1, 9))
    assert axis.halo == (1, 1)


def test_more_inputs_than_are_followed_are_refused(monkeypatch):
    """What others need is unknown then, so no tiles are exact for one input alone."""
    model = networks.side_by_side(5)
    rfgraph.tiles(model, input="x")
    monkeypatch.setattr(together, "MAX_TOGETHER", 3)
    with pytest.raises(rfgraph.BoundError, match=r"reads 4, more than MAX_TOGETHER \(3\)"):
        rfgraph.tiles(model, input="x")


def test_how_a_tensor_moves_is_asked_once_of_each_axis(monkeypatch):
    """Of 6 inputs with two axes longer than 1 there are 12 answers, whichever input is cut."""
    asked = []
    movement = moves.movement

    def counted(graph, source, axis, tensor, *rest):
        asked.append((source, axis))
        return movement(graph, source, axis, tensor, *rest)

    monkeypatch.setattr(moves, "movement", counted)
    result = rfgraph.analyze(networks.side_by_side(6).SerializeToString())
    for item in result.model.inputs:
        rfgraph.tiles(result, input=item.name)
    assert sorted(asked) == [(item.name, axis) for item in result.model.inputs for axis in (2, 3)]


def test_tensors_of_one_model_are_asked_at_the_same_lengths_once():
    """Seven outputs behind one input, whose lengths the file fixes: longer along either axis."""
    result = rfgraph.analyze(networks.many_outputs(7).SerializeToString())
    made = []

    def at(shapes):
        made.append(tuple(shapes.items()))
        return result.model.at(shapes)

    counted = rfgraph.analyze(dataclasses.replace(result.model, at=at))
    for output in result.model.outputs:
        rfgraph.tiles(counted, output)
    assert sorted(made) == [(("x", (1, 1, 32, 33)),), (("x", (1, 1, 33, 32)),)]
