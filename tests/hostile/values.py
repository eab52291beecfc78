"""Every attribute and constant of every plain operator, made extreme, wrong in type, or absent."""

from __future__ import annotations

import copy

import numpy as np
import onnx
from onnx import AttributeProto, helper, numpy_helper

from hostile.bases import BASES

INTEGERS = [-(2**63), -(2**62), -2, -1, 0, 1, 7, 2**31, 2**62, 2**63 - 1]
NUMBERS = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1e-45, -1.0, 1e38, 1e-7, 0.3]
SHAPES = [
    (),
    (0,),
    (1, 0, 8, 8),
    (2**62,),
    (2**31, 2**31, 2**31),
    (1,) * 9,
    (1,) * 70,
    (1, 4, 2**62, 2**62),
]
TEXTS = ["", "no such mode", "a" * 5000, "\x1b[31m\u202e"]


def variants():
    """Yield (label, bytes): one thing wrong with one operator each."""
    for number, base in enumerate(BASES):
        proto = base.build()
        for change, made in _changes(proto):
            yield f"{base.op_type}-{number}: {change}", made.SerializeToString()


def _changes(proto):
    node = next(n for n in proto.graph.node if n.name == "culprit")
    for attribute in node.attribute:
        yield from _attribute(proto, attribute)
    for tensor in proto.graph.initializer:
        yield from _initializer(proto, tensor)
    for item in proto.graph.input:
        yield from _input(proto, item)
    for slot in range(len(node.input)):
        yield (
            f"input {slot} left out",
            _changed(proto, lambda n, _, k=slot: n.input.__setitem__(k, "")),
        )
        yield (
            f"inputs end before {slot}",
            _changed(proto, lambda n, _, k=slot: n.input.__delitem__(slice(k, None))),
        )
    yield (
        "no outputs named",
        _changed(proto, lambda n, g: (n.ClearField("output"), g.ClearField("output"))),
    )
    yield "one output more", _changed(proto, lambda n, _: n.output.append("extra"))
    yield (
        "forty inputs more",
        _changed(proto, lambda n, _: n.input.extend([n.input[0] if n.input else ""] * 40)),
    )
    for version in (1, 6, 10, 13, 2**31 - 1, -1):
        yield f"version {version}", _version(proto, version)


def _changed(proto, change):
    made = copy.deepcopy(proto)
    change(next(n for n in made.graph.node if n.name == "culprit"), made.graph)
    return made


def _version(proto, version):
    made = copy.deepcopy(proto)
    made.opset_import[0].version = version
    return made


SCALARS = {AttributeProto.INT: INTEGERS, AttributeProto.FLOAT: NUMBERS}


def _attribute(proto, attribute):
    name, kind = attribute.name, attribute.type
    yield f"without {name}", _with_attribute(proto, name, None)
    if kind == AttributeProto.INTS:
        yield from _integers(proto, name, list(attribute.ints))
    elif kind in SCALARS:
        for number in SCALARS[kind]:
            yield f"{name} = {number}", _with_attribute(proto, name, number)
    elif kind == AttributeProto.FLOATS:
        for number in NUMBERS:
            yield (
                f"{name} all {number}",
                _with_attribute(proto, name, [number] * len(attribute.floats)),
            )
    elif kind == AttributeProto.STRING:
        for text in TEXTS:
            yield f"{name} = {text[:20]!r}", _with_attribute(proto, name, text)
        yield f"{name} not UTF-8", _with_attribute(proto, name, b"\xff\xfe")
    yield from _wrong_types(proto, name)


def _integers(proto, name, numbers):
    for number in INTEGERS:
        yield f"{name} all {number}", _with_attribute(proto, name, [number] * len(numbers))
        yield f"{name} last {number}", _with_attribute(proto, name, [*numbers[:-1], number])
    yield f"{name} empty", _with_attribute(proto, name, np.array([], dtype=np.int64))
    yield f"{name} one short", _with_attribute(proto, name, np.array(numbers[:-1], dtype=np.int64))
    yield f"{name} one more", _with_attribute(proto, name, [*numbers, 1])
    yield f"{name} a thousand", _with_attribute(proto, name, [1] * 1000)


