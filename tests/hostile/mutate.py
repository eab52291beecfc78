"""Seeded mutations of model files: of their bytes, and of the fields of their messages."""

from __future__ import annotations

import functools
import random

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

BYTES = [0x00, 0x01, 0x7F, 0x80, 0xFF]
INTEGERS = [
    -(2**63),
    -(2**62),
    -(2**31),
    -7,
    -2,
    -1,
    0,
    1,
    2,
    3,
    5,
    16,
    255,
    2**16,
    2**31 - 1,
    2**31,
    2**40,
    2**62,
    2**63 - 1,
]
FLOATS = [float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e-45, 1e-7, 0.3, 1 / 3, 1e7, 3e38]
TEXTS = [
    "",
    "?",
    "\x1b]0;x\x07",
    "\u202ereversed",
    "a\nb\r::error::c",
    "=1+1",
    "x" * 3000,
    "../../etc/passwd",
    "$x^2$",
]
OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})
DOMAINS = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.example", "ai.onnx.preview.training"]
# Fields that hold data, not structure; and those that hold nothing that rfgraph looks at.
IGNORED = {
    "doc_string",
    "metadata_props",
    "training_info",
    "quantization_annotation",
    "device_configurations",
}

MESSAGE, STRING, RAW = (
    FieldDescriptor.TYPE_MESSAGE,
    FieldDescriptor.TYPE_STRING,
    FieldDescriptor.TYPE_BYTES,
)
REAL = (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
ENUM = FieldDescriptor.TYPE_ENUM


def mutated(data: bytes, seed: object) -> bytes:
    """Return `data` with one to four mutations, the same for the same seed."""
    rng = random.Random(repr(seed))
    if rng.random() < 0.3:
        return _bytes(data, rng)
    try:
        proto = onnx.ModelProto.FromString(data)
    except DecodeError:
        return _bytes(data, rng)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 4])):
        _field(proto, rng)
    try:
        made = proto.SerializeToString()
    except ValueError:  # a name that cannot be encoded
        return _bytes(data, rng)
    return _bytes(made, rng) if rng.random() < 0.05 else made


# -- bytes -----------------------------------------------------------------------------------------


def _bytes(data: bytes, rng: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        rng.choice([_overwrite, _overwrite, _flip, _insert, _delete, _repeat, _varint, _cut])(
            made, rng
        )
    return bytes(made)


def _at(made: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(made) + 1)


def _overwrite(made: bytearray, rng: random.Random) -> None:
    at = _at(made, rng)
    made[at : at + 1] = bytes([rng.choice([*BYTES, rng.randrange(256)])])


def _flip(made: bytearray, rng: random.Random) -> None:
    if made:
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)


def _insert(made: bytearray, rng: random.Random) -> None:
    at = _at(made, rng)
    made[at:at] = rng.randbytes(rng.choice([1, 2, 5, 40]))


def _delete(made: bytearray, rng: random.Random) -> None:
    at = _at(made, rng)
    del made[at : at + rng.choice([1, 1, 2, 8, 100])]


def _repeat(made: bytearray, rng: random.Random) -> None:
    at, to = _at(made, rng), _at(made, rng)
    made[to:to] = made[at : at + rng.choice([2, 10, 60, 300])]


def _varint(made: bytearray, rng: random.Random) -> None:
    at = _at(made, rng)
    made[at : at + 1] = b"\xff" * rng.choice([1, 4, 8, 9]) + rng.choice([b"\x01", b"\x7f", b"\x0f"])


def _cut(made: bytearray, rng: random.Random) -> None:
    if rng.random() < 0.2:
        del made[_at(made, rng) :]


# -- fields ----------------------------------------------------------------------------------------


@functools.cache
def _fields(name: str) -> tuple[FieldDescriptor, ...]:
    kind = getattr(onnx, name.rpartition(".")[2], None)
    found = onnx.ModelProto.DESCRIPTOR.file.message_types_by_name[
        name.partition(".")[2].partition(".")[0]
    ]
    for part in name.split(".")[2:]:
        found = found.nested_types_by_name[part]
    assert kind is None or found.full_name == name
    return tuple(field for field in found.fields if field.name not in IGNORED)


def _messages(proto: Message) -> list[Message]:
    """All messages of a tree, the root first."""
    found = [proto]
    for message in found:
        for field, content in message.ListFields():
            if field.type == MESSAGE and field.name not in IGNORED:
                found.extend(content if field.is_repeated else [content])
        if len(found) > 3000:
            break
    return found


