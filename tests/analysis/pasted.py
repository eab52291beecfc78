"""Run lines for dask or MONAI beside the whole: `python pasted.py dask|monai MODEL LINES`.

In an environment that has these libraries, without rfgraph; prints as JSON what differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

SHAPE = (1, 1, 128, 160)


def main(library: str, model: str, lines: str) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    x = np.random.default_rng(0).integers(-4, 5, SHAPE).astype(np.float32)

    def net(part):
        # dask asks for the type with an empty array.
        return session.run(None, {given.name: np.ascontiguousarray(part)})[0] if part.size else part

    whole = net(x)
    made, windows = RUN[library](Path(lines).read_text(encoding="utf-8"), net, x)
    apart = float(np.abs(made - whole).max()) if made.shape == whole.shape else None
    print(json.dumps({"apart": apart, "windows": windows}))


def with_dask(lines, net, x):
    import dask.array

    windows = []

    def counted(part):
        windows.append(part.shape)
        return net(part)

    names = {"dask": dask, "net": counted, "x": dask.array.from_array(x)}
    exec(lines, names)
    return np.asarray(names["y"].compute(scheduler="synchronous")), windows


def with_monai(lines, net, x):
    import monai.inferers
    import torch

    windows = []

    def counted(part):
        windows.append(tuple(part.shape))
        return torch.from_numpy(net(part.numpy()))

    names = {"monai": monai, "net": counted, "x": torch.from_numpy(x)}
    exec(lines, names)
    return names["y"].numpy(), windows


RUN = {"dask": with_dask, "monai": with_monai}

if __name__ == "__main__":
    main(*sys.argv[1:])
