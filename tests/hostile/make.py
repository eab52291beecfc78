"""Models in a line or two, as messages, so that any part of them can be made wrong."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from onnx import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

IMAGE = (1, 4, 8, 8)
OPSET = 21


def value(name, shape=None, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op_type, inputs, outputs, name="", domain="", **attributes):
    """A node; `inputs` and `outputs` are names, several in one string are separated by blanks."""
    inputs, outputs = (n.split() if isinstance(n, str) else n for n in (inputs, outputs))
    return helper.make_node(op_type, inputs, outputs, name=name, domain=domain, **attributes)


def ints(name, numbers, shape=None):
    array = np.array(numbers, dtype=np.int64)
    return numpy_helper.from_array(array if shape is None else array.reshape(shape), name)


def floats(name, numbers):
    return numpy_helper.from_array(np.array(numbers, dtype=np.float32), name)


def weights(name, *dims, kind=TensorProto.FLOAT):
    """A tensor of these dims without its payload, as large ones are after reading."""
    tensor = TensorProto(name=name, data_type=kind)
    tensor.dims.extend(dims)
    return tensor


def graph(nodes, inputs=(), outputs=(), initializers=(), name="g"):
    made = GraphProto(name=name)
    made.node.extend(nodes)
    made.input.extend(inputs)
    made.output.extend(outputs)
    made.initializer.extend(initializers)
    return made


def function(name, inputs, outputs, nodes, domain="local"):
    made = FunctionProto(name=name, domain=domain)
    made.input.extend(inputs.split())
    made.output.extend(outputs.split())
    made.node.extend(nodes)
    for used in ("", domain):
        made.opset_import.add(domain=used, version=OPSET if not used else 1)
    return made


def model(
    nodes, inputs=None, outputs=("y",), initializers=(), functions=(), opset=OPSET, **domains
):
    """A model; an input is a value or a name, which stands for one of shape `IMAGE`."""
    inputs = ["x"] if inputs is None else inputs
    made = ModelProto(ir_version=10, producer_name="hostile")
    made.graph.CopyFrom(
        graph(
            nodes,
            [item if isinstance(item, ValueInfoProto) else value(item, IMAGE) for item in inputs],
            [item if isinstance(item, ValueInfoProto) else value(item) for item in outputs],
            initializers,
        )
    )
    made.opset_import.add(domain="", version=opset)
    for domain in ("local", "com.microsoft"):
        made.opset_import.add(domain=domain, version=1)
    for domain, version in domains.items():
        made.opset_import.add(domain=domain, version=version)
    made.functions.extend(functions)
    return made


def conv_chain(count, kernel=3, length=None, dilation=1):
    """`count` one-dimensional convolutions, one after the other."""
    pad = (kernel - 1) * dilation // 2
    names = ["x", *(f"t{k}" for k in range(1, count)), "y"]
    nodes = [
        NodeProto(op_type="Conv", name=f"conv{k}", input=[before, "w"], output=[after])
        for k, (before, after) in enumerate(itertools.pairwise(names))
    ]
    for made in nodes:
        made.attribute.add(name="pads", type=7, ints=[pad, pad])
        made.attribute.add(name="dilations", type=7, ints=[dilation])
    return model(nodes, [value("x", [1, 1, length or 256])], ["y"], [weights("w", 1, 1, kernel)])


@dataclass(frozen=True)
class Base:
    """One operator as it should be: what its inputs are, and its attributes.

    An input is a shape (data), a list (a constant of integers), an array of floats (a constant), or
    a tensor (stored). None is an input left out.
    """

    op_type: str
    inputs: list
    attributes: dict = field(default_factory=dict)
    outputs: int = 1
    domain: str = ""
    opset: int = OPSET

    @property
    def label(self):
        return self.op_type

    def build(self):
        """The model of this one node, named "culprit"."""
        names, inputs, initializers = [], [], []
        for k, item in enumerate(self.inputs):
            name = "" if item is None else f"in{k}"
            names.append(name)
            if isinstance(item, tuple):
                inputs.append(value(name, item))
            elif isinstance(item, list):
                initializers.append(ints(name, item))
            elif isinstance(item, np.ndarray):
                initializers.append(numpy_helper.from_array(item, name))
            elif item is not None:
                stored = TensorProto()
                stored.CopyFrom(item)
                stored.name = name
                initializers.append(stored)
        outputs = [f"y{k}" for k in range(self.outputs)]
        made = node(self.op_type, names, outputs, "culprit", self.domain, **self.attributes)
        return model([made], inputs, outputs, initializers, opset=self.opset)
