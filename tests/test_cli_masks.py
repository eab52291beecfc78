"""--masks on the command line: what it does to each report, and what each says of it."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

import rfgraph
from ops.test_masks import BLOCK, TOKENS, added, fused, low, plain
from rfgraph.cli import main


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(plain(added(-100)), tmp_path / "m.onnx")
    onnx.save(plain(added(), np.ones((TOKENS, TOKENS), bool)), tmp_path / "open.onnx")
    external = fused(low(BLOCK))
    for tensor in external.graph.initializer:
        if list(tensor.dims) == [TOKENS, TOKENS]:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    (tmp_path / "external.onnx").write_bytes(external.SerializeToString())
    return "m.onnx"


@pytest.fixture
def printed(capsys):
    def run(*arguments, code=0):
        assert main(list(arguments)) == code
        return capsys.readouterr().out

    return run


CUT = {"cut": [{"node": "weights", "op_type": "Softmax", "highest": -100.0}], "left": []}
SAID = "Stored masks cut (--masks) at weights; the least of them is -100."


def test_the_model(file, printed):
    assert SAID in " ".join(printed(file, "--masks").split())
    assert "Stored masks" not in printed(file)
    found = json.loads(printed(file, "--masks", "--format", "json"))
    assert found["masks"] == CUT
    assert found["receptive_fields"][-1]["axes"][1]["size"] == 3
    assert "masks" not in json.loads(printed(file, "--format", "json"))
    assert r"Stored masks cut (--masks) at weights" in printed(
        file, "--masks", "--format", "markdown"
    ).replace("\\", "")
    assert "Stored masks" not in printed(file, "--format", "markdown")


def test_paths(file, printed):
    assert SAID in " ".join(printed("paths", file, "--masks").split())
    assert "Stored masks" not in printed("paths", file)
    assert json.loads(printed("paths", file, "--masks", "--format", "json"))["masks"] == CUT
    assert "masks" not in json.loads(printed("paths", file, "--format", "json"))


def test_unit(file, printed):
    asked = ("unit", file, "--tensor", "y", "--index", "0,4,0")
    assert SAID in " ".join(printed(*asked, "--masks").split())
    found = json.loads(printed(*asked, "--masks", "--format", "json"))
    assert found["masks"] == CUT
    assert found["regions"][0]["clipped"][1] == [3, 5]
    found = json.loads(printed(*asked, "--format", "json"))
    assert "masks" not in found
    assert found["regions"][0]["clipped"][1] == [0, 5]


def test_plot(file, printed, tmp_path):
    pytest.importorskip("matplotlib")
    printed("plot", file, "--tensor", "y", "--masks", "-o", "m.svg")
    printed("plot", file, "--tensor", "y", "-o", "n.svg")
    assert (tmp_path / "m.svg").read_bytes() != (tmp_path / "n.svg").read_bytes()


def test_check(file, printed, tmp_path):
    asked = ("check", file, "--at", "output", "--stat", "union")
    text = printed(*asked, "--masks", code=1)
    assert "stored masks cut in 1 model (--masks)\n" in text
    assert "stored masks" not in printed(*asked)
    (found,) = json.loads(printed(*asked, "--masks", "--format", "json", code=1))["models"]
    assert found["masks"] == CUT
    (tmp_path / "pyproject.toml").write_text("[tool.rfgraph]\nmasks = true\n", encoding="utf-8")
    assert "stored masks cut in 1 model" in printed(*asked, code=1)
    asked = ("check", file, "external.onnx", "open.onnx", "--at", "output", "--stat", "union")
    assert "stored masks cut in 1 model" in printed(*asked, code=1)


def test_nothing_to_cut_is_said(file, printed):
    said = " ".join(printed("open.onnx", "--masks").split())
    assert "Stored masks were to cut (--masks), and cut nothing." in said
    assert json.loads(printed("open.onnx", "--masks", "--format", "json"))["masks"] == {
        "cut": [],
        "left": [],
    }
    assert "stored masks" not in printed(
        "check", "open.onnx", "--masks", "--at", "output", "--stat", "union"
    )


def test_what_is_left_is_said(file, printed):
    said = " ".join(printed("external.onnx", "--masks").split())
    assert "cut nothing. At y, its mask has no value in the file." in said
    left = json.loads(printed("external.onnx", "--masks", "--format", "json"))["masks"]["left"]
    assert left == [
        {"node": "y", "op_type": "Attention", "reason": "its mask has no value in the file"}
    ]


def test_minus_infinity_is_a_text_in_json(printed, file, tmp_path):
    onnx.save(plain(added()), tmp_path / "infinite.onnx")
    found = json.loads(printed("infinite.onnx", "--masks", "--format", "json"))
    assert found["masks"]["cut"][0]["highest"] == "-inf"
    assert "the least of them is minus infinity." in " ".join(
        printed("infinite.onnx", "--masks").split()
    )


def test_from_python(file):
    assert rfgraph.analyze(file, masks=True).receptive_field().axes[1].size == 3
    assert rfgraph.analyze(file).receptive_field().axes[1].size is None
    assert rfgraph.check(file, at="output", stat="union", masks=True)
    assert not rfgraph.check(file, at="output", stat="union")
    settings = rfgraph.make_settings(at="output", stat="union", masks=True)
    (report,) = rfgraph.check_many([file], settings)
    assert report.masks is not None
    assert report.masks.cut[0].operator.label == "weights"
