"""A model is read as onnx reads it, and its weights are not."""

import copy
import gzip
import io
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, inliner, numpy_helper

from onnxfile.stored import (
    MARK,
    Forward,
    assert_read_as_parsed,
    constant,
    floats,
    graph_of,
    message,
    messages,
    number,
    refusal,
    rich_model,
    small_model,
    sparse_model,
    unmarked,
    varint,
)
from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.tensors import value

SHIPPED = sorted(Path(onnx.__file__).parent.rglob("*.onnx"))


def test_every_model_shipped_with_onnx_is_read_as_onnx_reads_it():
    assert len(SHIPPED) > 100
    for path in SHIPPED:
        assert_read_as_parsed(read(path), onnx.load(path, load_external_data=False))


def test_every_place_and_form_of_a_tensor(tmp_path):
    proto = rich_model()
    path = tmp_path / "rich.onnx"
    onnx.save(proto, path)
    model = read(path)
    assert_read_as_parsed(model, proto)
    names = {
        tensor.name for tensor in messages(model.proto, TensorProto) if model.is_dropped(tensor)
    }
    assert "one_float_more" in names
    assert "too_many_integers" in names
    assert names.isdisjoint({"kept_to_the_byte", "kept_integers", "mask", "integers"})


@pytest.mark.parametrize("make", [small_model, rich_model])
def test_path_bytes_file_object_and_proto_are_the_same(tmp_path, make):
    proto = make()
    data = proto.SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    before = copy.deepcopy(proto)
    with path.open("rb") as file, gzip.open(io.BytesIO(gzip.compress(data, 1))) as unzipped:
        models = [
            read(path), read(str(path)), read(data), read(bytearray(data)), read(io.BytesIO(data)),
            read(file), read(unzipped), read(Forward(data)), read(proto),
        ]  # fmt: skip
        for model in models:
            assert_read_as_parsed(model, proto)
            assert model.proto == models[0].proto
    assert proto == before
    names = [model.name for model in models]
    assert names[:2] == [str(path)] * 2
    assert names[2:5] == ["<bytes>", "<bytes>", "<file object>"]
    assert names[5] == str(path)
    assert names[-1] == "<ModelProto>"


def test_a_relative_name_stays_as_given_and_survives_a_change_of_directory(tmp_path, monkeypatch):
    onnx.save(helper.make_model(graph_of([], [floats(500)])), tmp_path / "m.onnx")
    monkeypatch.chdir(tmp_path)
    model = read("./m.onnx")
    assert model.name == "./m.onnx"
    monkeypatch.chdir("/")
    assert len(model.payload(model.proto.graph.initializer[0])) == 2000


def test_a_file_object_is_read_from_its_position_and_left_there():
    data = rich_model().SerializeToString()
    stream = io.BytesIO(b"before" + data)
    stream.seek(6)
    assert_read_as_parsed(read(stream), onnx.ModelProto.FromString(data))
    assert stream.tell() == 6


RAW = np.arange(600, dtype=np.float32).tobytes()


RARE = {
    "data_type after the payload": [number(1, 600), message(9, RAW), number(2, 1)],
    "integers with data_type last": [number(1, 300), message(9, RAW), number(2, 7)],
    "dims last": [number(2, 1), message(9, RAW), number(1, 600)],
    "dims packed": [message(1, varint(20), varint(30)), number(2, 1), message(9, RAW)],
    "packed in two fields": [
        *(number(2, 1), message(4, RAW[:1600]), number(1, 600), message(4, RAW[1600:]))
    ],
    "unpacked": [
        *(number(1, 600), number(2, 1)),
        *(b"\x25" + RAW[i : i + 4] for i in range(0, 2400, 4)),
    ],
    "packed and unpacked": [number(2, 1), message(4, RAW), b"\x25abcd"],
    "unpacked beyond the bound": [number(1, 6000), number(2, 1), b"\x25abcd" * 6000],
    "data_type twice": [number(2, 7), number(2, 1), message(9, RAW)],
    "raw_data twice": [number(2, 1), message(9, RAW), message(9, RAW[::-1])],
    "two payloads": [number(2, 1), message(9, RAW), message(4, RAW)],
    "an unknown group": [b"\x93\x03\x0a\x01a\x1b\x08\x05\x1c\x94\x03", message(9, RAW)],
    "unknown fields": [
        *(number(99, 5), message(98, b"abc"), b"\xa5\x06abcd", b"\xa9\x06abcdefgh"),
        message(9, RAW),
    ],
    "payload of another wire type": [number(9, 5), number(4, 7), number(2, 1), message(9, RAW)],
    "long tags and lengths": [b"\x90\x00\x01", b"\xca\x80\x00\xe0\x92\x80\x00" + RAW],
    "an unknown data_type": [number(2, 99), message(9, RAW)],
    "no data_type": [message(9, RAW)],
    "string_data": [number(2, 8), *(message(6, b"abcdefgh") for _ in range(5000))],
}  # fmt: skip


