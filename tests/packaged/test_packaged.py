"""The script that reads models out of wheels, on a wheel made here: no network."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import onnx.parser
import pytest

from packaged import __main__ as script
from packaged import report

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
UNKNOWN = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
m (float[1, 3, 8] x) => (float[1, 3, 8] y) { a = own.Op (x) y = Relu (x) z = LogSoftmax (a) }"""


@pytest.fixture
def wheel(tmp_path):
    def make(package, *files):
        (tmp_path / package).mkdir(exist_ok=True)
        path = tmp_path / package / f"{package}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files:
                archive.writestr(name, data)
        return path

    return make


def test_every_model_of_a_wheel_is_read_once(wheel):
    path = wheel("p", ("p/a.onnx", b"1"), ("p/b.onnx", b"2"), ("data/a.onnx", b"1"), ("p.py", b""))
    assert list(script.models(path)) == [("p/a.onnx", b"1"), ("p/b.onnx", b"2")]
    assert script.fetch("p", path.parents[1]) == path


def test_nodes_and_shares_are_counted():
    found = report.row(FIXTURES / "resnet18.onnx")
    proto = onnx.load(FIXTURES / "resnet18.onnx", load_external_data=False)
    assert not found.failed
    assert found.nodes == len(proto.graph.node)
    assert (found.kinds["unknown"], found.unknown, found.shapeless) == (0, [], 0)


def test_what_is_unknown_is_named(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(UNKNOWN), path)
    found = report.row(path)
    assert found.kinds == {"exact": 2, "unknown": 1}
    assert ["no rule" in text for text in found.unknown] == [True]


def test_a_model_that_fails_makes_the_exit_code_one(wheel, monkeypatch, capsys):
    good = (FIXTURES / "resnet18.onnx").read_bytes()
    folder = wheel("good", ("good/m.onnx", good)).parents[1]
    wheel("bad", ("bad/n.onnx", b"no model"))
    monkeypatch.setattr(sys, "argv", ["packaged", "good", "--folder", str(folder)])
    assert script.main() == 0
    monkeypatch.setattr(sys, "argv", ["packaged", "good", "bad", "--folder", str(folder)])
    assert script.main() == 1
    assert "2 models, 1 failed" in capsys.readouterr().out


def test_an_optimized_graph_is_compared(tmp_path):
    found = report.row(FIXTURES / "resnet18.onnx")
    lines = list(report.optimized(found, FIXTURES / "resnet18.onnx"))
    assert len(lines) >= 3
    assert all(line.endswith("the outputs read the same") for line in lines)
    assert not found.failed
