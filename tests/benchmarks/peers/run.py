"""Make the environment, export the networks, measure every tool on each of them.

    cd tests && python -m benchmarks peers [--env DIR] [--rounds N] [--only NAME...] [--json FILE]

DIR (a folder of the temporary directory by default) holds the environment, the tools, the exported
models and peers.json, and is reused by the next run. The tools are installed apart from each other
and without their dependencies, whose pins contradict one another; what they need is in
requirements.txt. No two things run at a time. Best of N rounds, each round one process of
everything; a process longer than 10 seconds is not repeated more than once.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import timing
from benchmarks.peers import table

HERE = Path(__file__).resolve().parent
NETWORKS = (
    "resnet18", "resnet50", "densenet201", "efficientnet_b0", "highres3dnet", "unet_bilinear",
)  # fmt: skip
LIMIT = 300  # seconds for one process
LONG = 10.0
# What had to be done for a tool to run at all.
HELPED = [
    "rfa_toolbox 1.7.0 imports collections.Sequence, which Python 3.10 took away: put back here",
    "receptivefield is given networks without ReLU and MaxPool and with even weights, as it asks",
]

# What is measured, and the package it takes. The export makes the file that OWN read, in this
# very Python, and that the others need not.
OWN = ("onnx.load", "onnx.shape_inference", "rfgraph")
TOOLS = {
    "torch.onnx.export": None,
    **dict.fromkeys(OWN),
    "gradient, as it is": None,
    "gradient, prepared": None,
    "rfa_toolbox": "rfa_toolbox==1.7.0",
    "torchscan 0.1.2": "torchscan==0.1.2",
    "torchscan 0.2.0": "torchscan==0.2.0",
    "receptivefield": "receptivefield==0.5.0",
    "receptive-field-calculation": "receptive-field-calculation==0.0.0.dev1",
}


@dataclass
class Place:
    """The folder that a run works in, and what was noted while it was made."""

    root: Path
    notes: list[str] = field(default_factory=list)

    @property
    def python(self) -> str:
        return str(self.root / "venv" / "bin" / "python")

    def tool(self, name: str) -> Path:
        return self.root / "tools" / name.replace(" ", "-")

    def model(self, network: str) -> Path:
        return self.root / "models" / f"{network}.onnx"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def install(place: Place) -> None:
    """Make the environment, unless it is there already."""
    if not Path(place.python).exists():
        say(f"making an environment in {place.root}")
        subprocess.run([sys.executable, "-m", "venv", str(place.root / "venv")], check=True)
        wanted = str(HERE / "requirements.txt")
        subprocess.run([place.python, "-m", "pip", "install", "-q", "-r", wanted], check=True)
    for name, package in TOOLS.items():
        if package:
            fetch(place, name, package)


def fetch(place: Place, name: str, package: str) -> None:
    """Install one tool into a folder of its own; what pip says against it is noted."""
    folder = place.tool(name)
    note = folder / "refused.txt"
    if not folder.exists():
        say(f"installing {package}")
        base = [place.python, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
        refused = subprocess.run([*base, package], capture_output=True, check=False).returncode
        if refused:
            forced = [*base, "--ignore-requires-python", package]
            failed = subprocess.run(forced, capture_output=True, check=False).returncode
            folder.mkdir(parents=True, exist_ok=True)
            version = platform.python_version_tuple()
            how = "and not even with" if failed else "installed with"
            note.write_text(
                f"{package}: pip refuses it for Python {version[0]}.{version[1]}, "
                f"{how} --ignore-requires-python"
            )
    if note.exists():
        place.notes.append(note.read_text())


def launch(place: Place, command: list[str]) -> dict[str, Any]:
    """Run a command by itself; return what it took and the last line it printed."""
    out = place.root / "out.txt"
    done = subprocess.run(
        [sys.executable, "-S", str(HERE / "launch.py"), str(LIMIT), str(out), *command],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(timing.ROOT), "MPLBACKEND": "agg"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    lines = out.read_text(errors="replace").splitlines()
    found["last"] = lines[-1] if lines else ""
    return found


def work(place: Place, tool: str, network: str, calls: int) -> dict[str, Any]:
    """Run a tool once; return its process's figures and its answer."""
    python = sys.executable if tool in OWN else place.python
    command = [python, str(HERE / "worker.py"), tool, network, str(place.model(network))]
    found = launch(place, [*command, str(calls), str(place.tool(tool)) if TOOLS.get(tool) else ""])
    if found["code"] is None:
        found["answer"] = {"error": f"longer than {LIMIT} s"}
    elif found["code"]:
        found["answer"] = {"error": found["last"][:160]}
    else:
        found["answer"] = json.loads(found["last"])
    if tool == "rfgraph":
        # As a process it is the command line.
        command = [python, "-m", "rfgraph", str(place.model(network)), "--format", "json"]
        found |= launch(place, command)
    return found


def again(row: dict[str, Any], count: int) -> bool:
    """Tell whether a further round is of use."""
    if not row:
        return True
    return "error" not in row["answer"] and (row["process"]["wall"] <= LONG or count < 2)


def merge(row: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Keep the best figures of several rounds."""
    answer = dict(found["answer"])
    process = {key: found[key] for key in ("wall", "cpu", "peak")}
    call = {key: answer.pop(key) for key in ("wall", "cpu") if key in answer}
    if row:
        process = {key: min(value, row["process"][key]) for key, value in process.items()}
        call = {key: min(value, row["call"][key]) for key, value in call.items()}
    return {"answer": answer, "process": process, "call": call}


def measure(place: Place, network: str, rounds: int) -> dict[str, Any]:
    """Measure all tools in turn, round after round."""
    rows: dict[str, Any] = {tool: {} for tool in TOOLS}
    for count in range(rounds):
        for tool in TOOLS:
            if again(rows[tool], count):
                rows[tool] = merge(rows[tool], work(place, tool, network, 0))
                took = rows[tool]["process"]["wall"]
                say(f"{network}, round {count + 1}: {tool}: {took:.2f} s {rows[tool]['answer']}")
    for tool, row in rows.items():
        if "error" not in row["answer"] and row["call"]["wall"] < 1:
            best = work(place, tool, network, 7)["answer"]
            row["call"] = {key: min(best[key], row["call"][key]) for key in ("wall", "cpu")}
    return rows


def machine() -> dict[str, Any]:
    """Say in general terms where this ran."""
    return {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def main(arguments: list[str]) -> None:
    """Install, export, measure, print the tables and write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers")
    default = Path(tempfile.gettempdir()) / "rfgraph-peers"
    parser.add_argument("--env", type=Path, default=default, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    place = Place(options.env.resolve())
    place.root.mkdir(parents=True, exist_ok=True)
    install(place)
    place.model("x").parent.mkdir(exist_ok=True)
    networks: dict[str, Any] = {}
    found = {
        "machine": machine(), "rounds": options.rounds, "notes": [*place.notes, *HELPED],
        "expected": {name: table.expected(name) for name in options.only}, "networks": networks,
    }  # fmt: skip
    file = options.json or place.root / "peers.json"
    for name in options.only:
        networks[name] = measure(place, name, options.rounds)
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table.markdown(found))
    say(f"written to {file}")