def _field(proto: onnx.ModelProto, rng: random.Random) -> None:
    """Change one field of one message, or its place."""
    tree = _messages(proto)
    message = rng.choice(tree)
    present = [field for field, _ in message.ListFields() if field.name not in IGNORED]
    absent = rng.random() < 0.15
    field = rng.choice(_fields(message.DESCRIPTOR.full_name) if absent or not present else present)
    alike = [m for m in tree if m.DESCRIPTOR is message.DESCRIPTOR and m is not message]
    if alike and rng.random() < 0.2:
        _borrow(message, rng.choice(alike), field, rng)
    elif field.is_repeated:
        _list(message, field, rng, tree)
    elif field.type == MESSAGE:
        _single(message, field, rng)
    else:
        _scalar(message, field, rng, tree)


def _borrow(message: Message, other: Message, field: FieldDescriptor, rng: random.Random) -> None:
    """Take a field, or everything, from another message of its kind."""
    if rng.random() < 0.3:
        message.CopyFrom(_copy(other))
        return
    message.ClearField(field.name)
    content = _copy(other)
    taken = type(content)()
    if field.is_repeated:
        getattr(taken, field.name).MergeFrom(getattr(content, field.name))
    elif content.HasField(field.name):
        if field.type == MESSAGE:
            getattr(taken, field.name).CopyFrom(getattr(content, field.name))
        else:
            setattr(taken, field.name, getattr(content, field.name))
    message.MergeFrom(taken)


def _copy(message: Message) -> Message:
    made = type(message)()
    made.CopyFrom(message)
    return made


def _single(message: Message, field: FieldDescriptor, rng: random.Random) -> None:
    if rng.random() < 0.5:
        message.ClearField(field.name)
    else:
        getattr(message, field.name).SetInParent()


def _list(
    message: Message, field: FieldDescriptor, rng: random.Random, tree: list[Message]
) -> None:
    items = getattr(message, field.name)
    change = rng.randrange(7)
    if change == 0:
        message.ClearField(field.name)
    elif change == 1 and items:
        del items[rng.randrange(len(items))]
    elif change == 2 and items:
        chosen = items[rng.randrange(len(items))]
        copies = rng.choice([1, 1, 2, 65])
        items.extend([_copy(chosen) if field.type == MESSAGE else chosen] * copies)
    elif change == 3 and len(items) > 1:
        order = [_copy(item) if field.type == MESSAGE else item for item in items]
        rng.shuffle(order)
        del items[:]
        items.extend(order)
    elif field.type == MESSAGE:
        items.add()
    elif items and change < 6:
        items[rng.randrange(len(items))] = _content(field, rng, tree)
    else:
        items.append(_content(field, rng, tree))


def _scalar(
    message: Message, field: FieldDescriptor, rng: random.Random, tree: list[Message]
) -> None:
    if rng.random() < 0.15:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _content(field, rng, tree))


def _content(field: FieldDescriptor, rng: random.Random, tree: list[Message]) -> object:
    if field.type == STRING:
        return _text(field, rng, tree)
    if field.type == RAW:
        return rng.choice(
            [
                b"",
                b"\xff\xfe",
                rng.randbytes(8),
                b"linear",
                b"SAME_UPPER",
                b"wrap",
                rng.randbytes(64),
            ]
        )
    if field.type in REAL:
        return rng.choice(FLOATS)
    if field.type == ENUM:
        return rng.choice([value.number for value in field.enum_type.values])
    number = rng.choice(INTEGERS)
    if field.name == "version":
        return rng.choice([*range(1, 27), number])
    narrow = field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32)
    if narrow:
        return max(-(2**31), min(number, 2**31 - 1))
    return max(0, number) if field.type == FieldDescriptor.TYPE_UINT64 else number


def _text(field: FieldDescriptor, rng: random.Random, tree: list[Message]) -> str:
    if field.name == "op_type":
        return rng.choice(OPERATORS)
    if field.name == "domain":
        return rng.choice(DOMAINS)
    if rng.random() < 0.25:
        return rng.choice(TEXTS)
    names = [m.name for m in tree if "name" in m.DESCRIPTOR.fields_by_name]
    for made in tree:
        if isinstance(made, onnx.NodeProto):
            names += [*made.input, *made.output]
    return rng.choice(names or TEXTS)
