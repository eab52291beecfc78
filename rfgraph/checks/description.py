"""The halo in use and the steps of lengths, from a model description of bioimage.io (rdf.yaml).

Formats 0.5, where axes are tables, and 0.4, where they are letters. Tensors are meant by their
place, as the file has its inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, shown_path

MAX_DESCRIPTION = 1 << 20


@dataclass(frozen=True, slots=True)
class Described:
    """What a description says, by the place of a tensor and the number of its axis.

    `halos` are in positions of the output, `steps` in those of the input: the multiples by which
    its length may grow.
    """

    file: str
    outputs: int
    halos: Mapping[tuple[int, int], int]
    steps: Mapping[tuple[int, int], int]


def read(path: str) -> Described:
    """Return what a description says; UsageError where it is none, or PyYAML is not installed."""
    name = shown_path(path)
    document = _document(path, name)
    tensors = [document.get(key) for key in ("inputs", "outputs")]
    if not all(_is_tables(item) for item in tensors):
        raise UsageError(f"{name}: requires a model description with inputs and outputs as tables")
    given, made = tensors
    assert given is not None
    assert made is not None
    try:
        return Described(
            name,
            len(made),
            {(at, axis): halo for at, item in enumerate(made) for axis, halo in _halos(item)},
            {(at, axis): step for at, item in enumerate(given) for axis, step in _steps(item)},
        )
    except (TypeError, ValueError, AttributeError):
        raise UsageError(
            f"{name}: requires axes with sizes and halos as bioimage.io 0.4 or 0.5 have them"
        ) from None


def _document(path: str, name: str) -> Mapping[str, Any]:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError:
        raise UsageError(
            "a description requires PyYAML, which is not installed: pip install '.[rdf]'"
        ) from None
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_DESCRIPTION + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{name}: cannot be read ({printable(str(reason))})") from None
    if len(data) > MAX_DESCRIPTION:
        raise UsageError(f"{name}: longer than MAX_DESCRIPTION ({MAX_DESCRIPTION}) bytes")
    try:
        document = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError):
        raise UsageError(f"{name}: is not YAML") from None
    return document if isinstance(document, dict) else {}


def _is_tables(items: object) -> bool:
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)


def _halos(tensor: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the axes of an output with their halos."""
    if _is_tables(tensor.get("axes")):
        halos: Sequence[Any] = [axis.get("halo") for axis in tensor["axes"]]
    else:
        halos = tensor.get("halo") or ()
    yield from ((axis, int(halo or 0)) for axis, halo in enumerate(halos))


def _steps(tensor: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    """Yield the axes of an input whose length may grow, with their steps."""
    if _is_tables(tensor.get("axes")):
        sizes = [axis.get("size") for axis in tensor["axes"]]
        steps = [size.get("step") if isinstance(size, dict) else None for size in sizes]
    else:
        shape = tensor.get("shape")
        steps = shape.get("step") or [] if isinstance(shape, dict) else []
    yield from ((axis, int(step)) for axis, step in enumerate(steps) if step)
