"""A plan of tiles put together under onnxruntime, beside the whole run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnxruntime as ort

from rfgraph.analysis import tiling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnx

Net: TypeAlias = Callable[[np.ndarray], np.ndarray]


def network(model: onnx.ModelProto) -> Net:
    """Return the function from an input to the only output."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: np.ascontiguousarray(x)})[0]


def stitched(plan: Iterable[tiling.Tile], net: Net, x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return what tiles write, NaN where none does; no position is written twice."""
    out = np.full(like.shape, np.nan, like.dtype)
    for tile in plan:
        assert np.isnan(out[tile.write]).all()
        out[tile.write] = net(x[tile.read])[tile.crop]
    return out


def narrower(
    plan: tiling.Tiling, image: Sequence[int], number: int, side: int
) -> list[tiling.Tile]:
    """Return the plan of an image with one grid step less of a halo."""
    axis = plan.geometry.axes[number]
    halos = [list(axis.halo), list(axis.grid_halo)]
    for pair in halos:
        pair[side] -= axis.period[1]
    axes = list(plan.axes.values())
    axes[number] = replace(axis, halo=tuple(halos[0]), grid_halo=tuple(halos[1]))
    found = replace(plan.geometry, axes=tuple(axes))
    return list(tiling.plan_tiles(found, plan.recommended.core, image))


def image_of(shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Return a random input of whole numbers: sums of them are the same in any order."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)
