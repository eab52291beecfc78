"""Files that are not regular, file objects that fail, data outside the file."""

import gzip
import io
import os
import socket
import stat
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from onnxfile.stored import (
    assert_read_as_parsed,
    floats,
    graph_of,
    medium_model,
    refusal,
    rich_model,
    small_model,
)
from rfgraph.onnxfile.reading.file import read
from rfgraph.onnxfile.reading.tensors import value


def test_special_files_are_refused_at_once(tmp_path):
    pipe, plug = tmp_path / "pipe", tmp_path / "plug"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(plug))
        assert refusal(pipe) == "a named pipe, not a regular file"
        assert refusal(plug) == "a socket, not a regular file"
    assert refusal("/dev/null") == "a character device, not a regular file"
    assert refusal(tmp_path) == "a directory, not a regular file"


def test_a_file_swapped_for_a_pipe_between_stat_and_open_does_not_block(tmp_path, monkeypatch):
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.write_bytes(b"\x08\x08")
    os.mkfifo(pipe)
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: real(pipe, flags))
    assert refusal(file) == "a named pipe, not a regular file"


def test_files_that_cannot_be_opened(tmp_path, monkeypatch):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refusal(tmp_path / "missing.onnx") == "no such file"
    assert refusal(loop)
    assert refusal("a\0b")
    assert refusal("x" * 5000)
    assert refusal(tmp_path / "m\udcff.onnx") == "no such file"
    file = tmp_path / "locked.onnx"
    file.write_bytes(b"\x08\x08")

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert refusal(file) == "permission denied"


def test_an_unknown_kind_of_file_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "m.onnx"
    file.write_bytes(b"\x08\x08")
    monkeypatch.setattr(stat, "S_ISREG", lambda _: False)
    assert refusal(file) == "a special file, not a regular file"


def test_a_link_to_a_file_is_followed(tmp_path):
    onnx.save(small_model(), tmp_path / "m.onnx")
    (tmp_path / "link.onnx").symlink_to("m.onnx")
    assert_read_as_parsed(read(tmp_path / "link.onnx"), small_model())


def test_no_descriptor_is_left_open(tmp_path):
    listing = Path("/proc/self/fd")
    if not listing.exists():
        pytest.skip("no /proc")
    onnx.save(medium_model(), tmp_path / "m.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\x3a\x7f")
    before = len(list(listing.iterdir()))
    model = read(tmp_path / "m.onnx")
    model.payload(model.proto.graph.initializer[0])
    refusal(tmp_path / "bad.onnx")
    assert len(list(listing.iterdir())) == before


class Broken(io.RawIOBase):
    def seekable(self):
        return True

    def tell(self):
        return 0

    def seek(self, offset, whence=0):
        return 100

    def read(self, size=-1):
        raise RuntimeError("lost\nconnection")


def test_file_objects_that_fail():
    assert "RuntimeError: lost" in refusal(Broken())
    assert "str, not bytes" in refusal(io.StringIO("ir_version: 8"))
    assert refusal(io.BytesIO()) == "empty (0 bytes)"
    past = io.BytesIO(b"\x08\x08")
    past.seek(50)
    assert refusal(past) == "empty (0 bytes)"
    closed = io.BytesIO(b"\x08\x08")
    closed.close()
    assert "closed" in refusal(closed)


def test_a_truncated_gzip_object_is_refused():
    whole = gzip.compress(rich_model().SerializeToString(), 1)
    with gzip.open(io.BytesIO(whole[: len(whole) // 2])) as stream:
        assert "EOFError" in refusal(stream)


def test_external_data_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "m.onnx"
    onnx.save(
        helper.make_model(graph_of([], [floats(5000)])), path,
        save_as_external_data=True, location="weights.bin",
    )  # fmt: skip
    (tmp_path / "weights.bin").unlink()
    os.mkfifo(tmp_path / "weights.bin")
    model = read(path)
    (tensor,) = model.proto.graph.initializer
    assert tensor.data_location == TensorProto.EXTERNAL
    assert value(tensor) is None
    assert not model.is_dropped(tensor)
    assert model.payload(tensor) is None
    assert model.restored(tensor) is tensor
