"""The lines for dask and MONAI, run by them: `python -m pytest tests/analysis -m heavy`."""

import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from analysis import nets
from rfgraph.cli import main

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """An interpreter that has both libraries."""
    folder = tmp_path_factory.mktemp("pasted")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    found = folder / "bin" / "python"
    install = [found, "-m", "pip", "install", "-q", "-r", HERE / "pasted.txt"]
    subprocess.run(install, check=True)
    return found


@pytest.mark.heavy
@pytest.mark.parametrize("library", ["dask", "monai"])
def test_pasted_lines_run(library, python, tmp_path, capsys):
    """Halos of 24 on a grid of 4 around cores of 16."""
    model, lines = tmp_path / "net.onnx", tmp_path / "lines.py"
    onnx.save(nets.unet(2, "transposed"), model)
    assert main(["tiles", str(model), "--tile", "64", "--for", library]) == 0
    lines.write_text(capsys.readouterr().out, encoding="utf-8")
    done = subprocess.run(
        [python, HERE / "pasted.py", library, model, lines],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    if library == "dask":
        assert found["apart"] == 0
        assert len(found["windows"]) > 4
    else:
        # It blends, and the lines say so; its windows are the tiles.
        assert found["apart"] > 0
        assert {tuple(shape) for shape in found["windows"]} == {(1, 1, 64, 64)}
