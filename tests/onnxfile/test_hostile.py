"""Bytes that are no model, or one made to do harm: a ModelError and nothing else."""

import gzip
import random

import onnx
import pytest
from onnx import TensorProto

from onnxfile.stored import (
    Forward,
    assert_read_as_parsed,
    medium_model,
    message,
    messages,
    number,
    refusal,
    small_model,
    sparse_model,
    varint,
)
from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading import file as reading
from rfgraph.onnxfile.reading.file import read


def outcome(data):
    """What protobuf makes of the bytes: a message with a graph, or None."""
    try:
        proto = onnx.ModelProto.FromString(data)
    except Exception:
        return None
    return proto if proto.HasField("graph") else None


def assert_same_verdict(data):
    proto = outcome(data)
    try:
        model = read(data)
    except ModelError as error:
        model, text = None, str(error)
    if model is None:
        assert text.isprintable()
        assert proto is None or "UTF-8" in text
    elif proto is None:
        assert model.dropped  # protobuf refuses the inside of a payload that was never read
    else:
        assert_read_as_parsed(model, proto)


def test_every_truncation_of_a_small_model():
    data = small_model().SerializeToString()
    for end in range(len(data)):
        assert_same_verdict(data[:end])


def test_truncations_of_a_model_with_dropped_payloads():
    data = medium_model().SerializeToString()
    for end in random.Random(1).sample(range(len(data)), 300):
        assert_same_verdict(data[:end])


def structural(proto, data):
    """The positions outside the payloads, where alone a change means anything to the reader."""
    outside = set(range(len(data)))
    for tensor in messages(proto, TensorProto):
        start = data.index(tensor.raw_data)
        outside -= set(range(start, start + len(tensor.raw_data)))
    return sorted(outside)


