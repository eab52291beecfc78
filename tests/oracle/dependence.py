"""Every walk through a small graph as a product of boolean matrices, each measured on its own.

What an output element of a node depends on is seen by a NaN in one element of one operand, under
onnxruntime. For nets whose operators each read an operand in one way: no normalisation, no softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

from oracle.perturb import run_all, session

if TYPE_CHECKING:
    import numpy.typing as npt

    Matrix = npt.NDArray[np.bool_]


def walk_matrices(model: onnx.ModelProto, source: str, target: str) -> list[Matrix]:
    """Return for every walk that carries something which input elements each output one reads."""
    values = run_all(model)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    found: dict[str, list[Matrix]] = {source: [np.eye(values[source].size, dtype=np.bool_)]}
    for node in model.graph.node:
        for slot, name in enumerate(node.input):
            if name in found:
                own = _matrix(model, node, slot, values, stored).astype(np.float32)
                products = (own @ one.astype(np.float32) > 0 for one in found[name])
                found.setdefault(node.output[0], []).extend(p for p in products if p.any())
    return found[target]


def _matrix(
    model: onnx.ModelProto, node: onnx.NodeProto, slot: int, values: Any, stored: Any
) -> Matrix:
    probe = onnx.NodeProto()
    probe.CopyFrom(node)
    feeds = {}
    for place, name in enumerate(node.input):
        if name not in stored:
            probe.input[place] = f"p{place}"
            feeds[f"p{place}"] = np.zeros_like(values[name])
    inputs = [helper.make_tensor_value_info(k, 1, v.shape) for k, v in feeds.items()]
    output = onnx.ValueInfoProto(name=node.output[0])
    kept = [stored[name] for name in node.input if name in stored]
    graph = helper.make_graph([probe], "one", inputs, [output], kept)
    one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    runs = session(one)
    columns = []
    for element in range(feeds[f"p{slot}"].size):
        changed = {name: value.copy() for name, value in feeds.items()}
        changed[f"p{slot}"].reshape(-1)[element] = np.nan
        columns.append(np.isnan(runs.run(None, changed)[0]).reshape(-1))
    return np.stack(columns, axis=1)


def largest_hulls(matrix: Matrix, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return per axis of an input of `shape` the largest hull that one output element reads."""
    read = matrix.reshape(-1, *shape)
    sizes = []
    for axis in range(len(shape)):
        others = tuple(a + 1 for a in range(len(shape)) if a != axis)
        rows = read.any(axis=others)
        places = [np.nonzero(row)[0] for row in rows if row.any()]
        sizes.append(max(int(place[-1] - place[0] + 1) for place in places))
    return tuple(sizes)