@pytest.mark.parametrize("parts", RARE.values(), ids=RARE)
def test_a_legal_rarity_is_read_as_protobuf_reads_it(parts):
    data = message(7, message(5, *parts), message(2, b"g"))
    model = read(data)
    proto = onnx.ModelProto.FromString(data)
    assert_read_as_parsed(model, proto)
    (tensor,) = proto.graph.initializer
    if tensor.dims == [600] and tensor.data_type == TensorProto.FLOAT:
        assert value(model.restored(model.proto.graph.initializer[0])).tobytes() == RAW


def test_packed_numbers_in_two_fields_are_one_payload():
    data = message(7, message(5, *RARE["packed in two fields"]))
    model = read(data)
    assert model.payload(model.proto.graph.initializer[0]) == RAW


NOT_ONE = ["unpacked", "string_data", "two payloads", "packed and unpacked"]


@pytest.mark.parametrize("case", NOT_ONE)
def test_a_payload_that_is_not_one_run_of_bytes_is_only_restored(case):
    model = read(message(7, message(5, *RARE[case])))
    (tensor,) = model.proto.graph.initializer
    assert model.is_dropped(tensor)
    assert model.payload(tensor) is None
    assert model.restored(tensor).ByteSize() > 2000


@pytest.mark.parametrize("shift", range(40))
def test_a_number_across_two_windows(tmp_path, shift):
    # Empty fields lead the walk straight to a length of three bytes around 4096, its window's end.
    lead = b"\x42\x00" * 2030 + message(6, b"d" * shift)
    data = lead + message(7, message(5, number(2, 1), message(9, RAW * 10)), message(2, b"g"))
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert_read_as_parsed(read(path), onnx.ModelProto.FromString(data))


@pytest.mark.parametrize(
    "data",
    [
        message(7, message(5, number(2, 1), message(9, RAW))) + message(7, message(2, b"second")),
        message(
            7, message(1, message(5, message(5, message(9, RAW)), message(5, message(8, b"n"))))
        ),
        message(7, message(15, message(1, message(9, RAW)), message(1, message(8, b"n")))),
    ],
    ids=["graph", "attribute.t", "sparse.values"],
)
def test_a_message_in_two_parts_is_merged_as_protobuf_merges_it(data):
    assert_read_as_parsed(read(data), onnx.ModelProto.FromString(data))


def nested(levels, name=b"deep"):
    """A graph in a graph, and a name so long that every level is opened."""
    graph = message(2, name) + message(10, bytes(2000))
    for _ in range(levels):
        graph = message(1, message(5, message(6, graph)))
    return message(7, graph)


def test_subgraphs_are_read_down_to_the_bound_of_protobuf():
    # The graph is one nested message, each level adds node, attribute, graph: 1 + 3 * 33 = 100.
    assert_read_as_parsed(read(nested(33)), onnx.ModelProto.FromString(nested(33)))
    assert "100" in refusal(nested(34))
    assert "100" in refusal(nested(20_000))


def test_small_subgraphs_beyond_the_bound_are_refused():
    graph = message(2, b"g")
    for _ in range(34):
        graph = message(1, message(5, message(6, graph)))
    assert "100" in refusal(message(7, graph))


def test_a_large_weight_is_not_read(tmp_path, bytes_read):
    path = tmp_path / "large.onnx"
    expected = sparse_model(path, 200 * 2**20)
    model = read(path)
    assert sum(bytes_read) < 64 * 1024
    assert unmarked(model.proto) == expected
    (tensor,) = model.proto.graph.initializer
    assert model.is_dropped(tensor)
    assert value(tensor) is None
    (dropped,) = model.dropped
    (piece,) = dropped.pieces
    assert (dropped.data_type, piece.field, piece.length) == (TensorProto.FLOAT, 9, 200 * 2**20)
    with path.open("r+b") as file:
        file.seek(piece.offset - 5)
        assert file.read(5) == b"\x4a" + varint(200 * 2**20)


