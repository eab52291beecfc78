"""--input-shape and --input-value: what they accept, and what they do to the model."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.lib import format as npy
from onnx import TensorProto, helper

from reports import models
from reports.published import FOLDER
from rfgraph.analysis.input_values import read_array
from rfgraph.cli import main
from rfgraph.cli.options import named_length, named_shape, named_value
from rfgraph.errors import UsageError


def resizer():
    """y = Resize(x) to the sizes that an input gives."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "Resize",
                ["x", "", "", "sizes"],
                ["y"],
                name="up",
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
        ],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "length"]),
            helper.make_tensor_value_info("sizes", TensorProto.INT64, [3]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def model(tmp_path):
    return models.saved(resizer(), tmp_path / "m=1.onnx")


@pytest.fixture
def stride(model, capsys):
    """The stride of y on x under the given options: 1/2 if it is twice as long."""

    def stride_of(*arguments):
        code = main([model, "--tensor", "y", "--format", "json", *arguments])
        printed = capsys.readouterr()
        assert (code, printed.err) == (0, "")
        (field,) = json.loads(printed.out)["receptive_fields"]
        return field["axes"][2]["stride"]

    return stride_of


@pytest.fixture
def error(model, capsys):
    """The one line that is printed for options that are refused."""

    def error_of(*arguments):
        assert main([model, *arguments]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1
        return printed.err

    return error_of


def test_a_value_of_numbers_steers_the_model(stride):
    assert stride("--input-shape", "x=1,1,8", "--input-value", "sizes=1,1,16") == "1/2"
    assert stride("--input-shape", "x=1,1,8", "--input-value", "sizes=1,1,4") == 2


def test_a_value_from_a_file_steers_the_model(stride, tmp_path):
    for order in "CF":
        path = tmp_path / f"{order}=@.npy"
        np.save(path, np.asarray([1, 1, 24], order=order))
        found = stride("--input-shape", "x=1,1,8", "--input-value", f"sizes=@{path}")
        assert found == "1/3"


def test_the_shape_is_bound_and_no_longer_probed(model, capsys):
    arguments = ["--input-shape", "x=1,1,8", "--input-value", "sizes=1,1,16", "--format", "json"]
    assert main([model, *arguments]) == 0
    (found,) = json.loads(capsys.readouterr().out)["inputs"]
    assert (found["shape"], found["probed"]) == ([1, 1, 8], {})


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("1,3,224,224", ("", (1, 3, 224, 224))),
        ("=1,3", ("", (1, 3))),
        ("x=7", ("x", (7,))),
        ("a=b=1,2", ("a=b", (1, 2))),
        ("x=-1,0", ("x", (-1, 0))),
    ],
)
def test_shapes(text, pair):
    assert named_shape(text) == pair


@pytest.mark.parametrize("text", ["", "x", "x=", "1x3", "1,,3", "1,3,", "x=1.5", "x=1_0", "x=٣"])
def test_what_is_no_shape_is_refused(error, text):
    message = error(f"--input-shape={text}")
    assert "--input-shape" in message
    assert "NAME=1,3,224,224" in message


def test_a_dimension_is_bound_by_its_name(model, capsys):
    assert main([model, "--dim", "length=8", "--input-value", "sizes=1,1,16", "--format=json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["inputs"]
    assert (found["shape"], found["probed"], found["determined"]) == ([1, 1, 8], {}, {})


def test_a_dimension_is_bound_for_the_check(tmp_path, capsys):
    # Its field is 61, its smallest path 1.
    check = ["check", str(FOLDER / "tcn.onnx"), "--stat", "union"]
    assert main(check) == 2
    assert capsys.readouterr().err.endswith("=1,2,N, or --dim time=N\n")
    assert main([*check, "--dim", "time=61"]) == 0
    assert main([*check, "--dim", "time=62"]) == 1
    (tmp_path / "rfgraph.toml").write_text("dim = {time = 62}\n")
    assert main([*check, "--config", str(tmp_path / "rfgraph.toml")]) == 1
    (tmp_path / "rfgraph.toml").write_text("dim = {time = '62'}\n")
    assert main([*check, "--config", str(tmp_path / "rfgraph.toml")]) == 2
    assert "a table of lengths by the dimension's name" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "pair"), [("T=7", ("T", 7)), ("a=b=1", ("a=b", 1))])
def test_lengths(text, pair):
    assert named_length(text) == pair