def _wrong_types(proto, name):
    for kind, content in (
        ("text", "1"),
        ("float", 1.5),
        ("int", 1),
        ("ints", [1, 1]),
        ("floats", [1.5]),
    ):
        yield f"{name} of type {kind}", _with_attribute(proto, name, content)
    for kind in (0, 4, 5, 9, 10, 11, 13):
        made = copy.deepcopy(proto)
        for attribute in next(n for n in made.graph.node if n.name == "culprit").attribute:
            if attribute.name == name:
                attribute.type = kind
        yield f"{name} declared as type {kind}", made


def _with_attribute(proto, name, content):
    made = copy.deepcopy(proto)
    node = next(n for n in made.graph.node if n.name == "culprit")
    kept = [attribute for attribute in node.attribute if attribute.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)
    if isinstance(content, np.ndarray):
        added = node.attribute.add(name=name, type=AttributeProto.INTS)
        added.ints.extend(content.tolist())
    elif content is not None:
        node.attribute.append(helper.make_attribute(name, content))
    return made


def _initializer(proto, tensor):
    name = tensor.name
    has_data = bool(tensor.raw_data)
    if has_data:
        array = numpy_helper.to_array(tensor)
        for number in INTEGERS if array.dtype.kind == "i" else NUMBERS:
            yield f"{name} all {number}", _with_tensor(proto, name, np.full_like(array, number))
            if array.size > 1:
                last = array.copy()
                last.reshape(-1)[-1] = number
                yield f"{name} last {number}", _with_tensor(proto, name, last)
        yield f"{name} empty", _with_tensor(proto, name, array.reshape(-1)[:0])
        yield (
            f"{name} twice as long",
            _with_tensor(proto, name, np.concatenate([array.reshape(-1)] * 2)),
        )
        yield f"{name} scalar", _with_tensor(proto, name, array.reshape(-1)[:1].reshape(()))
        yield f"{name} matrix", _with_tensor(proto, name, array.reshape(1, -1))
        yield f"{name} as float", _with_tensor(proto, name, array.astype(np.float64))
        yield f"{name} as bool", _with_tensor(proto, name, array.astype(bool))
        yield f"{name} as text", _with_tensor(proto, name, array.astype(str).astype(object))
        yield f"{name} long", _with_tensor(proto, name, np.resize(array.reshape(-1), 5000))
    for dims in SHAPES:
        made = copy.deepcopy(proto)
        target = next(t for t in made.graph.initializer if t.name == name)
        target.ClearField("raw_data")
        target.ClearField("dims")
        target.dims.extend(dims)
        yield f"{name} of shape {list(dims)[:8]} without payload", made
    made = copy.deepcopy(proto)
    next(t for t in made.graph.initializer if t.name == name).data_type = 999
    yield f"{name} of unknown type", made
    made = copy.deepcopy(proto)
    made.graph.input.add(name=name).CopyFrom(helper.make_tensor_value_info(name, 7, [2]))
    del made.graph.initializer[[t.name for t in made.graph.initializer].index(name)]
    yield f"{name} as a graph input", made


def _with_tensor(proto, name, array):
    made = copy.deepcopy(proto)
    next(t for t in made.graph.initializer if t.name == name).CopyFrom(
        numpy_helper.from_array(array, name)
    )
    return made


def _input(proto, item):
    for dims in SHAPES:
        made = copy.deepcopy(proto)
        target = next(v for v in made.graph.input if v.name == item.name)
        target.CopyFrom(helper.make_tensor_value_info(item.name, onnx.TensorProto.FLOAT, dims))
        yield f"{item.name} of shape {list(dims)[:8]}", made
    rank = len(item.type.tensor_type.shape.dim)
    for axis in range(rank):
        for length in (0, 1, 7, 2**31, 2**62):
            made = copy.deepcopy(proto)
            target = next(v for v in made.graph.input if v.name == item.name)
            target.type.tensor_type.shape.dim[axis].dim_value = length
            yield f"{item.name} axis {axis} of length {length}", made
