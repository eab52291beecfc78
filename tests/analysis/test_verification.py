"""`--verify`: a run of the file in a process of its own finds what holds and what does not."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rfgraph
from analysis import nets
from rfgraph.analysis import running, verification
from rfgraph.analysis.proof import Less
from rfgraph.analysis.tiling import plan_tiles
from rfgraph.analysis.verification import prove_stream, prove_tiles
from rfgraph.cli import main
from rfgraph.errors import UsageError


@pytest.fixture
def saved(tmp_path):
    def saved(model):
        path = tmp_path / "net.onnx"
        onnx.save(model, path)
        return str(path)

    return saved


def of_tiles(path, **asked):
    result = rfgraph.analyze(path)
    return result, rfgraph.tiles(result, **asked)


def test_tiles_are_the_whole_and_less_is_not(saved):
    path = saved(nets.twice_down_and_up())
    proof = prove_tiles(*of_tiles(path), path)
    assert (proof.difference, proof.holds, proof.why) == (0, True, "")
    assert proof.parts > 2
    assert [item.what for item in proof.less] == ["before", "after"]
    assert min(item.difference for item in proof.less) > 1e-2


@pytest.mark.parametrize("kinds", [("Log",), ("Relu", "Reciprocal")], ids=["nan", "inf"])
def test_values_that_are_no_numbers_are_the_same_where_both_have_them(kinds, saved, capsys):
    """The logarithm and the inverse of random sums, of which some are below 0."""
    net = nets.line()
    x = net.conv("x", 9)
    for kind in kinds:
        x = net.op(kind, x)
    path = saved(net.model(x))
    proof = prove_tiles(*of_tiles(path), path)
    assert proof.holds
    assert 0 < proof.scale < 100

    def refuse(word):
        raise AssertionError(word)

    assert main(["tiles", path, "--verify", "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert said["verified"]["holds"]


def test_a_number_and_none_are_infinitely_far_apart():
    one, other = np.array([1.0, np.nan, np.inf]), np.array([1.0, 2.0, np.inf])
    assert running.difference(one, one) == 0
    assert running.difference(one, other) == np.inf
    assert running.difference(other, other + np.array([0.5, 0.25, 0])) == 0.5
    entry = Less(2, "before", np.inf).to_dict()
    assert entry["difference"] is None


def test_a_halo_that_is_too_small_is_shown_to_be(saved):
    path = saved(nets.two_centered())
    result, item = of_tiles(path)
    (axis,) = item.axes.values()
    narrow = replace(axis, halo=(3, 3), grid_halo=(3, 3))
    wrong = replace(item.geometry, axes=(narrow,), shape=(1, 1, 40))
    plan = tuple(plan_tiles(wrong, (16,), (40,)))
    core = replace(item.recommended, core=(16,))
    made = replace(item, geometry=wrong, plan=plan, recommended=core)
    proof = prove_tiles(result, made, path)
    assert not proof.holds
    assert proof.difference > 1e-2


def test_a_file_that_runs_at_its_own_length_only_is_run_within_it(saved):
    path = saved(nets.chunked(320, 5))
    result = rfgraph.analyze(path, masks=True)
    proof = prove_stream(rfgraph.stream(result), path)
    assert (proof.within, proof.difference, proof.shape) == (True, 0, (1, 2, 320))
    assert [item.what for item in proof.less] == ["delay", "context"]
    assert proof.less[0].why == "there is no delay"
    assert proof.less[1].difference > 0
    proof = prove_tiles(result, rfgraph.tiles(result), path)
    assert (proof.within, proof.difference) == (True, 0)


def test_a_stream_is_the_whole_and_less_delay_is_not(saved):
    path = saved(nets.twice_down_and_up())
    proof = prove_stream(rfgraph.stream(path), path)
    assert (proof.within, proof.difference) == (False, 0)
    assert min(item.difference for item in proof.less) > 1e-2


def test_weights_in_other_files_are_drawn_and_no_file_is_opened(saved):
    model = nets.two_centered()
    for stored in model.graph.initializer:
        array = numpy_helper.to_array(stored)
        stored.ClearField("raw_data")
        stored.data_location = onnx.TensorProto.EXTERNAL
        stored.external_data.add(key="location", value="/nowhere/weights.bin")
        assert list(stored.dims) == list(array.shape)
    path = saved(model)
    proof = prove_tiles(*of_tiles(path), path)
    assert (proof.random_weights, proof.holds) == (True, True)
    assert proof.scale > 0


@pytest.mark.parametrize(
    ("bound", "value", "said"),
    [("MAX_SECONDS", 0.01, "it took more than 0.01 seconds"), ("MAX_BYTES", 1 << 24, "")],
)
def test_a_run_is_bounded(saved, monkeypatch, bound, value, said):
    monkeypatch.setattr(verification, bound, value)
    path = saved(nets.two_centered())
    proof = prove_tiles(*of_tiles(path), path)
    assert proof.difference is None
    assert proof.why.startswith(said)
    assert proof.why


def test_a_second_input_that_is_cut_as_well_is_refused(saved):
    net = nets.line()
    model = net.model(net.op("Add", net.conv("x", 3), "y"))
    other = model.graph.input.add()
    other.CopyFrom(model.graph.input[0])
    other.name = "y"
    path = saved(model)
    result = rfgraph.analyze(path)
    with pytest.raises(UsageError, match="cuts input 'x' alone"):
        prove_tiles(result, rfgraph.tiles(result, input="x"), path)


def test_without_a_runtime_an_error_says_what_to_install(saved, monkeypatch, capsys):
    monkeypatch.setattr(verification, "find_spec", lambda _: None)
    assert main(["tiles", saved(nets.two_centered()), "--verify"]) == 2
    assert "requires onnxruntime, which is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["tiles", "stream"])
def test_what_was_run_is_told(saved, capsys, command):
    path = saved(nets.two_centered())
    assert main([command, path, "--verify", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["verified"]
    assert (found["difference"], found["holds"], found["why"]) == (0, True, None)
    assert all(item["difference"] > 0 for item in found["less"])
    assert main([command, path, "--verify"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "random input, the file's weights: the same, bit for bit" in text
    assert main([command, path, "--verify", "--format", "csv"]) == 2
    assert "--verify is told as text or json or markdown" in capsys.readouterr().err


def test_a_run_and_lines_to_paste_exclude_each_other(saved, capsys):
    path = saved(nets.two_centered())
    assert main(["tiles", path, "--verify", "--for", "tiler"]) == 2
    assert "--for asks for lines instead" in capsys.readouterr().err


def test_what_cannot_be_is_not_run(saved, capsys):
    net = nets.line()
    ones = net.constant([1.0], np.float32)
    path = saved(net.model(net.op("InstanceNormalization", "x", ones, ones)))
    assert main(["tiles", path, "--verify"]) == 0
    assert "not verified: tiles are not exact" in capsys.readouterr().out
    assert main(["stream", path, "--axis", "2", "--verify", "--format", "markdown"]) == 0
    assert "not verified: it does not stream" in capsys.readouterr().out
