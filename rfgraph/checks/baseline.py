"""A stored `rfgraph MODEL --format json` to compare with, checked as it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

from rfgraph.domains.fields.axis import Axis
from rfgraph.domains.scope import WORDS
from rfgraph.errors import UsageError
from rfgraph.wording.names import quote, shown_path

if TYPE_CHECKING:
    from pathlib import Path

    from rfgraph.domains.scope import Word


T = TypeVar("T")

MAX_BYTES = 1 << 30
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """The stored fields by tensor and input, the outputs, and the inputs' spatial axes."""

    file: str
    fields: Mapping[tuple[str, str], Mapping[int, Axis]]
    outputs: Mapping[str, tuple[str, ...]]
    spatial: Mapping[str, tuple[int, ...]]


def read(path: Path) -> Baseline:
    """Return the result stored in a file; UsageError names the file and what is wrong with it."""
    name = shown_path(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"baseline {name}: required at most {MAX_BYTES} bytes")
        if not path.is_file():
            raise UsageError(f"baseline {name}: required a regular file")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "not valid JSON"
        raise UsageError(f"baseline {name}: {reason}") from None
    try:
        return parse(document, name)
    except UsageError as error:
        raise UsageError(f"baseline {name}: {error}") from None


def parse(document: object, file: str = "") -> Baseline:
    """Return the result in a JSON document; UsageError says what it requires."""
    report = _Entry(document, "the document")
    if report.get("schema") != SCHEMA:
        raise UsageError(f"required the result of rfgraph MODEL --format json, of schema {SCHEMA}")
    fields: dict[tuple[str, str], Mapping[int, Axis]] = {}
    for entry in report.entries("receptive_fields"):
        axes = map(_axis, entry.entries("axes"))
        fields[entry.text("tensor"), entry.text("input")] = {axis.axis: axis for axis in axes}
    outputs = {item.text("name"): item.texts("before_global") for item in report.entries("outputs")}
    spatial = {
        item.text("name"): item.integers("spatial_axes") for item in report.entries("inputs")
    }
    return Baseline(file, fields, outputs, spatial)


def _axis(entry: _Entry) -> Axis:
    said, inner, covers = entry.text("scope"), entry.get("local"), entry.get("covers_input")
    scope = next((word for word in WORDS if word == said), None)
    if scope is None:
        raise UsageError(f"scope requires one of {', '.join(WORDS)}, found {quote(said)}")
    axis = _numbers(entry, entry.integer("axis") or 0, scope)
    local = None if inner is None else _numbers(_Entry(inner, "local"), axis.axis, "local")
    return replace(axis, local=local, covers_input=covers if isinstance(covers, bool) else None)


def _numbers(entry: _Entry, axis: int, scope: Word) -> Axis:
    """Return the numbers that are compared."""
    return Axis(
        axis,
        scope,
        size=entry.integer("size"),
        size_min=entry.integer("size_min"),
        before=entry.rational("before"),
        after=entry.rational("after"),
        shortest=entry.integer("shortest"),
        longest=entry.integer("longest"),
    )


class _Entry:
    """A JSON object whose values are checked as they are read."""

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{what} requires an object")
        self._values: Mapping[str, Any] = value

    def get(self, key: str) -> object:
        return self._values.get(key)

    def entries(self, key: str) -> list[_Entry]:
        return [_Entry(item, key) for item in self._list(key, object)]

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str):
            raise UsageError(f"{key} requires a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return self._list(key, str, "texts")

    def integers(self, key: str) -> tuple[int, ...]:
        return self._list(key, int, "integers")

    def integer(self, key: str) -> int | None:
        value = self.get(key)
        if value is not None and type(value) is not int:
            raise UsageError(f"{key} requires an integer or null")
        return value

    def rational(self, key: str) -> Fraction | None:
        value = self.get(key)
        if value is None or type(value) is int:
            return None if value is None else Fraction(value)
        try:
            numerator, denominator = (int(part) for part in str(value).split("/"))
            return Fraction(numerator, denominator)
        except (ValueError, ZeroDivisionError):
            raise UsageError(f'{key} requires an integer, "p/q" or null') from None

    def _list(self, key: str, kind: type[T], said: str = "") -> tuple[T, ...]:
        items = self.get(key)
        if not isinstance(items, list):
            raise UsageError(f"{key} requires a list")
        if said and not all(type(item) is kind for item in items):
            raise UsageError(f"{key} requires a list of {said}")
        return tuple(items)