@pytest.mark.parametrize("make", [small_model, medium_model])
def test_random_mutations(make):
    rng = random.Random(2)
    data = make().SerializeToString()
    places = structural(make(), data)
    for _ in range(300):
        mutated = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            mutated[rng.choice(places)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        assert_same_verdict(bytes(mutated))


def test_random_insertions_and_deletions():
    rng = random.Random(3)
    data = medium_model().SerializeToString()
    for _ in range(300):
        at, length = rng.randrange(len(data)), rng.randrange(1, 9)
        mutated = (
            data[:at] + (rng.randbytes(length) if rng.random() < 0.5 else b"") + data[at + length :]
        )
        assert_same_verdict(mutated)


def test_random_bytes():
    rng = random.Random(4)
    for _ in range(300):
        assert_same_verdict(rng.randbytes(rng.randrange(1, 3000)))
        assert_same_verdict(message(7, rng.randbytes(rng.randrange(1, 3000))))


BAD = {
    "length beyond the file": b"\x3a\x7f" + bytes(5),
    "length beyond the message": message(7, b"\x2a\xff\x7f" + bytes(2000)),
    "length of 2^63": b"\x3a" + b"\xff" * 8 + b"\x7f" + bytes(2000),
    "length of 2^64 - 1": b"\x3a" + b"\xff" * 9 + b"\x01" + bytes(2000),
    "payload beyond its tensor": message(
        *(7, message(5, b"\x4a\xff\x7f" + bytes(3000)), message(2, bytes(20_000)))
    ),
    "payload with a length of eleven bytes": message(
        *(7, message(5, b"\x4a\xd0" + b"\x8f" + b"\x80" * 8 + b"\x00" + bytes(2000)))
    ),
    "varint of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "varint cut off": b"\x08\x80",
    "wire type 6": b"\x0e\x01",
    "wire type 7": b"\x0f\x01",
    "field number 0": b"\x02\x01a",
    "tag beyond 32 bits": b"\xfa\xff\xff\xff\xff\x01\x01a",
    "group never ended": b"\x0b\x08\x01",
    "group ended twice": b"\x0b\x0c\x0c",
    "group ended by another": b"\x0b\x14",
    "group with a length beyond": b"\x0b\x12\x7f\x0c",
    "groups nested without end": b"\x0b" * 100_000,
    "fixed cut off": b"\x0d\x01\x02",
}  # fmt: skip


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_malformed_bytes_are_refused(data):
    assert outcome(data) is None
    assert refusal(data).startswith("not an ONNX model (")


def test_malformed_content_of_a_dropped_tensor_is_refused_when_it_is_wanted():
    model = read(message(7, message(5, number(2, 1), message(4, bytes(2001)))))
    with pytest.raises(ModelError, match="malformed"):
        model.restored(model.proto.graph.initializer[0])


NAME = b"name_to_spoil"
SHAPE = message(2, message(1, message(2, NAME)))
NAMED = {
    "model": [message(2, NAME)],
    "opset": [message(8, message(1, NAME))],
    "graph": [message(7, message(2, NAME))],
    "node input": [message(7, message(1, message(1, NAME)))],
    "op_type": [message(7, message(1, message(4, NAME)))],
    "attribute": [message(7, message(1, message(5, message(1, NAME))))],
    "tensor in an attribute": [
        message(7, message(1, message(5, message(5, message(8, NAME)), number(20, 4))))
    ],
    "subgraph": [message(7, message(1, message(5, message(6, message(2, NAME)), number(20, 5))))],
    "tensors in an attribute": [
        message(7, message(1, message(5, message(10, message(8, NAME)), number(20, 9))))
    ],
    "subgraphs": [
        message(7, message(1, message(5, message(11, message(2, NAME)), number(20, 10))))
    ],
    "initializer": [message(7, message(5, message(8, NAME)))],
    "sparse initializer": [message(7, message(15, message(1, message(8, NAME))))],
    "output": [message(7, message(12, message(1, NAME)))],
    "dim_param": [message(7, message(11, message(2, message(1, SHAPE))))],
    "dim_param of a sequence": [
        message(7, message(11, message(2, message(4, message(1, message(1, SHAPE))))))
    ],
    "dim_param of a sparse tensor": [message(7, message(11, message(2, message(8, SHAPE))))],
    "function": [message(25, message(1, NAME))],
    "function's opset": [message(25, message(9, message(1, NAME)))],
    "function's node": [message(25, message(7, message(2, NAME)))],
    "function's attribute": [message(25, message(11, message(1, NAME)))],
}  # fmt: skip


@pytest.mark.parametrize("parts", NAMED.values(), ids=NAMED)
def test_a_name_that_is_not_utf8_is_refused(parts):
    data = message(7, message(2, b"g")) + b"".join(parts)
    read(data)
    for bad in (b"name__\xff\xfespoil", b"name_\xed\xa0\x80spoil"):
        assert "UTF-8" in refusal(data.replace(NAME, bad))


def test_a_protobuf_that_refuses_such_names_itself_is_one_line_too(monkeypatch):
    def strict(_):
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(reading.onnx.ModelProto, "FromString", strict, raising=False)
    assert "UTF-8" in refusal(message(7, message(2, b"g")))


def test_documentation_may_be_anything():
    assert read(message(6, b"caf\xe9") + message(7, message(2, b"g"))).proto.graph.name == "g"


def test_what_remains_without_weights_is_bounded(tmp_path, bytes_read):
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(number(1, 8) + varint(6 << 3 | 2) + varint(3 * 2**30))
        file.truncate(file.tell() + 3 * 2**30)
    assert "2147483647" in refusal(path)
    assert sum(bytes_read) < 10_000


def test_what_must_be_read_whole_is_bounded(tmp_path, bytes_read):
    path = tmp_path / "m.onnx"
    sparse_model(path, 3 * 2**30)
    with path.open("ab") as file:
        file.write(message(7, message(2, b"second graph")))
    assert "2147483647" in refusal(path)
    assert sum(bytes_read) < 64 * 1024


def test_a_forward_file_object_is_bounded(monkeypatch):
    monkeypatch.setattr("rfgraph.onnxfile.reading.source.WHOLE_LIMIT", 5000)
    assert "5000" in refusal(Forward(bytes(20_000)))


def test_a_model_too_large_to_serialize_is_refused(monkeypatch):
    def failing(_):
        raise ValueError("onnx.ModelProto exceeds maximum protobuf size of 2GB: 3221225472")

    proto = small_model()
    deep = proto.graph
    for _ in range(40):
        deep = deep.node.add().attribute.add().g
        deep.name = "deep"
    assert "100" in refusal(proto)
    monkeypatch.setattr(reading.onnx.ModelProto, "SerializeToString", failing, raising=False)
    assert "serialized" in refusal(small_model())


FOREIGN = {
    "zip": (b"PK\x03\x04\x14\0\0\0\x08\x08", "zip archive (PyTorch"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
    "pickle": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5"),
    "saved model": (b"\x08\x01\x12\x05\x0a\x03abc", "SavedModel"),
    "tflite": (b"\x1c\0\0\0TFL3\x14\0", "TensorFlow Lite"),
    "ort": (b"\x1c\0\0\0ORTM\x14\0", "onnxruntime"),
    "safetensors": (b"\x50\0\0\0\0\0\0\0" + b'{"a":{}}', "safetensors"),
    "gzip": (gzip.compress(b"model"), "gzip"),
    "html": (b"\n<!DOCTYPE html><html>\xc3\xa9", "HTML"),
    "xml": (b'<?xml version="1.0"?>', "XML"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
    "text": (b"ir_version: 8\ngraph {\n}\n", "text"),
}


@pytest.mark.parametrize(("head", "what"), FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_named(tmp_path, head, what):
    path = tmp_path / "m.onnx"
    path.write_bytes(head)
    text = refusal(path)
    assert what in text
    assert str(path) not in text
    assert text == refusal(head)


def test_a_large_foreign_file_is_not_read(tmp_path, bytes_read):
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.write(b"PK\x03\x04\x14\0\0\0")
        file.truncate(2**32)
    assert "zip" in refusal(path)
    assert sum(bytes_read) < 10_000


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (number(1, 8), "no graph"),
        (number(1, 8) + message(2, b"producer"), "no graph"),
        (b"\x00" * 100, "no protobuf field"),
        (b"\xff" * 100, "ten bytes"),
    ],
)
def test_bytes_without_a_model(data, what):
    assert what in refusal(data)


@pytest.mark.parametrize("source", [None, 3, 2.5, ["m.onnx"], TensorProto()])
def test_what_cannot_be_a_source_is_an_error_of_the_caller(source):
    with pytest.raises(TypeError, match="a model is a path"):
        read(source)
