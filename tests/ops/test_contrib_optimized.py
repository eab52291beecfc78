"""Graphs that onnxruntime saves after its optimizations, whose fields must be the original's."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import rfgraph

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
NAMED = "resnet18 mobilenet_v2 unet_bilinear densenet121 efficientnet_b0 inception_v3".split()
EXPORTS = sorted(path.stem for path in (FIXTURES / "exports").glob("*.onnx"))
LEVELS = {
    name: getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
    for name in ("ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_LAYOUT", "ENABLE_ALL")
    if hasattr(onnxruntime.GraphOptimizationLevel, f"ORT_{name}")
}
PAYLOADS = ("raw_data", "float_data", "double_data", "int32_data")


def filled(model):
    """Return the model with weights in place of those that were taken out of the file."""
    random = np.random.default_rng(0)
    nodes = [*model.graph.node, *itertools.chain(*(function.node for function in model.functions))]
    tensors = [attribute.t for node in nodes for attribute in node.attribute]
    for tensor in [*model.graph.initializer, *tensors]:
        empty = not any(len(getattr(tensor, payload)) for payload in PAYLOADS)
        if tensor.data_type in (1, 10, 11) and empty and 0 not in tensor.dims:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            tensor.raw_data = random.uniform(0.5, 1.5, tuple(tensor.dims)).astype(dtype).tobytes()
    return model


def optimized(path, level, folder):
    """Return the file that onnxruntime saves of the model at a level of optimization."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    data = filled(onnx.load(path)).SerializeToString()
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return folder / "optimized.onnx"


def operators(path):
    model = onnx.load(path, load_external_data=False)
    return {node.op_type for node in model.graph.node if node.domain.startswith("com.microsoft")}


def numbers(result):
    """Return what the outputs, and the tensors before all is global, read; names left out.

    Beside the spatial axes, which alone have windows, only what an axis is read like counts.
    """
    wanted = [name for output in result.outputs for name in (output.name, *output.before_global)]
    document = result.to_dict(wanted)
    spatial = {item["name"]: item["spatial_axes"] for item in document["inputs"]}
    fields = {(field["tensor"], field["input"]): field for field in document["receptive_fields"]}
    found = []
    for (_, source), field in sorted(fields.items(), key=lambda item: wanted.index(item[0][0])):
        kept = [
            {key: value for key, value in axis.items() if key != "through"}
            if axis["axis"] in spatial[source]
            else (axis["scope"], axis["size"])
            for axis in field["axes"]
        ]
        found.append((source, field["shape"], field["aligned"], kept))
    return found


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
