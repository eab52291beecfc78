"""Models as bytes: the rule of what is kept, a second time, and an encoder of the wire format."""

import copy
import io
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.tensors import value
from rfgraph.wording.names import MAX_LINE

MARK = "rfgraph.dropped"
PAYLOAD = "float_data int32_data string_data int64_data raw_data double_data uint64_data".split()
INTEGERS = {
    *("UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "BOOL", "UINT32", "UINT64"),
    *("UINT4", "INT4", "UINT2", "INT2"),
}


def varint_size(number):
    number &= 2**64 - 1
    return max(1, -(-number.bit_length() // 7))


def payload_size(tensor):
    return (
        len(tensor.raw_data)
        + 4 * len(tensor.float_data)
        + 8 * len(tensor.double_data)
        + sum(map(len, tensor.string_data))
        + sum(map(varint_size, tensor.int32_data))
        + sum(map(varint_size, tensor.int64_data))
        + sum(map(varint_size, tensor.uint64_data))
    )


def messages(message, kind):
    """Every message of a kind inside another, by protobuf's own reflection, in file order."""
    found, stack = [], [message]
    while stack:
        at = stack.pop()
        if isinstance(at, kind):
            found.append(at)
        inner = []
        for descriptor, content in at.ListFields():
            if descriptor.type == descriptor.TYPE_MESSAGE:
                inner += [content] if hasattr(content, "ListFields") else list(content)
        stack += reversed(inner)
    return found


def stripped_by_rule(proto):
    result = copy.deepcopy(proto)
    dropped = []
    for tensor in messages(result, TensorProto):
        known = TensorProto.DataType.values()
        kind = TensorProto.DataType.Name(tensor.data_type) if tensor.data_type in known else ""
        if payload_size(tensor) > (2**20 if kind in INTEGERS else 2**10):
            for name in PAYLOAD:
                tensor.ClearField(name)
            dropped.append(tensor)
    return result, dropped


def unmarked(proto):
    result = copy.deepcopy(proto)
    for tensor in messages(result, TensorProto):
        left = [entry for entry in tensor.metadata_props if entry.key != MARK]
        del tensor.metadata_props[:]
        tensor.metadata_props.extend(left)
    return result


def assert_read_as_parsed(model, proto):
    expected, dropped = stripped_by_rule(proto)
    assert unmarked(model.proto) == expected
    assert len(model.dropped) == len(dropped)
    originals = messages(proto, TensorProto)
    found = messages(model.proto, TensorProto)
    assert sum(map(model.is_dropped, found)) == len(dropped)
    for original, tensor in zip(originals, found, strict=True):
        assert unmarked(model.restored(tensor)) == original
        if model.is_dropped(tensor):
            assert value(tensor) is None
            if len(original.raw_data) == payload_size(original):
                assert model.payload(tensor) == original.raw_data


def constant(array, name="c"):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def floats(count, name="w"):
    rng = np.random.default_rng(count)
    return numpy_helper.from_array(rng.standard_normal(count).astype(np.float32), name)


def graph_of(nodes, initializers=(), name="g", inputs=("x",), outputs=("y",)):
    typed = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [1, "N"]) for one in inputs]
    made = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs]
    return helper.make_graph(nodes, name, typed, made, initializers)


def small_model():
    kernel = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    shape = numpy_helper.from_array(np.array([1, -1], np.int64), "s")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], name="conv", strides=[2, 2], auto_pad="VALID"),
        helper.make_node("Reshape", ["h", "s"], ["y"]),
    ]
    return helper.make_model(graph_of(nodes, [kernel, shape]), producer_name="test")


def medium_model():
    """Dropped tensors among the nodes, in a subgraph and among the initializers."""
    nodes = [constant(np.ones(400, np.float32)), helper.make_node("Add", ["x", "c"], ["y"])]
    branch = graph_of([constant(np.ones(300, np.float32), "d")], [floats(300, "v")], "branch", [])
    nodes.append(helper.make_node("If", ["b"], ["z"], then_branch=branch))
    return helper.make_model(graph_of(nodes, [floats(500), floats(2, "small")]))


