"""Inputs that are no plain tensors, types that nobody knows, data that lies elsewhere."""

from __future__ import annotations

from onnx import TensorProto, TypeProto, ValueInfoProto, helper

from hostile.cases import Cases, answered, either
from hostile.make import IMAGE, model, node, value, weights

GROUP = "types"


def _typed(make):
    made = ValueInfoProto(name="q")
    make(made.type)
    return made


def _tensor(kind: TypeProto, shape=IMAGE, element=1):
    kind.CopyFrom(helper.make_tensor_type_proto(element, shape))


def cases() -> Cases:
    def sequence(kind):
        return kind.sequence_type.elem_type

    shapes = {
        "a sequence": lambda t: _tensor(sequence(t)),
        "a sequence of sequences": lambda t: _tensor(sequence(sequence(t))),
        "an optional": lambda t: _tensor(t.optional_type.elem_type),
        "an optional sequence": lambda t: _tensor(sequence(t.optional_type.elem_type)),
        "a map": lambda t: _tensor(t.map_type.value_type),
        "a sparse tensor": lambda t: t.sparse_tensor_type.shape.dim.add(dim_value=4),
        "an empty type": lambda t: None,
        "a tensor without type": lambda t: t.tensor_type.SetInParent(),
        "a tensor of an unknown type": lambda t: _tensor(t, element=999),
        "a tensor of rank 0": lambda t: _tensor(t, ()),
        "a tensor of length 0": lambda t: _tensor(t, (1, 0, 8, 8)),
        "a tensor of length -1": lambda t: _tensor(t, (-1, -1, -1, -1)),
        "a tensor of length -2^63": lambda t: _tensor(t, (-(2**63), 4, 8, 8)),
        "a tensor of symbols": lambda t: _tensor(t, ("n", "n", "n", "n")),
        "a tensor of nameless symbols": lambda t: _tensor(t, (None, None, None, None)),
        "a tensor of rank 33": lambda t: _tensor(t, (1,) * 33),
        "a tensor of rank 100,000": lambda t: _tensor(t, (1,) * 100_000),
        "strings": lambda t: _tensor(t, element=8),
    }  # fmt: skip
    for name, make in shapes.items():
        for op_type in ("Relu", "Conv", "SequenceAt", "OptionalGetElement", "Identity", "ZipMap"):
            inputs = ["q", "w"] if op_type in ("Conv", "SequenceAt") else ["q"]
            made = model(
                [node(op_type, inputs, "y", "reader")],
                [_typed(make)],
                initializers=[weights("w", 4, 4, 3, 3)],
            )
            yield either(GROUP, f"{op_type} of {name}", made, "reader", "'q'", "without inputs")
    for kind in sorted(TensorProto.DataType.values()):
        stored = weights("w", 4, 1, 1, kind=kind)
        yield either(
            GROUP,
            f"weights of type {kind} without payload",
            model([node("Add", "x w", "y", "adder")], initializers=[stored]),
        )
        stored = weights("w", 4, 1, 1, kind=kind)
        stored.raw_data = bytes(16)
        yield either(
            GROUP,
            f"weights of type {kind} of 16 bytes",
            model([node("Add", "x w", "y", "adder")], initializers=[stored]),
            "'w'",
        )
        yield either(
            GROUP,
            f"an input of type {kind}",
            model([node("Relu", "x", "y")], [value("x", IMAGE, kind)]),
        )
    sparse = model([node("Add", "x s", "y", "adder")])
    made = sparse.graph.sparse_initializer.add()
    made.values.CopyFrom(weights("s", 2**62))
    made.indices.CopyFrom(weights("i", 2**62, 2, kind=7))
    made.dims.extend([2**62, 2**62])
    yield either(GROUP, "a sparse tensor of 2^124 elements", sparse, "adder")
    made.dims[:] = [-1, -1]
    yield either(GROUP, "a sparse tensor of negative dims", sparse, "adder", "'s'")
    for location in (
        "/etc/passwd",
        "../../../../../../etc/passwd",
        "/dev/zero",
        "weights.bin",
        "http://127.0.0.1:1/w",
        "\x00",
        "",
    ):
        stored = weights("w", 4, 4, 3, 3)
        stored.data_location = TensorProto.EXTERNAL
        stored.external_data.add(key="location", value=location)
        stored.external_data.add(key="offset", value="-1")
        stored.external_data.add(key="length", value=str(2**62))
        yield answered(
            GROUP,
            f"weights in {location!r}",
            model([node("Conv", "x w", "y")], initializers=[stored]),
        )
