"""A file with some of its nodes changed, as bytes: all else, weights among it, as it was."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from rfgraph.errors import UsageError
from rfgraph.onnxfile.building.order import describe
from rfgraph.onnxfile.reading.source import WHOLE_LIMIT, read_whole
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rfgraph.onnxfile.building.revision import Edit
    from rfgraph.onnxfile.reading.file import StoredModel


def encode(file: StoredModel, edits: Sequence[Edit], beside: bool) -> bytes:
    """Return the bytes of the file with its nodes edited; `beside`: to lie in the same folder.

    Weights that need a longer kernel get zeros around their own, a shorter one crops them. Raises
    UsageError for what cannot be written: a node of a body, one more layer, other weights.
    """
    if not beside and _is_external(file):
        raise UsageError("-o: weights lie in files beside the model: name a file in its folder")
    whole = onnx.ModelProto.FromString(read_whole(file.source))
    places = [_place(file.proto, edit) for edit in edits]
    nodes = whole.graph.node
    for place, edit in zip(places, edits, strict=True):
        node = nodes[place]
        del node.attribute[:]
        node.attribute.extend(edit.revised.attribute)
        _with_constants(whole.graph, node, edit)
    # What the file declared of shapes on the way holds no longer.
    del whole.graph.value_info[:]
    for output in whole.graph.output:
        for dim in output.type.tensor_type.shape.dim:
            dim.ClearField("dim_value")
    data: bytes = whole.SerializeToString()
    return data


def _is_external(file: StoredModel) -> bool:
    return any(it.data_location == TensorProto.EXTERNAL for it in file.proto.graph.initializer)


def _place(proto: onnx.ModelProto, edit: Edit) -> int:
    where = f"-o: {describe(edit.node)}"
    if edit.turns > 1:
        raise UsageError(f"{where} is repeated, and there are no weights for what a copy has")
    for number, node in enumerate(proto.graph.node):
        if node is edit.node:
            return number
    raise UsageError(f"{where} is part of a body, which is not written with other attributes")


def _with_constants(graph: onnx.GraphProto, node: onnx.NodeProto, edit: Edit) -> None:
    """Give a node the constants that it needs, under names of their own."""
    names = {tensor.name for tensor in graph.initializer}
    arrays = dict(edit.inputs)
    if edit.weight is not None:
        arrays[edit.weight] = _reshape(graph, node.input[edit.weight], edit)
    for slot, array in arrays.items():
        name, number = node.input[slot], 1
        while name in names:
            number += 1
            name = f"{node.input[slot]}#{number}"
        names.add(name)
        graph.initializer.append(numpy_helper.from_array(array, name))
        node.input[slot] = name


def _reshape(graph: onnx.GraphProto, name: str, edit: Edit) -> NDArray[Any]:
    """Return stored weights in the kernel that is asked for."""
    stored = next((tensor for tensor in graph.initializer if tensor.name == name), None)
    if stored is None or stored.data_location == TensorProto.EXTERNAL:
        raise UsageError(
            f"-o: the weights {quote(name)} of {describe(edit.node)} are computed or stored "
            f"elsewhere, and cannot be given the shape {list(edit.shape)}"
        )
    old = numpy_helper.to_array(stored)
    if old.shape[:2] != tuple(edit.shape[:2]):
        raise UsageError(
            f"-o: the weights {quote(name)} of {describe(edit.node)} have shape "
            f"{list(old.shape)}, and there are none of shape {list(edit.shape)}"
        )
    size = math.prod(edit.shape) * old.dtype.itemsize
    if size > WHOLE_LIMIT:
        raise UsageError(
            f"-o: the weights {quote(name)} of {describe(edit.node)} would be {size} bytes, and a "
            f"file has at most {WHOLE_LIMIT}"
        )
    made: NDArray[Any] = np.zeros(edit.shape, old.dtype)
    inner, outer = [slice(None)] * 2, [slice(None)] * 2
    for begin, own, wanted in zip(edit.offsets, old.shape[2:], edit.shape[2:], strict=True):
        length = min(own, wanted)
        outer.append(slice(max(begin, 0), max(begin, 0) + length))
        inner.append(slice(max(-begin, 0), max(-begin, 0) + length))
    made[tuple(outer)] = old[tuple(inner)]
    return made
