"""The settings of `rfgraph check` in [tool.rfgraph] of pyproject.toml, or in a TOML file."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from rfgraph.analysis.input_values import value_of
from rfgraph.checks import settings
from rfgraph.checks.ahead import positions, positive
from rfgraph.errors import UsageError
from rfgraph.wording.names import printable, quote, shown_path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FORMATS = ("text", "json", "sarif", "junit", "github")
MAX_BYTES = 1 << 20
MAX_JOBS = 1024

Values: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Config:
    """What a configuration file says: settings, and further ones for models that match a pattern.

    The settings are arguments of `make_settings`, by name; `run` are those of the command itself.
    Paths are relative to the folder of `file`.
    """

    file: Path
    settings: Values
    run: Values
    patterns: tuple[Pattern, ...]

    def for_model(self, model: str) -> Values:
        """Return the settings for a model file: those for all, then each pattern's that matches."""
        values = dict(self.settings)
        name = self._name(model)
        for pattern in self.patterns:
            if pattern.expression.fullmatch(name):
                values.update(pattern.values)
        return values

    def arguments(self, model: str | None, given: Mapping[str, Any]) -> Values:
        """Return the arguments of `make_settings`: the file's, then those given, files read.

        Without a model, those of the file that are for every one.
        """
        merged = dict(self.settings) if model is None else self.for_model(model)
        for key, value in given.items():
            both = isinstance(value, dict) and key in merged
            merged[key] = {**merged[key], **value} if both else value
        if isinstance(merged.get("baseline"), str):
            from rfgraph.checks.baseline import read as stored

            merged["baseline"] = stored(Path(merged["baseline"]))
        if "input_values" in merged:
            merged["input_values"] = {
                name: value_of(name, value) if isinstance(value, str) else value
                for name, value in merged["input_values"].items()
            }
        return merged

    def require_matches(self, models: Iterable[str]) -> None:
        """Raise UsageError for a pattern of none of these models, nor of any file that exists.

        A run over some of the models is no mistake; a pattern that speaks of no file is one.
        """
        names = [self._name(model) for model in models]
        for number, pattern in enumerate(self.patterns, 1):
            matches = pattern.expression.fullmatch
            if not any(map(matches, names)) and not any(map(matches, self._below(pattern))):
                raise UsageError(
                    f"{shown_path(str(self.file))}: tool.rfgraph.models, table {number}: pattern "
                    f"{quote(pattern.text)} matches no model that is given, and no file"
                )

    def _name(self, model: str) -> str:
        """Return what patterns are matched with: the path in the file's folder, or the whole."""
        path = Path(os.path.abspath(model))  # noqa: PTH100 - absolute() leaves ".." in place
        try:
            return path.relative_to(self.file.parent).as_posix()
        except ValueError:
            return path.as_posix()

    def _below(self, pattern: Pattern) -> Iterator[str]:
        """Yield the files that exist where those of a pattern would be."""
        start = re.split(r"[*?]", pattern.text)[0].rpartition("/")[0]
        rooted = pattern.text.startswith("/") and not start
        deepest = None if pattern.is_deep else pattern.text.removeprefix("./").count("/")
        for folder, inner, files in os.walk(self.file.parent / ("/" if rooted else start)):
            prefix = self._name(f"{folder}/-").removesuffix("-")
            yield from (prefix + name for name in files)
            if deepest is not None and prefix.count("/") >= deepest:
                inner.clear()


class Pattern(NamedTuple):
    """A pattern of model files, and the settings for those that match."""

    text: str
    expression: re.Pattern[str]
    values: Values

    @property
    def is_deep(self) -> bool:
        """Whether what it matches may lie in folders that it does not name."""
        return "**" in self.text or "/" not in self.text