def test_the_reads_do_not_grow_with_the_weight(tmp_path, bytes_read):
    sums = []
    for size in (2**20, 2**28, 2**36):
        path = tmp_path / f"{size}.onnx"
        sparse_model(path, size)
        bytes_read.clear()
        read(path)
        sums.append(sum(bytes_read))
    assert max(sums) - min(sums) < 64


def test_a_thousand_weights_cost_a_window_each(tmp_path, bytes_read):
    path = tmp_path / "m.onnx"
    weights = [floats(25_000, f"w{i}") for i in range(200)]
    onnx.save(helper.make_model(graph_of([], weights)), path)
    read(path)
    assert sum(bytes_read) < 200 * 6000 < path.stat().st_size / 10


def test_a_dropped_payload_is_read_back(tmp_path):
    proto = helper.make_model(graph_of([constant(np.arange(1000.0))], [floats(5000)]))
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    model = read(path)
    (weight,) = model.proto.graph.initializer
    stored = model.proto.graph.node[0].attribute[0].t
    assert model.payload(weight) == proto.graph.initializer[0].raw_data
    assert model.payload(stored) == np.arange(1000.0).tobytes()
    assert np.array_equal(value(model.restored(stored)), np.arange(1000.0))


def test_a_copy_of_a_dropped_tensor_is_still_known():
    arrays = [np.full(700, i, np.float32) for i in range(3)]
    function = helper.make_function(
        "my", "F", ["a"], ["b"],
        [constant(arrays[2]), helper.make_node("Add", ["a", "c"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    nodes = [constant(arrays[1], "k"), helper.make_node("F", ["x"], ["y"], domain="my")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    graph = graph_of(nodes, [numpy_helper.from_array(arrays[0], "w")])
    model = read(helper.make_model(graph, functions=[function], opset_imports=opsets))
    inlined = inliner.inline_local_functions(model.proto)
    found = messages(inlined.graph, TensorProto)
    assert len(found) == 3
    values = {float(value(model.restored(tensor))[0]) for tensor in found}
    assert values == {0.0, 1.0, 2.0}


def test_the_mark_in_a_file_is_not_believed():
    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT, float_data=[1, 2])
    tensor.metadata_props.add(key=MARK, value="0")
    bare = TensorProto(name="v", dims=[2], data_type=TensorProto.FLOAT)
    for forged in ("7", "-1", "9" * 10_000, "x"):
        bare.metadata_props.add(key=MARK, value=forged)
    bare.metadata_props.add(key="note", value="0")
    large = floats(500)
    large.metadata_props.add(key=MARK, value="999")
    broken = TensorProto(dims=[2], data_type=TensorProto.FLOAT)
    broken.metadata_props.add(key=MARK, value="name_to_spoil")
    data = helper.make_model(graph_of([], [tensor, bare, large, broken])).SerializeToString()
    model = read(data.replace(b"name_to_spoil", b"\xff" * 13))
    kept, absent, dropped, spoiled = model.proto.graph.initializer
    assert not model.is_dropped(spoiled)
    assert not model.is_dropped(kept)
    assert value(kept).tolist() == [1, 2]
    assert not model.is_dropped(absent)
    assert model.payload(absent) is None
    assert model.payload(dropped) == large.raw_data


def test_a_file_that_changed_is_not_read_again(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph_of([], [floats(500)])), path)
    model = read(path)
    (tensor,) = model.proto.graph.initializer
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="changed"):
        model.payload(tensor)
    path.unlink()
    with pytest.raises(ModelError, match="no such file"):
        model.restored(tensor)


def test_a_closed_file_object_is_refused_later():
    stream = io.BytesIO(helper.make_model(graph_of([], [floats(500)])).SerializeToString())
    model = read(stream)
    stream.close()
    with pytest.raises(ModelError, match="file object"):
        model.payload(model.proto.graph.initializer[0])


def test_a_file_that_shrinks_meanwhile_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(small_model().SerializeToString())
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: b"")
    assert "shorter" in refusal(path)


def test_reads_that_return_less_than_asked_are_continued(tmp_path, monkeypatch):
    proto = rich_model()
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 777), offset))
    assert_read_as_parsed(read(path), proto)


def test_without_positioned_reads_the_file_is_read_by_seeking(tmp_path, monkeypatch):
    proto = rich_model()
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    monkeypatch.delattr(os, "pread")
    assert_read_as_parsed(read(path), proto)


def test_an_error_of_the_disk_is_one_line(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x08")

    def failing(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", failing)
    assert refusal(path) == "cannot be read (input/output error)"
