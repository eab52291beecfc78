"""Graphs that onnxruntime saves after its optimizations, whose fields must be the original's."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import rfgraph
from ops.optimize import LEVELS, numbers, optimized

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
NAMED = "resnet18 mobilenet_v2 unet_bilinear densenet121 efficientnet_b0 inception_v3".split()
EXPORTS = sorted(path.stem for path in (FIXTURES / "exports").glob("*.onnx"))


def operators(path):
    model = onnx.load(path, load_external_data=False)
    return {node.op_type for node in model.graph.node if node.domain.startswith("com.microsoft")}


def routes(path):
    """Return how the field of the first output, or of the tensor before it, is distributed."""
    model = rfgraph.load(path)
    (output, *_) = rfgraph.analyze(model).outputs
    tensor = (*output.before_global, output.name)[0]
    found = rfgraph.path_histogram(model, tensor=tensor).to_dict()
    return {key: value for key, value in found.items() if key not in ("tensor", "input")}


def same(path, level, folder):
    saved = optimized(path, LEVELS[level], folder)
    before, after = rfgraph.analyze(path), rfgraph.analyze(saved)
    assert numbers(after) == numbers(before)
    assert {found.code for found in after.findings} == {found.code for found in before.findings}
    return saved


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMED)
def test_an_optimized_network_has_the_fields_of_the_original(name, level, tmp_path):
    saved = same(FIXTURES / f"{name}.onnx", level, tmp_path)
    assert (level == "ENABLE_BASIC") == (operators(saved) == set())


@pytest.mark.parametrize("level", ["ENABLE_EXTENDED", "ENABLE_ALL"])
@pytest.mark.parametrize("name", NAMED[:3])
def test_an_optimized_network_has_the_routes_of_the_original(name, level, tmp_path):
    path = FIXTURES / f"{name}.onnx"
    assert routes(optimized(path, LEVELS[level], tmp_path)) == routes(path)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", EXPORTS)
def test_an_optimized_export_has_the_fields_of_the_original(name, level, tmp_path):
    same(FIXTURES / "exports" / f"{name}.onnx", level, tmp_path)
