"""Where a model's bytes come from: a regular file, bytes or a file object, read by position."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, cast

from rfgraph.arguments import describe
from rfgraph.errors import ModelError, UsageError
from rfgraph.wording.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# Protobuf's own bound on one message; what has to be read whole may not exceed it.
WHOLE_LIMIT = 2**31 - 1

_CHUNK = 1 << 20
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_SPECIAL = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


class Reader(NamedTuple):
    """An open source: its `size` in bytes and `read(offset, length)`, which returns just that."""

    size: int
    read: Callable[[int, int], bytes]


class Source(Protocol):
    """Something that can be opened, more than once, to be read by position."""

    @property
    def name(self) -> str:
        """The name that the user knows it by."""

    def reader(self) -> AbstractContextManager[Reader]:
        """Open it."""


class BytesSource(NamedTuple):
    """Bytes in memory."""

    name: str
    data: bytes

    def reader(self) -> AbstractContextManager[Reader]:
        """Return a reader of slices."""
        data = self.data
        return nullcontext(Reader(len(data), lambda offset, length: data[offset : offset + length]))


class StreamSource(NamedTuple):
    """A seekable file object, from the position it had; each reader puts it back there."""

    name: str
    stream: BinaryIO
    start: int
    size: int

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Yield a reader that seeks; ModelError if the object fails or is closed."""
        try:
            yield Reader(self.size, self._read)
        finally:
            _call(self.stream.seek, self.start)

    def __reduce__(self) -> tuple[type[BytesSource], tuple[str, bytes]]:
        # Another process has no such object: a copy there holds the bytes.
        return BytesSource, (self.name, read_whole(self))

    def _read(self, offset: int, length: int) -> bytes:
        _call(self.stream.seek, self.start + offset)
        return _exactly(length, lambda _, count: _chunk(self.stream, count))


class FileSource(NamedTuple):
    """A regular file, opened anew by each reader and refused once it has changed."""

    name: str
    path: str
    identity: tuple[int, int, int, int]

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Yield a reader of positioned reads; ModelError if the file is gone or was replaced."""
        descriptor = _open_regular(self.path)
        try:
            status = os.fstat(descriptor)
            if _identity(status) != self.identity:
                raise ModelError("the file changed since it was first read")
            yield Reader(
                status.st_size,
                lambda offset, length: _exactly(
                    length, lambda done, count: _read_at(descriptor, count, offset + done)
                ),
            )
        finally:
            os.close(descriptor)


def open_source(source: object) -> Source:
    """Return where to read `source` from; ModelError if it is not a file that can be read.

    UsageError if it is neither a path, nor bytes, nor a file object.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return BytesSource("<bytes>", bytes(source))
    if isinstance(source, (str, os.PathLike)):
        return _file_source(os.fsdecode(source))
    if callable(getattr(source, "read", None)):
        return _stream_source(cast("BinaryIO", source))
    message = f"a model is a path, bytes, a file object or a ModelProto, not {describe(source)}"
    # A torch.nn.Module has a state.
    more = ": export it with torch.onnx.export" if hasattr(source, "state_dict") else ""
    raise UsageError(message + more)


def read_whole(source: Source) -> bytes:
    """Return all bytes of `source`; ModelError beyond `WHOLE_LIMIT`."""
    with source.reader() as reader:
        if reader.size > WHOLE_LIMIT:
            raise _too_long(reader.size)
        return reader.read(0, reader.size)


def _too_long(size: int) -> ModelError:
    return ModelError(f"{size} bytes to read whole exceed protobuf's limit of {WHOLE_LIMIT} bytes")


def _file_source(name: str) -> FileSource:
    if not name:
        raise UsageError("a model is required, found an empty file name")
    path = str(Path(name).absolute())
    descriptor = _open_regular(path)
    try:
        return FileSource(name, path, _identity(os.fstat(descriptor)))
    finally:
        os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _open_regular(path: str) -> int:
    """Return a descriptor; opening a device acts on it and a pipe blocks, hence stat before."""
    try:
        _refuse_special(Path(path).stat())
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise ModelError(_reason(error)) from None
    try:
        _refuse_special(os.fstat(descriptor))
    except ModelError:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_special(status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    what = next((text for test, text in _SPECIAL if test(status.st_mode)), "a special file")
    raise ModelError(f"{what}, not a regular file")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error)).lower()


def _read_at(descriptor: int, length: int, offset: int) -> bytes:
    try:
        if hasattr(os, "pread"):
            return os.pread(descriptor, length, offset)
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)
    except OSError as error:
        raise ModelError(f"cannot be read ({_reason(error)})") from None


def _exactly(length: int, some: Callable[[int, int], bytes]) -> bytes:
    """Return `length` bytes of `some(done, count)`, which may return fewer than asked."""
    first = some(0, length)
    if len(first) == length:
        return first
    parts, done = [first], len(first)
    while done < length:
        part = some(done, length - done)
        if not part:
            raise ModelError("the file became shorter while it was read")
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _stream_source(stream: BinaryIO) -> Source:
    given = getattr(stream, "name", None)
    name = given if isinstance(given, str) else "<file object>"
    extent = _extent(stream)
    if extent is None:
        return BytesSource(name, _drain(stream))
    start, end = extent
    return StreamSource(name, stream, start, max(0, end - start))


def _extent(stream: BinaryIO) -> tuple[int, int] | None:
    """Return a file object's position and end, or None if it only goes forward."""
    try:
        if not stream.seekable():
            return None
        start = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        stream.seek(start)
    except Exception:  # whatever hinders it, reading it through says why or succeeds
        return None
    return start, end


def _drain(stream: BinaryIO) -> bytes:
    parts, size = [], 0
    while part := _chunk(stream, _CHUNK):
        parts.append(part)
        size += len(part)
        if size > WHOLE_LIMIT:
            raise _too_long(size)
    return b"".join(parts)


def _chunk(stream: BinaryIO, length: int) -> bytes:
    part = _call(stream.read, length)
    if not isinstance(part, bytes):
        raise ModelError(f"the file object returns {type(part).__name__}, not bytes")
    return part


def _call(method: Callable[[int], Any], argument: int) -> Any:
    try:
        return method(argument)
    except Exception as error:  # a stranger's object raises whatever it likes
        reason = printable(f"{type(error).__name__}: {error}", 160)
        raise ModelError(f"the file object cannot be read ({reason})") from None
