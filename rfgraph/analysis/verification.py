"""Tiles and streams proved: the file's network run on parts of a random input, and on the whole.

This alone runs a model, and only when it is asked for: in a process of its own, which may take
MAX_SECONDS and MAX_BYTES.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.geometry import geometry
from rfgraph.analysis.parts import (
    chunk_parts,
    inside_parts,
    least_core,
    least_image,
    tile_parts,
)
from rfgraph.analysis.proof import Less, Proof
from rfgraph.errors import UsageError
from rfgraph.wording.names import one_line, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rfgraph.analysis.analysis import Analysis
    from rfgraph.analysis.geometry import Geometry
    from rfgraph.analysis.parts import Question
    from rfgraph.analysis.streaming import Streaming
    from rfgraph.analysis.tiling import Tile, Tiling

MAX_SECONDS = 600
MAX_BYTES = 1 << 33


def prove_tiles(
    result: Analysis, item: Tiling, file: str, values: Mapping[str, Any] | None = None
) -> Proof:
    """Return what the tiles of an image give beside the whole, run by onnxruntime.

    Of the image that `item` plans or, without one, of the least that has tiles with halos on both
    sides. `values` are those of inputs that are constants. UsageError without onnxruntime.
    """
    _require_runtime()
    if not item.exact or item.recommended is None:
        return Proof(why="tiles are not exact" if not item.exact else "no tile has a core")
    motion = item.geometry
    fixed = any(axis.lengths.is_fixed for axis in motion.axes)
    if item.plan is None:
        core = item.recommended.core if fixed else tuple(map(least_core, motion.axes))
        image = tuple(map(least_image, motion.axes, core))
        motion = geometry(result, item.tensor, item.input, image)
    else:
        core = item.recommended.core
        image = tuple(max(tile.read[axis.axis].stop for tile in item.plan) for axis in motion.axes)
    proof = _ask(motion, file, values, tile_parts(motion, core, image))
    if fixed and proof.why:
        inside = inside_parts(motion)
        return proof if inside is None else _ask(motion, file, values, inside)
    return proof


def prove_stream(item: Streaming, file: str, values: Mapping[str, Any] | None = None) -> Proof:
    """Return what a stream in its first length of chunk gives beside the whole.

    Run by onnxruntime on each chunk and the context before it. UsageError without onnxruntime.
    """
    _require_runtime()
    if not item.chunks:
        return Proof(why="it does not stream")
    proof = _ask(item.geometry, file, values, chunk_parts(item, within=False))
    if proof.why:
        return _ask(item.geometry, file, values, chunk_parts(item, within=True))
    return proof


def _require_runtime() -> None:
    if find_spec("onnxruntime") is None:
        raise UsageError(
            "--verify requires onnxruntime, which is not installed: pip install '.[verify]'"
        )


# -- the process -----------------------------------------------------------------------------------


def _ask(found: Geometry, file: str, values: Mapping[str, Any] | None, question: Question) -> Proof:
    """Run a question in a process of its own."""
    if not question.parts:
        return Proof(why="the length that the file fixes leaves no room for a part")
    plans = [question.parts, *(parts for *_, parts in question.less if not isinstance(parts, str))]
    said = _outcome(
        {
            "file": os.fspath(file),
            "tensor": found.tensor,
            "input": found.input,
            "opened": [] if question.within else [axis.axis for axis in found.axes],
            "shape": question.shape,
            "out": question.out,
            "within": question.within,
            "beside": _beside(found),
            "values": {name: _as_lists(value) for name, value in (values or {}).items()},
            "plans": [[_ranges(part) for part in plan] for plan in plans],
            "most_bytes": MAX_BYTES,
            "most_seconds": MAX_SECONDS,
        }
    )
    proof = Proof(len(question.parts), question.shape, within=question.within)
    error = said.get("error") or said["plans"][0].get("error")
    if error:
        return replace(proof, why=one_line(error))
    whole, *others = said["plans"]
    return replace(
        proof,
        difference=whole["difference"],
        scale=said["scale"],
        epsilon=said["epsilon"],
        random_weights=said["random_weights"],
        less=tuple(_less(question, others)),
    )


def _less(question: Question, others: Sequence[Mapping[str, Any]]) -> Iterator[Less]:
    ran = iter(others)
    for axis, what, parts in question.less:
        if isinstance(parts, str):
            yield Less(axis, what, None, parts)
        else:
            outcome = next(ran)
            error = outcome.get("error")
            yield Less(axis, what, outcome.get("difference"), error and one_line(error))


def _beside(found: Geometry) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the other inputs; UsageError where they are cut as well."""
    own = found.item
    cut = {own.symbolic[axis.axis] for axis in found.axes if own.symbolic.get(axis.axis)}
    along = {name for axis in found.axes if not axis.lengths.is_fixed for name, _ in axis.inputs}
    shapes = {}
    for item in found.model.inputs:
        if item.name == found.input:
            continue
        if item.name in along or cut.intersection(item.symbolic.values()):
            raise UsageError(
                f"--verify cuts input {quote(found.input)} alone, and the lengths of input "
                f"{quote(item.name)} follow it"
            )
        shapes[item.name] = item.shape
    return shapes


def _as_lists(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _ranges(part: Tile) -> dict[str, list[tuple[int | None, int | None]]]:
    return {
        key: [(item.start, item.stop) for item in getattr(part, key)]
        for key in ("read", "write", "crop")
    }


def _outcome(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the process says of a job."""
    command = [sys.executable, "-m", "rfgraph.analysis.running"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=job["most_seconds"],
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it took more than {job['most_seconds']} seconds"}
    if done.returncode:
        return {"error": f"the process ended with {done.returncode}: out of memory, or a crash"}
    said: dict[str, Any] = json.loads(done.stdout)
    return said
