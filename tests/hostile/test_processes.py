"""Whole processes: odd files, other surroundings, and what is opened while a model is read."""

import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from hostile import names
from hostile.make import conv_chain, weights
from rfgraph.wording.names import MAX_LINE

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60


def rfgraph(*arguments, **environment):
    """Run the program as users do."""
    return subprocess.run(
        [sys.executable, "-m", "rfgraph", *map(str, arguments)],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )


def refused(done, *words):
    assert done.returncode == 2
    assert done.stdout == b""
    text = done.stderr.decode()
    assert text.count("\n") == 1
    assert len(text) <= MAX_LINE + 1
    assert text.startswith("rfgraph: ")
    for word in words:
        assert word in text


@pytest.fixture
def odd(tmp_path):
    """Paths that are no plain files of a model, by what they are."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    for name, target in (("to pipe", "pipe"), ("to folder", "folder"), ("to zero", "/dev/zero")):
        (tmp_path / name).symlink_to(target)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 42)
    return tmp_path


ODD = {
    "pipe": "a named pipe, not a regular file",
    "to pipe": "a named pipe, not a regular file",
    "folder": "a directory, not a regular file",
    "to folder": "a directory, not a regular file",
    "to zero": "a character device, not a regular file",
    "sparse": "not an ONNX model",
    "empty": "empty (0 bytes)",
}


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_refused_at_once(odd, name):
    refused(rfgraph(odd / name), ODD[name], name)


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_check_names_each_odd_file_and_still_answers_for_the_others(odd):
    good = odd / "good.onnx"
    good.write_bytes(conv_chain(40, length=8).SerializeToString())
    files = {name: what for name, what in ODD.items() if "folder" not in name}
    done = rfgraph("check", *(odd / name for name in files), good, "--format", "text")
    assert done.returncode == 2
    told = (done.stdout + done.stderr).decode()
    assert "Traceback" not in told
    for name, what in files.items():
        assert what in told
        assert name in told
    assert "1 holds" in told


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(conv_chain(2).SerializeToString())
    path.chmod(0)
    refused(rfgraph(path), "permission denied")


SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONUTF8": "1", "TERM": "dumb", "COLUMNS": "20"},
    {
        "PYTHONHASHSEED": "77",
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "TERM": "xterm-256color",
        "COLUMNS": "200",
        "TZ": "Asia/Tokyo",
    },
)


@pytest.fixture
def named(tmp_path):
    """A model whose names act, with several domains, findings and ties between paths."""
    path = tmp_path / "m.onnx"
    path.write_bytes(names.everywhere(names.NAMES["bidi"]).SerializeToString())
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("MODEL", "--format", "json"),
        ("MODEL", "--layers"),
        ("paths", "MODEL", "--list", "5"),
        ("check", "MODEL", "--select", "all", "--format", "sarif"),
    ],
)
def test_the_same_bytes_in_other_surroundings(named, arguments):
    line = [named if word == "MODEL" else word for word in arguments]
    first, second = (rfgraph(*line, **environment) for environment in SURROUNDINGS)
    assert first.returncode in (0, 1)
    assert (first.returncode, first.stdout, first.stderr) == (
        second.returncode,
        second.stdout,
        second.stderr,
    )


def test_a_plot_is_the_same_in_other_surroundings(named, tmp_path):
    for number, environment in enumerate(SURROUNDINGS):
        done = rfgraph("plot", named, "-o", tmp_path / f"{number}.svg", **environment)
        assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()


AUDIT = """
import sys
from rfgraph.cli import main
plain, *line = sys.argv[1:]
main([plain if word.endswith(".onnx") else word for word in line])  # what it imports is imported
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments[:1])))
main(line)
for event, arguments in seen:
    if event.startswith(("open", "os.", "socket.", "subprocess.", "exec", "import", "pickle.")):
        print(event, *map(repr, arguments), file=sys.stderr)
"""


def test_nothing_but_the_file_is_opened(tmp_path):
    proto = conv_chain(3, length=16)
    del proto.graph.initializer[:]
    stored = weights("w", 1, 1, 3)
    stored.data_location = onnx.TensorProto.EXTERNAL
    stored.external_data.add(key="location", value="weights.bin")
    proto.graph.initializer.append(stored)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(conv_chain(3, length=16).SerializeToString())
    for arguments in ([path], ["paths", path], ["unit", path, "--index", "0,0,0"]):
        command = [sys.executable, "-c", AUDIT, str(plain), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, check=True, text=True)
        assert set(done.stderr.splitlines()) == {f"open {str(path)!r}"}


def test_a_stranger_s_file_imports_nothing_from_the_folder(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(conv_chain(3, length=16).SerializeToString())
    for module in ("onnx", "numpy", "networkx", "rich", "local", "w"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported')\n")
    program = Path(sys.executable).with_name("rfgraph")
    if not program.exists():
        pytest.skip("rfgraph is not installed beside this Python")
    done = subprocess.run([program, "m.onnx"], capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
