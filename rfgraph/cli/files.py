"""The files that a command over many models is given, and how many processes read them."""

from __future__ import annotations

import argparse
import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rfgraph.errors import UsageError
from rfgraph.wording.names import quoted, shown_path

if TYPE_CHECKING:
    from collections.abc import Sequence


def files(arguments: Sequence[str]) -> list[str]:
    """Return the files meant, each once: folders and patterns expanded, sorted within each.

    UsageError for a folder without a model and a pattern that matches nothing.
    """
    names: dict[str, None] = {}
    for argument in arguments:
        names.update(dict.fromkeys(_files(argument)))
    return list(names)


def _files(argument: str) -> list[str]:
    if os.path.isdir(argument):  # noqa: PTH112 - Path would raise for a null byte, this does not
        inside = sorted(str(path) for path in Path(argument).rglob("*.onnx") if path.is_file())
        if not inside:
            raise UsageError(f"{shown_path(argument)}: a folder without an .onnx file")
        return inside
    if glob.has_magic(argument) and not os.path.lexists(argument):
        matching = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - also from the root
        expanded = [name for match in matching for name in _models_of(match)]
        if not expanded:
            raise UsageError(f"{shown_path(argument)}: no file matches")
        return expanded
    return [argument]


def _models_of(name: str) -> list[str]:
    path = Path(name)
    return sorted(map(str, path.rglob("*.onnx"))) if path.is_dir() else [name]


def jobs(text: str) -> int:
    """Return the number of processes."""
    from rfgraph.config import MAX_JOBS

    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_JOBS:
        raise argparse.ArgumentTypeError(f"required 1 to {MAX_JOBS}, found {quoted(text)}")
    return int(text)
