"""Public networks: `python -m benchmarks public [--folder DIR] [--ways ts dynamo] [NAME...]`.

Makes an environment of their own in DIR (a folder of the temporary directory by default) and
exports each network by torch's exporters, unless it is there already; then prints, each model in a
process of its own, what every question of rfgraph costs in processor time, or what it says instead
of an answer. With `--regions` onnxruntime judges what units of some tensors read: changed outside
of its region, a unit must stay what it was to the bit. The exit code is 1 where one does not.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import timing
from benchmarks.public import export

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).resolve().parent
# Its own requirements name another build of torch.
APART = ("torchvision==0.28.0",)
LIMIT = 300  # seconds for one process
JUDGED = 6  # tensors of a model


def python_of(folder: Path) -> str:
    """Return the interpreter of the environment that exports, made unless it is there."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*install, "-r", str(HERE / "requirements.txt")], check=True)
        subprocess.run([*install, "--no-deps", *APART], check=True)
    return str(python)


def exported(folder: Path, name: str, way: str) -> Path | None:
    """Return a network's file, exported unless it is there; None where torch refuses."""
    file = folder / f"{name}_{way}.onnx"
    if not file.exists():
        command = [python_of(folder), str(HERE / "export.py"), name, way, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            said = [line for line in lines if re.match(r"[\w.]*Error", line)] or lines
            print(f"{file.stem}: not exported: {said[-1][:160]}")
            return None
    return file


# -- in a process of its own -----------------------------------------------------------------------


def costs(path: str) -> dict[str, Any]:
    """Return the processor time of every question on a model, or what is said instead."""
    import rfgraph
    import rfgraph.analysis.histogram  # importing is not part of what is timed

    found: dict[str, Any] = {}

    def timed(what: str, ask: Callable[[], Any]) -> Any:
        try:
            found[what], made = timing.once(ask)
        except rfgraph.RfgraphError as error:
            found[what] = str(error)
            return None
        return made

    model = timed("load", lambda: rfgraph.load(path))
    result = timed("analyze", lambda: rfgraph.analyze(model))
    fields = timed("fields", lambda: list(result.receptive_fields()))
    wide = [field for field in fields if any((a.size or 0) > 1 for a in field.axes.values())]
    if wide:
        last, shape = wide[-1].tensor, model.graph.nodes[wide[-1].tensor]["shape"]
        centre = [length // 2 for length in shape]
        timed("unit", lambda: rfgraph.unit(result, last, centre))
        timed("histogram", lambda: rfgraph.path_histogram(result, tensor=last))
        timed("erf", lambda: rfgraph.erf(result, last))
    timed("tiles", lambda: rfgraph.tiles(result, model.outputs[0]))
    found["tensors"], found["peak"] = len(model.graph), timing.peak()
    return found


def unsound(path: str) -> dict[str, Any]:
    """Return the units whose value changes with what lies outside of their region."""
    import numpy as np
    import onnx
    import onnxruntime as ort

    import rfgraph

    draw, numbers = random.Random(7), np.random.default_rng(7)
    result = rfgraph.analyze(path)
    source = result.model.inputs[0].name
    proto = onnx.load(path)
    made = {name for node in proto.graph.node for name in node.output}
    names = [field.tensor for field in result.receptive_fields() if field.tensor in made]
    judged = draw.sample(names, min(JUDGED, len(names)))
    kept = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*judged} - kept)
    options = ort.SessionOptions()
    # What is fused rounds otherwise.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(proto.SerializeToString(), options)
    shape = result.graph.nodes[source]["shape"]
    given, other = numbers.standard_normal((2, *shape)).astype(np.float32)
    wrong = []
    for name, whole in zip(judged, session.run(judged, {source: given}), strict=True):
        index = tuple(draw.randrange(length) for length in whole.shape)
        regions = rfgraph.unit(result, name, index, source).regions
        changed = other.copy()
        if regions and regions[0].clipped is not None:
            box = tuple(slice(first, last + 1) for first, last in regions[0].clipped)
            changed[box] = given[box]
        (again,) = session.run([name], {source: changed})
        if again[index] != whole[index]:
            wrong.append([name, *index])
    return {"judged": len(judged), "unsound": wrong}


def apart(what: str, file: Path) -> dict[str, Any]:
    """Return what a function of this module says of a file, asked in a process of its own."""
    script = (
        "import json, sys; from benchmarks.public import run; "
        f"print(json.dumps(run.{what}(sys.argv[1])))"
    )
    command = [sys.executable, "-c", script, str(file)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LIMIT, cwd=HERE.parents[1]
    )
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(words: Sequence[str]) -> int:
    """Export, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks public")
    parser.add_argument("names", nargs="*", metavar="NAME", help="as export.py prints them")
    default = Path(tempfile.gettempdir()) / "rfgraph-public"
    parser.add_argument("--folder", type=Path, default=default)
    parser.add_argument("--ways", nargs="+", choices=("ts", "dynamo"), default=["ts"])
    parser.add_argument("--regions", action="store_true", help="judged by onnxruntime")
    asked = parser.parse_args(words)
    asked.folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in asked.names or export.NAMES:
        for way in asked.ways:
            file = exported(asked.folder, name, way)
            if file is None:
                continue
            found = apart("unsound" if asked.regions else "costs", file)
            failed = failed or bool(found.get("unsound") or found.get("failed"))
            cells = (
                f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}"
                for key, value in found.items()
            )
            print(f"{file.stem}: {', '.join(cells)}", flush=True)
    return int(failed)
