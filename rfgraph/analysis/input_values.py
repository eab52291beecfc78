"""The values that inputs are given as text: numbers, and arrays in .npy files, never objects."""

from __future__ import annotations

import math
import os
import re
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from rfgraph.errors import UsageError
from rfgraph.wording.names import quote

if TYPE_CHECKING:
    from numpy.typing import NDArray


MAX_BYTES = 1 << 28

_INTEGER = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
_TRUTH = {"true": True, "false": False}


def value_of(name: str, text: str) -> Any:
    """Return the value that an input gets: a number, several, or the array in @FILE.npy."""
    if text.startswith("@"):
        return read_array(text[1:])
    items = [_number(name, item) for item in text.split(",")]
    return items[0] if len(items) == 1 else items


def _number(name: str, text: str) -> int | float | bool:
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--input-value of {quote(name)} requires a number or @FILE.npy, found {quote(text)}"
        ) from None


def read_array(name: str) -> NDArray[Any]:
    """Return the array of numbers in a .npy file; UsageError names the file and what is wrong."""
    where = f"--input-value @{quote(name)}"
    try:
        with _open_regular(name) as file:
            return _read(file)
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror or 'cannot be read'}") from None
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    except Exception:  # what NumPy's header parser raises is not told anywhere
        raise UsageError(f"{where}: required a .npy file, which it is not") from None


def _open_regular(name: str) -> BinaryIO:
    """Open without waiting for a writer, as a pipe would; only regular files are read."""
    descriptor = os.open(
        name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise UsageError("required a regular file")
    return file


def _read(file: BinaryIO) -> NDArray[Any]:
    import numpy as np
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise UsageError(f"required numbers, found {quote(str(dtype))}")
    count = math.prod(shape)
    size = os.fstat(file.fileno()).st_size - file.tell()
    if count * dtype.itemsize != size or min(shape, default=0) < 0:
        raise UsageError(f"required {count * dtype.itemsize} bytes for its shape, found {size}")
    if size > MAX_BYTES:
        raise UsageError(f"required at most {MAX_BYTES} bytes, found {size}")
    array = np.frombuffer(file.read(size), dtype=dtype)
    return array.reshape(shape, order="F" if fortran else "C")
