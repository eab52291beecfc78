"""Shape arithmetic by numpy is what ONNX's own kernels say, and left to them where it is not."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from rfgraph.onnxfile.building import fold, shape_arithmetic

FOLDER = Path(__file__).parents[2] / "fixtures" / "exports"
NUMBERS = [
    np.array(7),
    np.array(1 << 62),
    np.array([3]),
    np.array([6, -2, 0]),
    np.array([[5, 1, 9], [-4, 2, 8]]),
    np.array([2, 3, 4], np.int32),
    np.array([], np.int64),
    np.array([True, False, True]),
    np.array([2.5, -1.5, 3.0], np.float32),
    np.array([1 << 62, -(1 << 62), 5]),
]
NODES = [
    *(helper.make_node(op, ["a", "b"], ["y"]) for op in ("Add", "Sub", "Mul", "Div")),
    *(helper.make_node("Concat", ["a", "b"], ["y"], axis=axis) for axis in (0, -1, 1)),
    *(helper.make_node("Gather", ["a", "b"], ["y"], axis=axis) for axis in (0, 1)),
    helper.make_node("Gather", ["a", "b"], ["y"]),
    helper.make_node("Concat", ["a", "b"], ["y"]),
    helper.make_node("Unsqueeze", ["a", "b"], ["y"]),
    *(helper.make_node("Cast", ["a"], ["y"], to=kind) for kind in range(1, 14)),
    helper.make_node("Cast", ["a"], ["y"]),
    helper.make_node("Identity", ["a"], ["y"]),
]


def same(first, second):
    return all(
        isinstance(x, np.ndarray)
        and x.dtype == y.dtype
        and x.shape == y.shape
        and np.array_equal(x, y)
        for x, y in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.op_type)
def test_it_is_what_the_reference_says(node, monkeypatch):
    answered = 0
    cases = itertools.product(NUMBERS, repeat=len(node.input))
    answers = [(case, shape_arithmetic.evaluate(node, 17, case)) for case in cases]
    monkeypatch.setattr(shape_arithmetic, "_KERNELS", {})
    for case, found in answers:
        if found is not None:
            answered += 1
            said = fold.evaluate(node, 17, case)
            assert said is not None, case
            assert same([found], said), case
    needs = node.op_type in ("Cast", "Concat") and not node.attribute
    lengths = not node.attribute or node.attribute[0].i in (TensorProto.INT32, TensorProto.INT64)
    assert bool(answered) is (not needs and (lengths or node.op_type != "Cast"))


def test_what_older_versions_say_otherwise_is_left_to_onnx():
    node = helper.make_node("Add", ["a", "b"], ["y"])
    assert shape_arithmetic.evaluate(node, 12, [np.array(7), np.array([3])]) is None
    assert shape_arithmetic.evaluate(node, 13, [np.array(7), None]) is None
    assert shape_arithmetic.evaluate(node, 13, [np.array(7), np.array([3])]) == [10]


@pytest.mark.parametrize("name", ["unet_ts", "shuffle_ts"])
def test_an_exporters_file_is_read_without_the_reference_implementation(name):
    code = (
        "import sys, rfgraph; rfgraph.analyze(sys.argv[1]); print('onnx.reference' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(FOLDER / f"{name}.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
