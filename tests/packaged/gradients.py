"""Maps beside gradients of trained networks on a photograph: `python -m packaged.gradients`.

The networks come inside packages on PyPI, the photograph with matplotlib. Noise on a block of the
input changes a unit by the sum of its squared gradient over the block, times that of the noise;
so onnxruntime alone measures it, without a framework. Crops of the photograph are averaged. What
is printed of a tensor: spread (rows, columns) of the root of that sum, and of each map the same,
the correlation of both over all blocks, and their total variation distance.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import onnx
import onnxruntime
from PIL import Image

import rfgraph
from packaged.__main__ import fetch, models

SIDE, BLOCK, NOISE = 320, 16, 0.02
NETS = {
    "nudenet": ("320n.onnx", (0.0, 1.0), [f"/model.{n}/cv2/act/Mul_output_0" for n in (4, 9, 15)]),
    "rapidocr-onnxruntime": (
        "ch_PP-OCRv4_det_infer.onnx",
        (0.5, 0.5),
        ["p2o.Add.215", "p2o.Concat.1"],
    ),
}
MAPS = ("uniform", "random", "stored")


def crops(mean: float, scale: float) -> list[np.ndarray]:
    """Return the photograph, resized and in parts, as networks take it."""
    path = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    photo = Image.open(path).convert("RGB")
    corners = ((60, 40), (photo.width - SIDE, photo.height - SIDE), (0, 0))
    parts = [photo.crop((x, y, x + SIDE, y + SIDE)) for x, y in corners]
    images = [np.asarray(each, np.float32) for each in (photo.resize((SIDE, SIDE)), *parts)]
    return [((each / 255 - mean) / scale).transpose(2, 0, 1)[None] for each in images]


def measure(session, images, tensors):
    """Return by tensor the squared gradient of its middle unit by block, averaged over images."""
    name, count = session.get_inputs()[0].name, SIDE // BLOCK
    random = np.random.default_rng(0)
    found = {tensor: np.zeros((count, count)) for tensor in tensors}
    for image in images:
        plain = [middle(y) for y in session.run(tensors, {name: image})]
        for row, column in np.ndindex(count, count):
            noisy = image.copy()
            at = (
                slice(None),
                slice(None),
                *(slice(n * BLOCK, (n + 1) * BLOCK) for n in (row, column)),
            )
            noisy[at] += NOISE * random.normal(size=(1, 3, BLOCK, BLOCK))
            for tensor, old, new in zip(
                tensors, plain, session.run(tensors, {name: noisy}), strict=True
            ):
                found[tensor][row, column] += (
                    ((middle(new) - old) ** 2).sum() / NOISE**2 / len(images)
                )
    return found


def middle(y):
    return y[:, :, y.shape[2] // 2, y.shape[3] // 2].astype(float)


def spread(values):
    places = (np.arange(len(values)) + 0.5) * BLOCK - 0.5
    lines = [values.sum(axis=axis) / values.sum() for axis in (1, 0)]
    means = [(line * places).sum() for line in lines]
    return tuple(
        round(float(np.sqrt((line * (places - mean) ** 2).sum())), 1)
        for line, mean in zip(lines, means, strict=True)
    )


def compare(content, scaling, tensors):
    """Yield a line for each tensor, and for each of its maps."""
    model = onnx.load_from_string(content)
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    measured = measure(session, crops(*scaling), tensors)
    name = session.get_inputs()[0].name
    result = rfgraph.analyze(rfgraph.load(content, input_shapes={name: (1, 3, SIDE, SIDE)}))
    count = SIDE // BLOCK
    for tensor in tensors:
        want = np.sqrt(measured[tensor])
        yield f"  {tensor}: {spread(want)}"
        for kind in MAPS:
            squares = rfgraph.erf(result, tensor, map=kind).map.astype(float) ** 2
            found = np.sqrt(squares.reshape(count, BLOCK, count, BLOCK).sum(axis=(1, 3)))
            near = np.corrcoef(found.ravel(), want.ravel())[0, 1]
            apart = 0.5 * np.abs(found / found.sum() - want / want.sum()).sum()
            yield f"    {kind:8} {spread(found)} correlation {near:.3f} distance {apart:.3f}"


def main() -> None:
    """Fetch, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m packaged.gradients")
    parser.add_argument("packages", nargs="*", default=NETS, choices=[*NETS, []])
    default = Path(tempfile.gettempdir()) / "rfgraph-packaged"
    parser.add_argument("--folder", type=Path, default=default)
    options = parser.parse_args()
    for package in options.packages or NETS:
        file, scaling, tensors = NETS[package]
        every = models(fetch(package, options.folder))
        content = next(content for name, content in every if name.endswith(file))
        print(f"{package} {file}", flush=True)
        for line in compare(content, scaling, tensors):
            print(line, flush=True)


if __name__ == "__main__":
    main()
