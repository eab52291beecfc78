"""A model file read without its weights."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import Error as ProtobufError  # type: ignore[import-untyped]

from rfgraph.errors import ModelError
from rfgraph.onnxfile.reading import foreign
from rfgraph.onnxfile.reading.names import check_names
from rfgraph.onnxfile.reading.programs import proto_of
from rfgraph.onnxfile.reading.scan import MalformedError, UnusualError
from rfgraph.onnxfile.reading.source import BytesSource, Source, open_source, read_whole
from rfgraph.onnxfile.reading.tensors import dropped_index
from rfgraph.onnxfile.reading.textual import parse_text, text_format
from rfgraph.onnxfile.reading.wire import Dropped, Stripped, strip
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from rfgraph.onnxfile.reading.model_source import Source as Given


@dataclass(frozen=True, slots=True, eq=False)
class StoredModel:
    """A model as read: `proto` without large payloads, and where those are.

    `name` is the file as the user gave it, or '<bytes>', '<file object>', '<ModelProto>'. `dropped`
    holds the tensors without payload in file order; a tensor of `proto` refers to its entry by a
    mark of its own, so that copies of it are still known.
    """

    name: str
    proto: onnx.ModelProto = field(repr=False)
    dropped: tuple[Dropped, ...] = field(repr=False)
    source: Source = field(repr=False)

    def restore(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """Return `tensor` with its payload, now read if it was dropped.

        An external payload is not. Raises ModelError if the source is gone or changed.
        """
        entry = self._entry(tensor)
        if entry is None:
            return tensor
        with self.source.reader() as reader:
            data = reader.read(entry.offset, entry.length)
        try:
            whole: onnx.TensorProto = onnx.TensorProto.FromString(data)
        except ProtobufError as error:
            raise ModelError(f"a tensor is malformed ({_cause(error)})") from None
        return whole

    def _entry(self, tensor: onnx.TensorProto) -> Dropped | None:
        index = dropped_index(tensor)
        return self.dropped[index] if index is not None and index < len(self.dropped) else None


def read(source: Given) -> StoredModel:
    """Return the model in `source`, which is not changed.

    Payloads of integer and bool tensors beyond 1 MiB and of others beyond 1 KiB are not read, as
    far as the form of the source allows; external data never. A file object is read from its
    position, where it is left. Raises ModelError, whose text does not name the source.
    """
    origin = _open(source)
    with origin.reader() as reader:
        head = reader.read(0, min(reader.size, foreign.HEAD))
    if not head:
        raise ModelError("empty (0 bytes)")
    form = None if isinstance(source, onnx.ModelProto) else text_format(origin.name)
    if form is not None:
        head = b""
        origin = BytesSource(origin.name, _serialize(parse_text(read_whole(origin), form)))
    try:
        origin, stripped = _strip(origin)
        proto = _parse(stripped.kept)
    except MalformedError as error:
        raise _not_a_model(head, str(error)) from None
    if not proto.HasField("graph"):
        raise _not_a_model(head, "no graph in it")
    check_names(proto)
    return StoredModel(origin.name, proto, stripped.dropped, origin)


def _open(source: Given) -> Source:
    if isinstance(source, str | bytes | os.PathLike):
        return open_source(source)
    proto = source if isinstance(source, onnx.ModelProto) else proto_of(source)
    if proto is not None:
        return BytesSource(f"<{type(source).__name__}>", _serialize(proto))
    return open_source(source)


def _strip(origin: Source) -> tuple[Source, Stripped]:
    """Strip what `origin` holds, or protobuf's own rendering of it if it is in an unusual form."""
    try:
        with origin.reader() as reader:
            return origin, strip(reader)
    except UnusualError:
        plain = BytesSource(origin.name, _serialize(_parse(read_whole(origin))))
    with plain.reader() as reader:
        return plain, strip(reader)


def _parse(data: bytes) -> onnx.ModelProto:
    try:
        proto: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except (ProtobufError, UnicodeDecodeError) as error:
        raise MalformedError(_cause(error)) from None
    return proto


def _serialize(proto: onnx.ModelProto) -> bytes:
    try:
        data: bytes = proto.SerializeToString()
    except (ProtobufError, ValueError) as error:
        raise ModelError(f"the model cannot be serialized ({_cause(error)})") from None
    return data


def _cause(error: Exception) -> str:
    """Return the end of protobuf's message, which is where it says why; its versions differ."""
    if isinstance(error, UnicodeDecodeError):
        return "text in it is not valid UTF-8"
    text = " ".join(str(error).split()).rpartition(": ")[2]
    deep = any(word in text.lower() for word in ("depth", "nesting", "recursion"))
    return "messages nested deeper than protobuf's limit of 100" if deep else printable(text, 120)


def _not_a_model(head: bytes, reason: str) -> ModelError:
    kind = foreign.recognise(head)
    return ModelError(f"not an ONNX model ({f'found {kind}' if kind else reason})")
