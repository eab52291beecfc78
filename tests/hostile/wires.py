"""Bytes that are no message, or a message in no order."""

from __future__ import annotations

import random

from hostile.cases import Cases, either, refused
from hostile.make import conv_chain, model, node, weights


def _varint(number):
    made = b""
    while number > 0x7F:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


def field(number, content):
    """A field of a message: bytes as they are, an integer as one."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content & (2**64 - 1))
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def small():
    """A model of a few hundred bytes."""
    return conv_chain(2).SerializeToString()


def truncations() -> Cases:
    data = small()
    for end in range(len(data)):
        yield either("truncation", f"{end} bytes of {len(data)}", data[:end])


WRONG = {
    "no bytes": b"",
    "length beyond the file": b"\x3a\x7f" + bytes(5),
    "length of 2^63": b"\x3a" + b"\xff" * 8 + b"\x7f" + bytes(3000),
    "length of 2^64 - 1": b"\x3a" + b"\xff" * 9 + b"\x01" + bytes(3000),
    "varint of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "varint without end": b"\x08\x80",
    "wire type 6": b"\x0e\x01",
    "wire type 7": b"\x0f\x01",
    "field number 0": b"\x02\x01a",
    "group never ended": b"\x0b\x08\x01",
    "groups 100,000 deep": b"\x0b" * 100_000,
    "fixed64 cut off": b"\x0d\x01\x02",
    "no graph": b"\x08\x0a",
    "graph of zeros": b"\x3a\x08" + bytes(8),
    "ir_version as text": field(1, b"ten"),
    "a megabyte of 0xff": b"\xff" * 2**20,
    "a megabyte of zeros": bytes(2**20),
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x04\x95\x10" + b"cposix\nsystem\n(S'id'\ntR." + bytes(10),
    "an HTML page": b"<!DOCTYPE html><html>",
}  # fmt: skip


def wrong() -> Cases:
    for name, data in WRONG.items():
        yield refused("wire", name, data)
    yield from fields()


def fields() -> Cases:
    """Messages whose fields have other wire types, or come in pieces."""
    name = field(7, field(2, b"g"))
    for number in (1, 7, 8, 20, 25):
        yield either("wire", f"field {number} of the model as a number", name + field(number, 5))
        yield either(
            "wire", f"field {number} of the model as 3000 zeros", name + field(number, bytes(3000))
        )
    for number in (1, 2, 5, 11, 12, 13, 14, 15):
        yield either("wire", f"field {number} of the graph as a number", field(7, field(number, 5)))
        yield either(
            "wire", f"field {number} of the graph as text", field(7, field(number, b"\xff\xfetext"))
        )
        yield either("wire", f"field {number} of the graph empty", field(7, field(number, b"")))
    for number in range(1, 14):
        tensor = field(5, field(8, b"w") + field(1, 4) + field(2, 1) + field(number, b"\x07" * 9))
        yield either("wire", f"field {number} of a tensor as bytes", field(7, tensor))
        tensor = field(5, field(8, b"w") + field(1, 4) + field(2, 7) + field(number, 7))
        yield either("wire", f"field {number} of a tensor as a number", field(7, tensor))
    for kind in (-1, 0, 24, 999, 2**31 - 1, 2**40):
        tensor = field(5, field(8, b"w") + field(1, 4) + field(2, kind) + field(9, bytes(16)))
        yield either("wire", f"tensor of type {kind}", field(7, tensor))
    for kind in (-1, 0, 15, 99, 2**40):
        attribute = field(5, field(1, b"a") + field(20, kind) + field(3, 1))
        yield either(
            "wire",
            f"attribute of type {kind}",
            field(7, field(1, attribute + field(2, b"y") + field(4, b"Relu"))),
        )
    data = small()
    yield either("wire", "the model twice over", data + data)
    yield either("wire", "the graph in a hundred pieces", data * 100)
    yield either(
        "wire", "unknown fields before and after", field(500, b"x" * 5000) + data + field(501, 3)
    )
    dims = weights("w", 2**40)
    dims.raw_data = bytes(8)
    yield refused(
        "wire",
        "a payload shorter than its dims",
        model([node("Add", "x w", "y")], initializers=[dims]),
        "'w'",
    )
    dims = weights("w", 1)
    dims.raw_data = bytes(4000)
    yield either(
        "wire",
        "a payload longer than its dims",
        model([node("Add", "x w", "y")], initializers=[dims]),
    )
    dims = weights("w", 4)
    dims.raw_data = bytes(16)
    dims.float_data.extend([1, 2, 3, 4])
    yield either(
        "wire", "a payload in two fields", model([node("Add", "x w", "y")], initializers=[dims])
    )
    dims = weights("w", -4)
    yield refused(
        "wire", "negative dims", model([node("Add", "x w", "y")], initializers=[dims]), "'w'"
    )


def spoilt() -> Cases:
    """Names that are not UTF-8, in each place that has one."""
    proto = conv_chain(2)
    proto.graph.name = "spoilname"
    proto.graph.node[0].name = "spoilnode"
    proto.graph.node[1].attribute[0].name = "spoilattr"
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "spoildim"
    proto.producer_name = "spoilprod"
    proto.graph.initializer.append(weights("spoiltens", 1))
    for word in ("spoilname", "spoilnode", "spoilattr", "spoildim", "spoilprod", "spoiltens"):
        for bad in (b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80"):
            data = proto.SerializeToString()
            at = data.index(word.encode())
            data = data[:at] + (bad + word.encode())[: len(word)] + data[at + len(word) :]
            yield refused("wire", f"{word} begins with {bad.hex()}", data, "UTF-8")


def noise() -> Cases:
    rng = random.Random(5)
    for number in range(200):
        yield either("wire", f"noise {number}", rng.randbytes(rng.randrange(1, 2000)))
        yield either(
            "wire", f"noise {number} as a graph", field(7, rng.randbytes(rng.randrange(1, 400)))
        )


def cases() -> Cases:
    yield from truncations()
    yield from wrong()
    yield from spoilt()
    yield from noise()
