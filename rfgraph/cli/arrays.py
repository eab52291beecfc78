"""Arrays in .npy files, which hold numbers and never objects."""

from __future__ import annotations

import math
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray


MAX_BYTES = 1 << 28


def read_array(name: str) -> NDArray[Any]:
    """Return the array of numbers in a .npy file; UsageError names the file and what is wrong."""
    where = f"--input-value @{quoted(name)}"
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
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise UsageError(f"required numbers, found {quoted(str(dtype))}")
    count = math.prod(shape)
    found = os.fstat(file.fileno()).st_size - file.tell()
    if count * dtype.itemsize != found or min(shape, default=0) < 0:
        raise UsageError(f"required {count * dtype.itemsize} bytes for its shape, found {found}")
    if found > MAX_BYTES:
        raise UsageError(f"required at most {MAX_BYTES} bytes, found {found}")
    array = np.frombuffer(file.read(found), dtype=dtype)
    return array.reshape(shape, order="F" if fortran else "C")
