"""The files in fixtures/exports, how each was exported, and at which size it is looked at."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import onnx

import rfgraph

HERE = Path(__file__).resolve().parents[1] / "fixtures" / "exports"
ALL = ("ts", "ts_dynamic", "dynamo", "dynamo_dynamic")
FUSING = "dynamo_opset23"
# How each network was exported, at which size, and a size of its own for what is dynamic.
NETWORKS = {
    "unet": (ALL, (1, 3, 64, 64), (1, 3, 40, 24)),
    "unet_corners": (ALL[:2], (1, 3, 64, 64), (1, 3, 36, 27)),
    "swin": (ALL, (1, 3, 112, 112), (1, 3, 112, 112)),
    "swin_computed": (ALL[:2], (1, 3, 112, 112), (1, 3, 112, 112)),
    "mobilenet": (ALL, (1, 3, 64, 64), (1, 3, 48, 40)),
    "convnext": (ALL, (1, 3, 96, 96), (1, 3, 56, 40)),
    "vit": (ALL, (1, 3, 64, 64), (1, 3, 64, 64)),
    "vit_fused": (("ts", "dynamo", FUSING), (1, 3, 64, 64), ()),
    "espcn": (ALL, (1, 1, 24, 20), (1, 1, 9, 12)),
    "norms": ((*ALL, FUSING), (1, 3, 20, 24), (1, 3, 20, 24)),
    "shuffle": (ALL, (1, 8, 16, 12), (1, 8, 9, 7)),
    "pads": (ALL, (1, 2, 16, 12), (1, 2, 9, 8)),
    "detector": (ALL, (1, 3, 64, 64), (1, 3, 48, 32)),
    "causal": (ALL, (1, 1, 160), (1, 1, 45)),
    "reader": (ALL[:3], (1, 1, 16, 48), (1, 1, 16, 22)),
    "spectral": (ALL, (1, 400), (1, 170)),
    "attending": (ALL, (1, 2, 32), (1, 2, 13)),
}
OTHERS = {
    "steered_ts_dynamic": (1, 1, 43),
    "nhwc_tensorflow": (1, 64, 64, 3),
    "nhwc_tensorflow_dynamic": (1, 64, 64, 3),
    "temporal_tensorflow": (1, 64, 2),
    "unet_quantized": (1, 3, 64, 64),
    "mobilenet_quantized": (1, 3, 64, 64),
}
FILES = {
    f"{name}_{way}": other if way.endswith("dynamic") else exported
    for name, (ways, exported, other) in NETWORKS.items()
    for way in ways
} | OTHERS
RATE = {"steered_ts_dynamic": {"rate": np.array(16000)}}
LARGE = "swin_large"
# Their transformers have hundreds of tensors of thousands of units.
LONG = tuple(name for name in FILES if name.startswith("swin"))


def proto(name):
    path = HERE / f"{name}.onnx"
    if path.exists():
        return onnx.load(path)
    return onnx.load_from_string(gzip.decompress((HERE / f"{name}.onnx.gz").read_bytes()))


@cache
def model(name, shape=None):
    """The loaded file, its signal at `shape` or as FILES has it."""
    stored = proto(name)
    shape = shape or FILES[name]
    return rfgraph.load(
        stored, input_shapes={stored.graph.input[0].name: shape}, input_values=RATE.get(name)
    )


@cache
def analysed(name, shape=None):
    return rfgraph.analyze(model(name, shape))


def cases(*names, ways=(*ALL, FUSING)):
    """Every file of these networks that was exported in one of these ways."""
    return [f"{name}_{way}" for name in names for way in NETWORKS[name][0] if way in ways]


def network(file):
    return max((name for name in NETWORKS if file.startswith(f"{name}_")), key=len)


def as_exported(file):
    """Analysed at the size at which it was exported, dynamic or not."""
    return analysed(file, NETWORKS[network(file)][1])


def feature_map(name):
    """The output, or what feeds what makes it global."""
    result = as_exported(name)
    (output,) = result.outputs
    return result.receptive_field(output.before_global[0] if output.before_global else output.name)
