"""Models written as text."""

import json

import onnx
import pytest
from google.protobuf import json_format, text_format

from onnxfile.stored import (
    assert_read_as_parsed,
    medium_model,
    refusal,
)
from rfgraph.onnxfile.reading.file import read


def written(proto, suffix):
    if suffix in {".json", ".onnxjson"}:
        return json_format.MessageToJson(proto, preserving_proto_field_name=True).encode()
    if suffix in {".onnxtxt", ".onnxtext"}:
        return onnx.printer.to_text(proto).encode()
    return text_format.MessageToString(proto).encode()


SUFFIXES = [".textproto", ".txtpb", ".pbtxt", ".prototxt", ".json", ".onnxjson", ".JSON"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_in_text(tmp_path, suffix):
    proto = medium_model()
    path = tmp_path / f"m{suffix}"
    path.write_bytes(written(proto, suffix.lower()))
    model = read(path)
    assert model.name == str(path)
    assert_read_as_parsed(model, proto)
    with path.open("rb") as file:
        assert_read_as_parsed(read(file), proto)


@pytest.mark.parametrize("suffix", [".onnxtxt", ".onnxtext"])
def test_a_model_in_the_syntax_of_onnx(tmp_path, suffix):
    text = """
        <ir_version: 8, opset_import: ["": 17], doc_string: "brackets (((((((((( \\" {{{{{"> # ((((
        g (float[1, N] x) => (float[1, N] y) { y = Relu (x) }"""
    path = tmp_path / f"m{suffix}"
    path.write_text(text)
    model = read(path)
    assert model.proto == onnx.parser.parse_model(text)
    assert [node.op_type for node in model.proto.graph.node] == ["Relu"]


DEEP = {
    "sequence types": "<ir_version: 8> g (" + "seq(" * 200_000,
    "types past comments": "<ir_version: 8> g (" + "seq( # )))\n" * 200_000,
    "types past strings": '<ir_version: 8> g (float x) => () { y = F (")", '
    + '"))" seq(' * 200_000,
    "subgraphs": "<ir_version: 8> g () => () {" + "y = If(x) <a = g () => () {" * 20_000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_text_nested_without_end_is_refused(tmp_path, text):
    path = tmp_path / "m.onnxtxt"
    path.write_text(text)
    assert "100" in refusal(path)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".textproto", b"graph {"),
        (".textproto", b"\xff\xfe"),
        (".textproto", b"graph { node { attribute { g { " * 5000),
        (".json", b"{"),
        (".json", b"[1, 2]"),
        (".json", b'{"graph": 5}'),
        (".json", b'{"graph": {"node": [{"attribute": [{"g": ' * 5000),
        (".json", json.dumps({"ir_version": 10**30}).encode()),
        (".onnxtxt", b"<ir_version: 8> nonsense"),
        (".onnxtxt", b"\xff\xfe"),
    ],
)
def test_text_that_is_no_model(tmp_path, suffix, content):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    assert refusal(path).startswith("not an ONNX model as ")


def test_text_without_a_graph(tmp_path):
    path = tmp_path / "m.textproto"
    path.write_text("ir_version: 8")
    assert refusal(path) == "not an ONNX model (no graph in it)"
