"""What onnxruntime makes of a model file by its optimizations, and what the outputs read."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime

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


def ends(result):
    """Return the outputs, each with the tensors before all is global on the way to it."""
    return [name for output in result.outputs for name in (output.name, *output.before_global)]


def numbers(result, wanted=None):
    """Return what the outputs, and the tensors before all is global, read; names left out.

    `wanted` are other tensors in place of these. Beside the spatial axes, which alone have windows,
    only what an axis is read like counts.
    """
    wanted = ends(result) if wanted is None else wanted
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
