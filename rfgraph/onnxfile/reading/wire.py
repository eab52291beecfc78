"""Protobuf's wire format: what to keep of a model's bytes, found without reading its payloads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.source import WHOLE_LIMIT, Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Integer and bool tensors steer shapes and indices; of the others only small ones are looked at.
KEEP_STEERING = 1 << 20
KEEP_ANY = 1 << 10
# Protobuf refuses more nested messages than this; a subgraph in a subgraph is three.
MAX_NESTING = 100
# A payload in more pieces than this is read the slow way, which joins them.
MAX_PIECES = 4096

MARK = "rfgraph.dropped"

_VARINT, _FIXED64, _LENGTH, _GROUP, _GROUP_END, _FIXED32 = range(6)
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST = 10  # bytes of a number
_WINDOW_FIRST, _WINDOW = 1 << 12, 1 << 15
_WORD = 2**64 - 1

_INTEGER = ("INT", "UINT", "BOOL")
_STEERING = frozenset(
    number for name, number in TensorProto.DataType.items() if name.startswith(_INTEGER)
)
_DATA_TYPE, _STRING_DATA, _RAW_DATA, _METADATA = 2, 6, 9, 16
# Payload fields and the wire types in which protobuf accepts them: packed or one by one.
_PAYLOAD = {
    4: (_LENGTH, _FIXED32),
    5: (_LENGTH, _VARINT),
    _STRING_DATA: (_LENGTH,),
    7: (_LENGTH, _VARINT),
    _RAW_DATA: (_LENGTH,),
    10: (_LENGTH, _FIXED64),
    11: (_LENGTH, _VARINT),
}
_TENSOR = "TensorProto"
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: _TENSOR, 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: _TENSOR,
        6: "GraphProto",
        10: _TENSOR,
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: _TENSOR, 2: _TENSOR},
}
_SINGULAR = {
    "ModelProto": {7},
    "TrainingInfoProto": {1, 2},
    "AttributeProto": {5, 6, 22},
    "SparseTensorProto": {1, 2},
}

_Field = tuple[int, int, int, int, int]  # number, wire type, and where its tag, content and end are


class MalformedError(Exception):
    """The bytes are no protobuf message; protobuf's own parser refuses them too."""


class UnusualError(Exception):
    """The bytes are a message in a form that only protobuf's own parser puts together."""


