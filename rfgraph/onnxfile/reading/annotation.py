"""A model's bytes again, with metadata at some of its nodes; all else is copied, not parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading.scan import LENGTH, Parts, Scanner, entry
from rfgraph.onnxfile.reading.source import WHOLE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rfgraph.onnxfile.reading.source import Reader, Source

# What is written of a node: values by key.
Notes = dict[str, str]

_GRAPH, _NODE, _METADATA, _KEY, _VALUE = 7, 1, 9, 1, 2
_CHUNK = 1 << 20


def annotate(source: Source, notes: Mapping[int, Notes], prefix: str) -> Iterator[bytes]:
    """Yield the bytes of a model with `notes` as metadata of the nodes of its graph, by number.

    Metadata whose key begins with `prefix` is replaced, at all nodes of the graph. Raises
    ModelError where the source is gone, or the model gets too large for protobuf.
    """
    with source.reader() as reader:
        parts = _Annotation(reader, notes, prefix.encode()).model()
        if parts.size > WHOLE_LIMIT:
            size = f"{parts.size} bytes with what is written to the nodes"
            raise ModelError(f"{size} exceed protobuf's limit of {WHOLE_LIMIT} bytes")
        for item in parts.items:
            if isinstance(item, bytes):
                yield item
                continue
            for start in range(item[0], item[1], _CHUNK):
                yield reader.read(start, min(_CHUNK, item[1] - start))


class _Annotation(Scanner):
    """One pass over a model that was read before, and so is in the usual form."""

    def __init__(self, reader: Reader, notes: Mapping[int, Notes], prefix: bytes) -> None:
        super().__init__(reader)
        self._notes = notes
        self._prefix = prefix
        self._nodes = 0

    def model(self) -> Parts:
        """Return the model to be."""
        return self._with(_GRAPH, self._graph, 0, self.reader.size)

    def _graph(self, start: int, end: int) -> Parts:
        return self._with(_NODE, self._node, start, end)

    def _with(self, field: int, made: Callable[[int, int], Parts], start: int, end: int) -> Parts:
        """Return a message with what is made of the messages in one of its fields."""
        parts, copied = Parts(), start
        for number, wire, tag, first, last in self.fields(start, end):
            if (number, wire) == (field, LENGTH):
                parts.add_span(copied, tag)
                parts.add_nested(field, made(first, last))
                copied = last
        parts.add_span(copied, end)
        return parts

    def _node(self, start: int, end: int) -> Parts:
        parts, copied = Parts(), start
        for number, wire, tag, first, last in self.fields(start, end):
            if (number, wire) == (_METADATA, LENGTH) and self._is_ours(first, last):
                parts.add_span(copied, tag)
                copied = last
        parts.add_span(copied, end)
        for key, value in self._notes.get(self._nodes, {}).items():
            content = entry(_KEY, key.encode()) + entry(_VALUE, value.encode())
            parts.add_literal(entry(_METADATA, content))
        self._nodes += 1
        return parts

    def _is_ours(self, start: int, end: int) -> bool:
        """Whether the key of a metadata entry begins with the prefix."""
        return any(
            (number, wire) == (_KEY, LENGTH)
            and self.reader.read(first, min(len(self._prefix), last - first)) == self._prefix
            for number, wire, _, first, last in self.fields(start, end)
        )
