"""Protobuf's wire format: where the fields of a message lie, and messages put together anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rfgraph.onnxfile.reading.source import Reader


# Protobuf refuses more nested messages than this; a subgraph in a subgraph is three.
MAX_NESTING = 100

VARINT, FIXED64, LENGTH, _GROUP, _GROUP_END, FIXED32 = range(6)
_FIXED = {FIXED64: 8, FIXED32: 4}
_LONGEST = 10  # bytes of a number
_WINDOW_FIRST, _WINDOW = 1 << 12, 1 << 15
_WORD = 2**64 - 1

Field = tuple[int, int, int, int, int]  # number, wire type, and where its tag, content and end are


class MalformedError(Exception):
    """The bytes are no protobuf message; protobuf's own parser refuses them too."""


class UnusualError(Exception):
    """The bytes are a message in a form that only protobuf's own parser puts together."""


class Parts:
    """A message to be: bytes, and (start, end) spans of the source."""

    __slots__ = ("items", "size")

    def __init__(self) -> None:
        self.items: list[bytes | tuple[int, int]] = []
        self.size = 0

    def add_span(self, start: int, end: int) -> None:
        """Add what lies in [start, end) of the source."""
        if start < end:
            self.items.append((start, end))
            self.size += end - start

    def add_literal(self, data: bytes) -> None:
        """Add bytes."""
        self.items.append(data)
        self.size += len(data)

    def add_nested(self, number: int, parts: Parts) -> None:
        """Add a message as a field."""
        self.add_literal(encode(number << 3 | LENGTH) + encode(parts.size))
        self.items += parts.items
        self.size += parts.size

    def join(self, reader: Reader) -> bytes:
        """Return all of it."""
        return b"".join(
            item if isinstance(item, bytes) else reader.read(item[0], item[1] - item[0])
            for item in self.items
        )


class Scanner:
    """Reads a source through a window that grows while the reading goes straight on."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._buffer = b""
        self._base = 0
        self._limit = 0  # a number that starts before it lies in the buffer

    def fields(self, pos: int, end: int) -> Iterator[Field]:
        """Yield the fields of the message in [pos, end)."""
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
        tag, first = self.varint(pos)
        number, wire = tag >> 3, tag & 7
        if wire == LENGTH:
            length, first = self.varint(first)
            last = first + length
        elif wire == VARINT:
            last = self.varint(first)[1]
        else:
            last = first + _FIXED.get(wire, 0)
        if not number or wire > FIXED32:
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

    def varint(self, pos: int) -> tuple[int, int]:
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
        length = max(0, min(max(length, _WINDOW_FIRST), self.reader.size - pos))
        self._buffer = self.reader.read(pos, length) if length else b""
        self._base = pos
        self._limit = pos + max(1, length - _LONGEST)
        if pos + length >= self.reader.size:
            self._buffer += bytes(_LONGEST)
            self._limit = pos + max(1, length)


def encode(value: int) -> bytes:
    """Return a number as it stands on the wire."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def entry(number: int, content: bytes) -> bytes:
    """Return a field of bytes."""
    return encode(number << 3 | LENGTH) + encode(len(content)) + content
