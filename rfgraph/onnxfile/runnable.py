"""A model file as a runtime takes it: with one output, other lengths, and no weights elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.source import open_source, read_whole
from rfgraph.onnxfile.reading.tensors import is_available, stored_tensors
from rfgraph.onnxfile.reading.textual import parse_text, text_format

if TYPE_CHECKING:
    from collections.abc import Collection

# Of weights that are drawn at random.
MAX_DRAWN = 1 << 29


def runnable(path: str, tensor: str, source: str, opened: Collection[int]) -> tuple[bytes, bool]:
    """Return the file with `tensor` as its output, and whether weights were drawn at random.

    Those are whose values are not there, or lie in other files, none of which is opened. The
    lengths of `source` on the axes `opened` are left open. Raises ModelError where more are to be
    drawn than MAX_DRAWN.
    """
    data = open_source(path)
    form = text_format(data.name)
    content = read_whole(data)
    proto = onnx.ModelProto.FromString(content) if form is None else parse_text(content, form)
    elsewhere = [stored for stored in stored_tensors(proto) if not is_available(stored)]
    count = sum(math.prod(stored.dims) for stored in elsewhere)
    if count > MAX_DRAWN:
        raise ModelError(f"{count} weights lie in other files, more than MAX_DRAWN ({MAX_DRAWN})")
    random = np.random.default_rng(0)
    for stored in elsewhere:
        _draw(stored, random)
    if opened:
        _open(proto.graph, source, opened)
    del proto.graph.output[:]
    proto.graph.output.add().name = tensor
    return proto.SerializeToString(), bool(elsewhere)


def _open(graph: onnx.GraphProto, source: str, axes: Collection[int]) -> None:
    """Leave lengths of an input open, and forget the shapes that follow from them."""
    del graph.value_info[:]
    for value in graph.input:
        if value.name == source:
            for axis in axes:
                value.type.tensor_type.shape.dim[axis].dim_param = f"length_{axis}"


def _draw(tensor: onnx.TensorProto, random: np.random.Generator) -> None:
    """Fill a tensor: weights so that sums keep their size, what has one axis near 1."""
    shape = tuple(tensor.dims)
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.kind in "iub":
        values = np.zeros(shape)
    elif len(shape) < 2:
        values = random.uniform(0.5, 1.5, shape)
    else:
        values = random.normal(0, math.prod(shape[1:]) ** -0.5 if math.prod(shape) else 1, shape)
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(values.astype(dtype), name))
