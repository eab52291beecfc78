"""Objects of other libraries that hold a model."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import rfgraph

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

RESNET = FIXTURES / "resnet18.onnx"


class Program:
    """What an exporter returns, as far as rfgraph looks at it."""

    def __init__(self, proto):
        self._proto = proto
        self.asked = 0

    @property
    def model_proto(self):
        self.asked += 1
        if isinstance(self._proto, Exception):
            raise self._proto
        return self._proto


def test_a_program_of_an_exporter_is_a_source():
    program = Program(onnx.load(RESNET))
    model = rfgraph.load(program)
    assert program.asked == 1
    assert model.file == "<Program>"
    assert rfgraph.path_histogram(program).to_dict() == rfgraph.path_histogram(RESNET).to_dict()
    assert [finding.code for finding in rfgraph.check(program, stat="union")] == []


def test_a_program_that_fails_is_one_line():
    program = Program(RuntimeError("on\nanother device"))
    with pytest.raises(rfgraph.ModelError) as caught:
        rfgraph.load(program)
    assert str(caught.value) == (
        "<Program>: the object gives no model (RuntimeError: on another device)"
    )


@pytest.mark.parametrize("proto", [None, b"", onnx.GraphProto()])
def test_a_program_without_a_model_is_no_source(proto):
    with pytest.raises(rfgraph.UsageError, match="a model is a path"):
        rfgraph.load(Program(proto))


def test_a_file_object_is_read_whatever_else_it_has(tmp_path):
    class Stream:
        def __init__(self, file):
            self.read, self.seek, self.tell = file.read, file.seek, file.tell
            self.seekable = file.seekable
            self.model_proto = None

    with RESNET.open("rb") as file:
        assert rfgraph.load(Stream(file)).nodes == rfgraph.load(RESNET).nodes


@pytest.fixture
def onnx_ir():
    return pytest.importorskip("onnx_ir")


def test_a_model_of_onnx_ir_is_a_source(onnx_ir):
    model = onnx_ir.load(RESNET)
    assert rfgraph.load(model).file == "<Model>"
    assert rfgraph.path_histogram(model).to_dict() == rfgraph.path_histogram(RESNET).to_dict()


def test_a_class_that_derives_from_it_is_a_source(onnx_ir):
    class Own(onnx_ir.Model):
        pass

    model = onnx_ir.load(RESNET)
    own = Own(model.graph, ir_version=model.ir_version, functions=list(model.functions.values()))
    assert rfgraph.load(own).nodes == rfgraph.load(RESNET).nodes


def test_a_class_of_the_name_alone_is_no_source():
    class Model:
        graph = None

    with pytest.raises(rfgraph.UsageError, match="not a Model"):
        rfgraph.load(Model())


def test_nothing_is_imported_for_them():
    code = (
        "import sys, rfgraph\n"
        f"rfgraph.load({str(RESNET)!r})\n"
        "assert not {'torch', 'onnx_ir', 'onnxscript'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04" + bytes(60), ["PyTorch .pt", "torch.onnx.export", "tf2onnx"]),
        (b"\x80\x02" + bytes(60), ["old PyTorch", "torch.onnx.export"]),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), ["Keras .h5", "tf2onnx.convert.from_keras"]),
        (b"\x1c\0\0\0TFL3" + bytes(60), ["TensorFlow Lite", "tf2onnx.convert --tflite"]),
        (b"\x08\x01\x12\x05\x0a\x03abc", ["SavedModel", "tf2onnx.convert --saved-model"]),
        (b'\x10\0\0\0\0\0\0\0{"a"' + bytes(60), ["safetensors", "torch.onnx.export"]),
    ],
)
def test_other_formats_are_told_how_to_become_a_model(head, words, tmp_path):
    file = tmp_path / ("long/" * 20) / "net.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(head)
    with pytest.raises(rfgraph.ModelError) as caught:
        rfgraph.load(file)
    assert len(str(caught.value)) <= 300
    for word in words:
        assert word in str(caught.value)