class Piece(NamedTuple):
    """The content of one payload field: its number and its place in the source, in bytes."""

    field: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A tensor whose payload was left in the source.

    `offset` and `length` are those of the whole TensorProto, `pieces` those of its payload fields
    (usually one; none for strings, unpacked numbers and payloads in fields of two kinds).
    """

    data_type: int
    offset: int
    length: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Stripped:
    """The bytes of a ModelProto without large payloads, and the tensors that lost theirs, in order.

    Each of them carries its index as a metadata entry `MARK`, which survives copying the tensor.
    """

    kept: bytes
    dropped: tuple[Dropped, ...]


def strip(reader: Reader) -> Stripped:
    """Return the model in `reader` without large payloads, which are never read.

    Raises MalformedError, UnusualError, and ModelError where a bound is exceeded.
    """
    walk = _Walk(reader)
    parts = walk.message("ModelProto", 0, reader.size, 0)
    if parts is None:
        parts = _Parts()
        parts.span(0, reader.size)
    if parts.size > WHOLE_LIMIT:
        size = f"{parts.size} bytes without weights"
        raise ModelError(f"{size} exceed protobuf's limit of {WHOLE_LIMIT} bytes")
    return Stripped(parts.joined(reader), tuple(walk.dropped))


@dataclass(slots=True)
class _Parts:
    """A message to be: bytes, and (start, end) spans of the source."""

    items: list[bytes | tuple[int, int]] = field(default_factory=list)
    size: int = 0

    def span(self, start: int, end: int) -> None:
        if start < end:
            self.items.append((start, end))
            self.size += end - start

    def literal(self, data: bytes) -> None:
        self.items.append(data)
        self.size += len(data)

    def nested(self, number: int, parts: _Parts) -> None:
        self.literal(_encode(number << 3 | _LENGTH) + _encode(parts.size))
        self.items += parts.items
        self.size += parts.size

    def joined(self, reader: Reader) -> bytes:
        return b"".join(
            item if isinstance(item, bytes) else reader.read(item[0], item[1] - item[0])
            for item in self.items
        )


@dataclass(slots=True)
class _Payload:
    """The payload fields of one tensor, as they come."""

    size: int = 0
    pieces: list[Piece] = field(default_factory=list)
    unpacked: int = 0
    raw: int = 0

    def add(self, wire: int, piece: Piece) -> None:
        self.size += piece.length
        self.raw += piece.field == _RAW_DATA
        if wire != _LENGTH:
            self.unpacked += 1
        elif piece.field != _STRING_DATA:
            self.pieces.append(piece)
        if self.raw > 1 or len(self.pieces) + self.unpacked > MAX_PIECES:
            raise UnusualError

    def contiguous(self) -> tuple[Piece, ...]:
        kinds = {piece.field for piece in self.pieces}
        return () if self.unpacked or len(kinds) > 1 else tuple(self.pieces)


class _Walk:
    """One pass over a source through a window that grows while the pass goes straight on."""

    def __init__(self, reader: Reader) -> None:
        self.dropped: list[Dropped] = []
        self._reader = reader
        self._buffer = b""
        self._base = 0
        self._limit = 0  # a number that starts before it lies in the buffer

    def message(self, kind: str, start: int, end: int, depth: int) -> _Parts | None:
        """Return what to keep of the message in [start, end), None if all of it."""
        if depth > MAX_NESTING:
            raise ModelError(f"subgraphs nest deeper than protobuf's {MAX_NESTING} messages")
        parts = _Parts()
        copied, seen = start, set()
        for number, wire, tag, first, last in self._fields(start, end):
            child = _CHILDREN[kind].get(number)
            if child is None or wire != _LENGTH:
                continue
            if number in seen:
                raise UnusualError
            if number in _SINGULAR.get(kind, ()):
                seen.add(number)
            kept = self._child(child, first, last, depth)
            if kept is not None:
                parts.span(copied, tag)
                parts.nested(number, kept)
                copied = last
        if not parts.items:
            return None
        parts.span(copied, end)
        return parts

    def _child(self, kind: str, start: int, end: int, depth: int) -> _Parts | None:
        if end - start <= KEEP_ANY:
            return None
        if kind == _TENSOR:
            return self._tensor(start, end)
        return self.message(kind, start, end, depth + 1)

    def _tensor(self, start: int, end: int) -> _Parts | None:
        """Return a tensor without its payload, or None if that is kept; the type may come last."""
        parts, payload = _Parts(), _Payload()
        data_type, copied = 0, start
        for number, wire, tag, first, last in self._fields(start, end):
            if number == _DATA_TYPE and wire == _VARINT:
                data_type = self._varint(first)[0] & 0xFFFFFFFF
            elif wire in _PAYLOAD.get(number, ()):
                payload.add(wire, Piece(number, first, last - first))
                parts.span(copied, tag)
                copied = last
        if payload.size <= (KEEP_STEERING if data_type in _STEERING else KEEP_ANY):
            return None
        parts.span(copied, end)
        parts.literal(_mark(len(self.dropped)))
        self.dropped.append(Dropped(data_type, start, end - start, payload.contiguous()))
        return parts

    def _fields(self, pos: int, end: int) -> Iterator[_Field]:
        while pos < end:
            number, wire, first, last = self._header(pos)
            if wire == _GROUP:
                last = self._group_end(number, first, end)
            if last > end or wire == _GROUP_END:
                raise MalformedError(f"field {number} at byte {pos} ends outside its message")
            yield number, wire, pos, first, last
            pos = last

    def _header(self, pos: int) -> tuple[int, int, int, int]:
        """Return number, wire type, content and end of the field at `pos`, or of a group's tag."""
        tag, first = self._varint(pos)
        number, wire = tag >> 3, tag & 7
        if wire == _LENGTH:
            length, first = self._varint(first)
            last = first + length
        elif wire == _VARINT:
            last = self._varint(first)[1]
        else:
            last = first + _FIXED.get(wire, 0)
        if not number or wire > _FIXED32:
            raise MalformedError(f"no protobuf field at byte {pos}")
        return number, wire, first, last

    def _group_end(self, number: int, pos: int, end: int) -> int:
        """Return the end of a group (unknown to ONNX, so kept) whose content starts at `pos`."""
        depth = 1
        while depth:
            if pos >= end or depth > MAX_NESTING:
                raise MalformedError(f"group {number} does not end within its message")
            _, wire, _, pos = self._header(pos)
            depth += (wire == _GROUP) - (wire == _GROUP_END)
        return pos

    def _varint(self, pos: int) -> tuple[int, int]:
        """Return the number at `pos` and the position after it."""
        if not self._base <= pos < self._limit:
            self._load(pos)
        at = pos - self._base
        byte = self._buffer[at]
        if byte < 0x80:
            return byte, pos + 1
        value = byte & 0x7F
        for count in range(1, _LONGEST):
            byte = self._buffer[at + count]
            value |= (byte & 0x7F) << 7 * count
            if byte < 0x80:
                return value & _WORD, pos + count + 1
        raise MalformedError(f"the number at byte {pos} is longer than ten bytes")

    def _load(self, pos: int) -> None:
        """Move the window to `pos`; past the source's end it holds zeros, which end any number."""
        straight = self._base <= pos <= self._base + len(self._buffer)
        length = min(2 * len(self._buffer), _WINDOW) if straight else _WINDOW_FIRST
        length = max(0, min(max(length, _WINDOW_FIRST), self._reader.size - pos))
        self._buffer = self._reader.read(pos, length) if length else b""
        self._base = pos
        self._limit = pos + max(1, length - _LONGEST)
        if pos + length >= self._reader.size:
            self._buffer += bytes(_LONGEST)
            self._limit = pos + max(1, length)


def _encode(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _entry(number: int, content: bytes) -> bytes:
    return _encode(number << 3 | _LENGTH) + _encode(len(content)) + content


def _mark(index: int) -> bytes:
    return _entry(_METADATA, _entry(1, MARK.encode()) + _entry(2, str(index).encode()))