def find(start: Path) -> Path | None:
    """Return the nearest pyproject.toml, from `start` upward, that has a section for rfgraph."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file() and _section(path, _parse(path)) is not None:
            return path
    return None


def read(path: Path) -> Config:
    """Return what a file says: in its [tool.rfgraph], or as a whole where it has no [tool].

    UsageError names the file, the key, what it requires and what was found.
    """
    document = _parse(path)
    section = _section(path, document)
    if section is None and "tool" in document:
        raise UsageError(f"{shown_path(str(path))}: a section [tool.rfgraph] is required")
    try:
        file = Path(os.path.abspath(path))  # noqa: PTH100 - without ".."
        return _config(file, document if section is None else section)
    except UsageError as error:
        raise UsageError(f"{shown_path(str(path))}: {error}") from None


def empty() -> Config:
    """Return the configuration of who has none."""
    return Config(Path.cwd() / "pyproject.toml", {}, {}, ())


def _parse(path: Path) -> Values:
    name = shown_path(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{name}: required at most {MAX_BYTES} bytes")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or 'cannot be read'}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name}: not valid TOML: {printable(str(error), 120)}") from None


def _section(path: Path, document: Mapping[str, Any]) -> Values | None:
    tool = document.get("tool")
    section = tool.get("rfgraph") if isinstance(tool, dict) else None
    if section is None or isinstance(section, dict):
        return section
    raise UsageError(f"{shown_path(str(path))}: tool.rfgraph requires a table")


def _config(file: Path, section: Mapping[str, Any]) -> Config:
    values = _read_all(section, {**SETTINGS, **RUN, "models": _tables}, "tool.rfgraph")
    patterns = []
    for number, table in enumerate(values.pop("models", ()), 1):
        where = f"tool.rfgraph.models, table {number}"
        own = _read_all(table, {"pattern": _text, **SETTINGS}, where)
        if "pattern" not in own:
            raise UsageError(f"{where}: the key pattern is required")
        text = own.pop("pattern")
        patterns.append(Pattern(text, _compile(text), _place_files(own, file.parent)))
    run = {key: values.pop(key) for key in map(parameter, RUN) if key in values}
    return Config(file, _place_files(values, file.parent), run, tuple(patterns))


def _read_all(table: Mapping[str, Any], readers: Mapping[str, Reader], where: str) -> Values:
    values: Values = {}
    for key, value in table.items():
        reader = readers.get(key)
        if reader is None:
            raise UsageError(f"{where}: no key {quote(key)}; known are {', '.join(readers)}")
        try:
            values[parameter(key)] = reader(value)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{where}: {key} requires {error}, found {printable(repr(value))}"
            ) from None
    return values


def _place_files(values: Values, folder: Path) -> Values:
    """Return the values with the files that they name in `folder`."""
    placed = dict(values)
    for key in {"baseline", "rdf"}.intersection(placed):
        placed[key] = str(folder / placed[key])
    if "input_values" in placed:
        placed["input_values"] = {
            name: f"@{folder / value[1:]}" if isinstance(value, str) else value
            for name, value in placed["input_values"].items()
        }
    return placed


# -- one value -------------------------------------------------------------------------------------


def _require(said: str, holds: Callable[[Any], object]) -> Reader:
    """Return a reader of a value for which something holds, which is what is required."""

    def reader(value: object) -> Any:
        if not holds(value):
            raise TypeError(said)
        return value

    return reader


def _choice(known: tuple[str, ...]) -> Reader:
    return _require(f"one of {', '.join(known)}", known.__contains__)


_text = _require("a text", lambda value: isinstance(value, str) and value)
_truth = _require("true or false", lambda value: isinstance(value, bool))
_axis = _require("the number of an axis", lambda value: type(value) is int and value >= 0)
_jobs = _require(
    f"a number from 1 to {MAX_JOBS}", lambda value: type(value) is int and 1 <= value <= MAX_JOBS
)
_scalar = _require(
    "a number, or a text such as 40ms",
    lambda value: isinstance(value, int | float | str) and not isinstance(value, bool),
)
_some_names = _require(
    "a name or a list of names",
    lambda value: isinstance(value, list) and all(isinstance(name, str) and name for name in value),
)
_some_codes = _require("a text or a list of codes", lambda value: isinstance(value, str | list))
_shape = _require(
    "a list of lengths, or a table of them by input name",
    lambda value: isinstance(value, list) and all(type(item) is int and item > 0 for item in value),
)
_dims = _require(
    "a table of lengths by the dimension's name",
    lambda value: isinstance(value, dict) and all(type(item) is int for item in value.values()),
)
_values = _require(
    'a table of numbers, lists of numbers or "@FILE.npy" by input name',
    lambda value: isinstance(value, dict) and all(map(_is_value, value.values())),
)
_tables = _require(
    "tables: [[tool.rfgraph.models]]",
    lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return value.startswith("@")
    values = value if isinstance(value, list) else [value]
    return all(isinstance(item, int | float) for item in values)


def _names(value: object) -> tuple[str, ...]:
    return (_text(value),) if isinstance(value, str) else tuple(_some_names(value))


def _codes(name: str, value: object) -> tuple[str, ...]:
    return settings.codes(name, _some_codes(value))


def _min_rf(value: object) -> object:
    lengths = settings.lengths(value)
    return "input" if lengths is None else lengths


def _shapes(value: object) -> dict[str, tuple[int, ...]]:
    named = value if isinstance(value, dict) else {"": value}
    return {name: tuple(_shape(shape)) for name, shape in named.items()}


# The keys, for all models or for those of a pattern: options of the command, without the dashes.
SETTINGS: Mapping[str, Reader] = {
    "select": partial(_codes, "select"),
    "ignore": partial(_codes, "ignore"),
    "min-rf": _min_rf,
    "stat": settings.statistic,
    "at": _text,
    "min-covering": settings.share,
    "input": _names,
    "count": _choice(("routes", "paths")),
    "input-shape": _shapes,
    "input-value": _values,
    "dim": _dims,
    "baseline": _text,
    "tensor": _names,
    "halo": partial(positions, "halo"),
    "rdf": _text,
    "causal": _truth,
    "max-lookahead": _scalar,
    "rate": partial(positive, "rate"),
    "axis": _axis,
    "fail-on": settings.severity,
    "masks": _truth,
}
RUN: Mapping[str, Reader] = {
    "format": _choice(FORMATS),
    "jobs": _jobs,
    "exit-zero": _truth,
}
_NAMES = {
    "input": "inputs",
    "tensor": "tensors",
    "input-shape": "input_shapes",
    "input-value": "input_values",
    "dim": "dims",
}


def parameter(key: str) -> str:
    """Return what Python calls a key, as a parameter of `make_settings`."""
    return _NAMES.get(key, key.replace("-", "_"))


# -- patterns --------------------------------------------------------------------------------------


def _compile(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression: "*" within a folder, "**" across folders.

    A pattern without a slash is matched with the file's name in any folder.
    """
    prefix = "" if "/" in pattern else "(?:.*/)?"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(prefix + "".join(known.get(part) or re.escape(part) for part in parts), re.S)
