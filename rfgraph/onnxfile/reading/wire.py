"""Protobuf's wire format: what to keep of a model's bytes, found without reading its payloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.scan import (
    FIXED32,
    FIXED64,
    LENGTH,
    MAX_NESTING,
    VARINT,
    Parts,
    Scanner,
    UnusualError,
    entry,
)
from rfgraph.onnxfile.reading.source import WHOLE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rfgraph.onnxfile.reading.source import Reader


# Integer and bool tensors steer shapes and indices; of the others only small ones are looked at.
KEEP_STEERING = 1 << 20
KEEP_ANY = 1 << 10
# A payload in more pieces than this is read the slow way, which joins them.
MAX_PIECES = 4096

MARK = "rfgraph.dropped"

_INTEGER = ("INT", "UINT", "BOOL")
_STEERING = frozenset(
    number for name, number in TensorProto.DataType.items() if name.startswith(_INTEGER)
)
_DATA_TYPE, _STRING_DATA, _RAW_DATA, _METADATA = 2, 6, 9, 16
# Payload fields and the wire types in which protobuf accepts them: packed or one by one.
_PAYLOAD = {
    4: (LENGTH, FIXED32),
    5: (LENGTH, VARINT),
    _STRING_DATA: (LENGTH,),
    7: (LENGTH, VARINT),
    _RAW_DATA: (LENGTH,),
    10: (LENGTH, FIXED64),
    11: (LENGTH, VARINT),
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


class Dropped(NamedTuple):
    """A tensor whose payload was left in the source: where the whole TensorProto lies there."""

    data_type: int
    offset: int
    length: int


class Stripped(NamedTuple):
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
        parts = Parts()
        parts.add_span(0, reader.size)
    if parts.size > WHOLE_LIMIT:
        size = f"{parts.size} bytes without weights"
        raise ModelError(f"{size} exceed protobuf's limit of {WHOLE_LIMIT} bytes")
    return Stripped(parts.join(reader), tuple(walk.dropped))


class _Payload:
    """The payload fields of one tensor, as they come."""

    __slots__ = ("pieces", "raw", "size")

    def __init__(self) -> None:
        self.size = self.pieces = self.raw = 0

    def add(self, number: int, wire: int, length: int) -> None:
        self.size += length
        self.raw += number == _RAW_DATA
        self.pieces += wire != LENGTH or number != _STRING_DATA
        if self.raw > 1 or self.pieces > MAX_PIECES:
            raise UnusualError


class _Walk(Scanner):
    """One pass over a model."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.dropped: list[Dropped] = []

    def message(self, kind: str, start: int, end: int, depth: int) -> Parts | None:
        """Return what to keep of the message in [start, end), None if all of it."""
        if depth > MAX_NESTING:
            raise ModelError(f"subgraphs nest deeper than protobuf's {MAX_NESTING} messages")
        parts = Parts()
        copied, seen = start, set()
        for number, wire, tag, first, last in self.fields(start, end):
            child = _CHILDREN[kind].get(number)
            if child is None or wire != LENGTH:
                continue
            if number in seen:
                raise UnusualError
            if number in _SINGULAR.get(kind, ()):
                seen.add(number)
            kept = self._child(child, first, last, depth)
            if kept is not None:
                parts.add_span(copied, tag)
                parts.add_nested(number, kept)
                copied = last
        if not parts.items:
            return None
        parts.add_span(copied, end)
        return parts

    def _child(self, kind: str, start: int, end: int, depth: int) -> Parts | None:
        if end - start <= KEEP_ANY:
            return None
        if kind == _TENSOR:
            return self._tensor(start, end)
        return self.message(kind, start, end, depth + 1)

    def _tensor(self, start: int, end: int) -> Parts | None:
        """Return a tensor without its payload, or None if that is kept; the type may come last."""
        parts, payload = Parts(), _Payload()
        data_type, copied = 0, start
        for number, wire, tag, first, last in self.fields(start, end):
            if number == _DATA_TYPE and wire == VARINT:
                data_type = self.varint(first)[0] & 0xFFFFFFFF
            elif wire in _PAYLOAD.get(number, ()):
                payload.add(number, wire, last - first)
                parts.add_span(copied, tag)
                copied = last
        if payload.size <= (KEEP_STEERING if data_type in _STEERING else KEEP_ANY):
            return None
        parts.add_span(copied, end)
        parts.add_literal(_mark(len(self.dropped)))
        self.dropped.append(Dropped(data_type, start, end - start))
        return parts


def _mark(index: int) -> bytes:
    return entry(_METADATA, entry(1, MARK.encode()) + entry(2, str(index).encode()))
