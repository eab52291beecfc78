"""Small networks, each with one thing to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import helper, numpy_helper

import fixtures
from fixtures.make.net import Net

FOLDER = Path(fixtures.__file__).parent


def fixture(name):
    """The path of a stored model."""
    return str(FOLDER / f"{name}.onnx")


def bound(model, length):
    """A model with every spatial length of its inputs replaced."""
    for value in model.graph.input:
        for dim in value.type.tensor_type.shape.dim[2:]:
            dim.dim_value = length
    return model


def chain(*layers, length=64, kernel=3, channels=2):
    """A plain 1-D network; each layer is (dilation, stride), padded on both sides alike."""
    net = Net("chain", "arithmetic only")
    x = net.input("x", [1, channels, length])
    for number, (dilation, stride) in enumerate(layers):
        pad = dilation * (kernel - 1) // 2
        x = net.conv(x, f"conv{number}", channels, kernel, stride, pad, d=dilation)
        length = (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    net.output(x, [1, channels, length])
    return net.model()


def residual(length=32):
    """Two 5-wide branches beside an identity: sizes 1 and 5, so 1, 5, 5, 9 after two of them."""
    net = Net("residual", "arithmetic only")
    x = net.input("x", [1, 2, length])
    for number in range(2):
        y = net.conv(x, f"branch{number}", 2, 5, 1, 2)
        x = net.add(x, y, f"add{number}")
    net.output(x, [1, 2, length])
    return net.model()


def pooled(length=32):
    """A 3-wide convolution, then a global pool and a classifier."""
    net = Net("pooled", "arithmetic only")
    x = net.conv(net.input("x", [1, 2, length, length]), "conv", 4, 3, 1, 1)
    net.head(net.relu(x, "relu"), "fc")
    return net.model()


def sampled():
    """GridSample at positions that are computed from the input."""
    net = Net("sampled", "arithmetic only")
    x = net.input("x", [1, 2, 16, 16])
    moved = net.node("Transpose", [net.conv(x, "offsets", 2, 3, 1, 1)], "grid", perm=[0, 2, 3, 1])
    net.output(net.node("GridSample", [x, moved], "sample"), [1, 2, 16, 16])
    return net.model()


def joined_branches(name_a, name_b):
    """Two branches under names of the caller's, one of them padded on one side only."""
    net = Net("joined", "arithmetic only")
    x = net.input("x", [1, 2, 16])
    a = net.conv(x, name_a, 2, 3, 1, 1)
    b = net.conv(x, name_b, 2, 3, 1, (2, 0))
    net.output(net.add(a, b, "merge"), [1, 2, 16])
    return net.model()


def constant_node(name, shape):
    """A node that produces zeros."""
    return helper.make_node(
        "Constant", [], [name], value=numpy_helper.from_array(np.zeros(shape, np.float32))
    )
