"""A file that is written anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.errors import RfgraphError
from rfgraph.wording.names import shown_path

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_file(path: str | os.PathLike[str], parts: Iterable[bytes], option: str = "") -> None:
    """Write a file; RfgraphError, with the option that names it, where that cannot be done.

    What is wrong with the first part is known before the file is opened.
    """
    rest = iter(parts)
    first = next(rest, b"")
    try:
        with Path(path).open("wb") as file:
            file.write(first)
            file.writelines(rest)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise RfgraphError(f"{option}{shown_path(os.fspath(path))}: {reason}") from None