def rich_model():
    """Tensors in every place that can hold one, small and large, in raw and typed fields."""
    rng = np.random.default_rng(5)
    sparse = helper.make_sparse_tensor(
        floats(600, "sparse"),
        numpy_helper.from_array(np.arange(600, dtype=np.int64), "sparse_at"),
        [10_000],
    )
    initializers = [
        floats(256, "kept_to_the_byte"),
        floats(257, "one_float_more"),
        numpy_helper.from_array(np.arange(2**17, dtype=np.int64), "kept_integers"),
        numpy_helper.from_array(np.arange(2**17 + 1, dtype=np.int64), "too_many_integers"),
        numpy_helper.from_array(rng.random(2**20) < 0.5, "mask"),
        helper.make_tensor("typed", TensorProto.FLOAT, [500], rng.standard_normal(500)),
        helper.make_tensor("doubles", TensorProto.DOUBLE, [300], rng.standard_normal(300)),
        helper.make_tensor("halves", TensorProto.FLOAT16, [800], rng.standard_normal(800)),
        helper.make_tensor("integers", TensorProto.INT64, [900], range(900)),
        helper.make_tensor("unsigned", TensorProto.UINT64, [900], range(900)),
        helper.make_tensor("words", TensorProto.STRING, [400], [b"word%d" % i for i in range(400)]),
        helper.make_tensor("complex", TensorProto.COMPLEX64, [200], [1j * i for i in range(200)]),
    ]
    inner = graph_of([constant(np.ones(999, np.float32), "i")], [floats(888, "iw")], "then", [])
    middle = graph_of(
        [helper.make_node("If", ["b"], ["j"], then_branch=inner, else_branch=inner)],
        [floats(777, "mw")],
        "loop",
    )
    many = helper.make_node("Custom", ["x"], ["z"], domain="my", sparse_value=sparse)
    many.attribute.append(helper.make_attribute("tensors", [floats(400), floats(3)]))
    many.attribute.append(helper.make_attribute("graphs", [inner, middle]))
    many.attribute.append(helper.make_attribute("sparse", [sparse, sparse]))
    nodes = [
        constant(np.ones(300, np.float32)),
        helper.make_node("Loop", [], ["l"], body=middle),
        many,
    ]
    graph = graph_of(nodes, initializers)
    graph.sparse_initializer.append(sparse)
    function = helper.make_function(
        "my", "F", ["a"], ["d"], [constant(np.full(700, 2, np.float32), "d")],
        [helper.make_opsetid("", 17)],
        attribute_protos=[helper.make_attribute("default", floats(600))],
    )  # fmt: skip
    model = helper.make_model(graph, functions=[function])
    model.training_info.add().initialization.CopyFrom(graph_of([], [floats(1000, "t")], "train"))
    return model


def varint(number):
    data = b""
    while number > 127:
        data += bytes([number & 127 | 128])
        number >>= 7
    return data + bytes([number])


def message(number, *parts):
    content = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field, content):
    return varint(field << 3) + varint(content)


def sparse_model(path, size):
    """Write a model whose one weight is a hole of `size` bytes; return it without the weight."""
    node = message(1, b"\x0a\x01x", b"\x0a\x01w", b"\x12\x01y", message(4, b"Add"))
    head = number(1, size // 4) + number(2, TensorProto.FLOAT) + message(8, b"w")
    raw = varint(9 << 3 | 2) + varint(size)
    tensor = varint(5 << 3 | 2) + varint(len(head) + len(raw) + size) + head + raw
    tail = message(2, b"graph") + message(11, message(1, b"x")) + message(12, message(1, b"y"))
    graph = varint(7 << 3 | 2) + varint(len(node) + len(tensor) + size + len(tail))
    opset = message(8, number(2, 17))
    with path.open("wb") as file:
        file.write(number(1, 8) + graph + node + tensor)
        file.seek(size, os.SEEK_CUR)
        file.write(tail + opset)
    expected = onnx.ModelProto(ir_version=8)
    expected.graph.name = "graph"
    expected.graph.node.append(helper.make_node("Add", ["x", "w"], ["y"]))
    expected.graph.initializer.add(name="w", dims=[size // 4], data_type=TensorProto.FLOAT)
    expected.graph.input.add(name="x")
    expected.graph.output.add(name="y")
    expected.opset_import.add(version=17)
    return expected


def refusal(source):
    """The text of the ModelError, which is one short line."""
    with pytest.raises(ModelError) as caught:
        read(source)
    text = str(caught.value)
    assert text
    assert text.isprintable()
    assert len(text) <= MAX_LINE
    return text


class Forward(io.RawIOBase):
    """A file object that cannot seek and returns less than asked."""

    def __init__(self, data):
        self._inner = io.BytesIO(data)

    def readable(self):
        return True

    def read(self, size=-1):
        return self._inner.read(min(size, 1000))
