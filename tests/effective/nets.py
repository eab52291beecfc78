"""Small networks whose effective fields are known in closed form, or from elsewhere."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Net:
    """A chain of nodes with weights of ones; each method appends one and returns its output."""

    def __init__(self, shape, opset=17):
        self.shape, self.opset = list(shape), opset
        self.nodes, self.stored = [], []
        self.channels = {"x": shape[1]}

    def const(self, value):
        name = f"c{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, *reads, name=None, channels=None, **attributes):
        name = name or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(reads), [name], **attributes))
        self.channels[name] = self.channels.get(reads[0], 1) if channels is None else channels
        return name

    def conv(self, x, channels, k=3, d=1, s=1, rank=2, pad=None, group=1, kind="Conv", **more):
        into = self.channels[x]
        lead = (into, channels // group) if kind == "ConvTranspose" else (channels, into // group)
        weight = self.const(np.ones((*lead, *(k,) * rank), np.float32))
        pad = d * (k // 2) if pad is None else pad
        return self.node(
            kind,
            *(x, weight),
            channels=channels,
            dilations=[d] * rank,
            strides=[s] * rank,
            pads=[pad] * 2 * rank,
            group=group,
            **more,
        )

    def norm(self, x):
        own = [self.const(np.ones(self.channels[x], np.float32)) for _ in range(4)]
        return self.node("BatchNormalization", x, *own)

    def model(self, output):
        declared = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, self.shape)
        found = helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [declared], [found], self.stored)
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=9)


def stack(side, layers, *, channels=4, relu=True, skip=False, dropout=False, data=3):
    """3x3 convolutions of (dilation, stride); Relu after each but the last, or x + conv(x)."""
    net = Net((1, data, side, side))
    x = "x"
    for number, (d, s) in enumerate(layers):
        before = x
        x = net.conv(x, channels, d=d, s=s)
        if relu and number < len(layers) - 1:
            x = net.node("Relu", x)
        if dropout:
            x = net.node("Dropout", x)
        if skip and number:
            x = net.node("Add", before, x)
    return net.model(x)