@pytest.mark.parametrize("text", ["T", "=7", "T=", "T=x", "T=1,2", "T=1.5"])
def test_what_is_no_length_is_refused(error, text):
    message = error(f"--dim={text}")
    assert "--dim" in message
    assert "NAME=N" in message


def test_dimensions_that_do_not_exist_or_contradict(error):
    message = error("--dim", "lenght=8")
    assert message.endswith(
        "no dimension 'lenght' (did you mean 'length'?); the dimensions are 'length'\n"
    )
    message = error("--dim", "length=8", "--input-shape", "x=1,1,9", "--input-value", "sizes=1,1,9")
    assert message.endswith("dimension 'length' is bound to 8 and, by input 'x', to 9\n")
    assert "2 times for dimension 'length'" in error("--dim", "length=8", "--dim", "length=8")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("sr=16000", ("sr", "16000")),
        ("a=b=2", ("a=b", "2")),
        ("sr=@f=1.npy", ("sr", "@f=1.npy")),
        ("sr=-1", ("sr", "-1")),
    ],
)
def test_values(text, pair):
    assert named_value(text) == pair


@pytest.mark.parametrize("text", ["sizes", "=1", "sizes=", "sizes=abc", "sizes=1,,2", "sizes=@"])
def test_what_is_no_value_is_refused(error, text):
    assert "--input-value" in error("--input-value", text)


def test_one_shape_for_an_input(error):
    assert "2 times" in error("--input-shape", "x=1,1,8", "--input-shape", "x=1,1,8")


def test_what_contradicts_the_file_is_refused(error):
    values = ("--input-value", "sizes=1,1,16")
    assert "'x'" in error("--input-shape", "x=1,8", *values)
    assert "axis 1" in error("--input-shape", "x=1,2,8", *values)
    assert "'z'" in error("--input-shape", "z=1,8", *values)
    assert "2^62" in error("--input-shape", "x=1,1,-8", *values)


# -- arrays ----------------------------------------------------------------------------------------


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_is_never_loaded(error, tmp_path):
    touched = tmp_path / "touched"
    path = tmp_path / "trap.npy"
    np.save(path, np.array([Trap(f"touch {touched}")], dtype=object), allow_pickle=True)
    message = error("--input-value", f"sizes=@{path}")
    assert "required numbers" in message
    assert not touched.exists()


def written(path, header, data):
    """Write a .npy file with a header of our own."""
    text = header.encode().ljust(118 - len(header) % 1) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


INT64 = "{'descr': '<i8', 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("header", "data", "word"),
    [
        (INT64 % "(3,)", b"\0" * 23, "24 bytes"),
        (INT64 % "(3,)", b"\0" * 25, "24 bytes"),
        (INT64 % "(10000000000000,)", b"\0" * 8, "bytes"),
        (INT64 % "(-1,)", b"", "bytes"),
        ("{'descr': '<U4', 'fortran_order': False, 'shape': ()}", b"\0" * 16, "numbers"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': ()}", b"\0" * 8, "numbers"),
        ("__import__('os').abort()", b"", ".npy"),
        ("((((((((((", b"", ".npy"),
        ("", b"", ".npy"),
    ],
)
def test_a_lying_header_is_refused(tmp_path, header, data, word):
    path = written(tmp_path / "a.npy", header, data)
    with pytest.raises(UsageError, match=word):
        read_array(str(path))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"text"])
def test_what_is_no_array_is_refused(error, tmp_path, content):
    path = tmp_path / "a\n.npy"
    path.write_bytes(content)
    message = error("--input-value", f"sizes=@{path}")
    assert "a\\x0a.npy" in message
    assert "a .npy file" in message


def test_only_regular_files_are_read(error, tmp_path):
    assert "regular" in error("--input-value", f"sizes=@{tmp_path}") or os.name != "posix"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "regular" in error("--input-value", f"sizes=@{pipe}")
    assert "No such file" in error("--input-value", f"sizes=@{tmp_path / 'none.npy'}")
    assert "--input-value" in error("--input-value", "sizes=@a\0b")


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_of_both_versions_are_read(tmp_path, version):
    path = tmp_path / "a.npy"
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    with path.open("wb") as file:
        npy.write_array(file, np.asfortranarray(array), version=version)
    assert (read_array(str(path)) == array).all()


def test_bindings_work_as_a_program(model):
    command = [sys.executable, "-m", "rfgraph", model, "--input-value", "sizes=1,1,16"]
    done = subprocess.run(
        [*command, "--input-shape", "1,1,8"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0.5" in done.stdout
