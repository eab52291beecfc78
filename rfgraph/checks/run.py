"""Run the selected checks on one model, or on many."""

from __future__ import annotations

import inspect
import os
from collections import deque
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.analysis import Result
from rfgraph.analysis.loading import Source, load, source_name
from rfgraph.analysis.result import analyze
from rfgraph.checks.settings import Settings, make_settings
from rfgraph.checks.subject import Subject
from rfgraph.errors import RfgraphError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.settings import Stored
    from rfgraph.domains.fields.axis import Json
    from rfgraph.relations.graph import Model, StoredMasks


# How many models are handed to an executor before the first answer is taken: enough for any pool.
AHEAD = 256


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks of `codes` say of one model; `error` is the one line if it cannot be told.

    `masks` is what stored masks cut, where they were asked for.
    """

    file: str
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    codes: tuple[str, ...] = ()
    masks: StoredMasks | None = None

    @property
    def ok(self) -> bool:
        """Whether every selected rule holds."""
        return self.error is None and not self.findings

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            "file": self.file,
            "ok": self.ok,
            "error": self.error,
            "codes": list(self.codes),
            "findings": [finding.to_dict() for finding in self.findings],
            **({} if self.masks is None else {"masks": self.masks.to_dict()}),
        }


def check(
    model: Model | Result | Source,
    *,
    min_rf: str | int | Sequence[int] | None = None,
    stat: str | None = None,
    at: str | None = None,
    min_covering: float | str | None = None,
    select: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] = (),
    inputs: str | Sequence[str] = (),
    count: str = "routes",
    baseline: Stored | None = None,
    tensors: str | Sequence[str] = (),
    halo: int | str | Sequence[int] | None = None,
    causal: bool = False,
    max_lookahead: float | str | None = None,
    rate: float | str | None = None,
    axis: int | None = None,
    **binding: Any,
) -> list[Finding]:
    """Return what the selected rules find, none if every rule holds.

    By default RF001: the smallest receptive field over all local paths (`stat` "min"; also "max",
    "union", "median", "mean", "p0" to "p100") covers the input (`min_rf` "input", or input
    positions, one number for all spatial axes or one for each), at each output or, where it has no
    local path, at its before_global tensors (`at`: "output", or a tensor). `min_covering` asks that
    at least this share of local paths covers. `select` and `ignore` name codes. `baseline` is a
    stored result (a JSON file, or a `to_dict()`) that must not have shrunk at its outputs, or at
    `tensors`. `halo` is the one in use (RF008), in positions; `causal` and `max_lookahead`
    (positions, or "40ms" with a `rate` in positions per second) bound what is read ahead along
    `axis` (RF009). A source is loaded with `binding` as `load` takes it. UsageError for a setting
    that is not valid and for a spatial axis whose length is needed and not bound.
    """
    settings = make_settings(
        min_rf=min_rf,
        stat=stat,
        at=at,
        min_covering=min_covering,
        select=select,
        ignore=ignore,
        inputs=inputs,
        count=count,
        baseline=baseline,
        tensors=tensors,
        halo=halo,
        causal=causal,
        max_lookahead=max_lookahead,
        rate=rate,
        axis=axis,
    )
    result = model if isinstance(model, Result) else analyze(model, **binding)
    return list(findings(result, settings))


def findings(result: Result, settings: Settings) -> Iterator[Finding]:
    """Yield what the selected rules find, by code."""
    subject = Subject(result, settings)
    for code in settings.select:
        yield from import_module(f"rfgraph.checks.{code.lower()}").check(subject)


def explanation(code: str) -> str:
    """Return what the module of a code says of it."""
    return inspect.getdoc(import_module(f"rfgraph.checks.{code.lower()}")) or ""


def check_one(model: Source, settings: Settings) -> Report:
    """Load and check one model; whatever goes wrong is reported, not raised."""
    name = file_name(model)
    try:
        loaded = load(
            model,
            input_shapes=settings.input_shapes,
            input_values=settings.input_values,
            masks=settings.masks,
        )
        found = tuple(findings(analyze(loaded), settings))
    except Exception as error:
        if os.environ.get("RFGRAPH_DEBUG") == "1" and not isinstance(error, RfgraphError):
            raise
        return _unanswered(model, _message(error), settings)
    return Report(name, found, codes=settings.select, masks=loaded.masks)


def file_name(source: Source) -> str:
    """Return the path of a source as it was given, or what else to call it."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    return source_name(source)


def _unanswered(source: Source, message: str, settings: Settings) -> Report:
    prefix = f"{source_name(source)}: "
    error = message if message.startswith(prefix) else prefix + message
    return Report(file_name(source), error=error, codes=settings.select)


def _message(error: Exception) -> str:
    if isinstance(error, RfgraphError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return f"internal error: {type(error).__name__}: {error}, please report it"


def check_many(
    models: Iterable[Source],
    settings: Settings | Sequence[Settings] | None = None,
    executor: Executor | None = None,
) -> Iterator[Report]:
    """Yield a report for each model, in the order given; one unreadable file does not stop others.

    `settings` are made by `make_settings`: one for all models, or one for each. With an `executor`
    (any of concurrent.futures, or a cluster's) the models are checked there; they must be paths or
    bytes, which can be sent.
    """
    sources = list(models)
    if settings is None:
        settings = make_settings()
    each = [settings] * len(sources) if isinstance(settings, Settings) else list(settings)
    jobs = zip(sources, each, strict=True)
    if executor is None:
        return (check_one(source, asked) for source, asked in jobs)
    return _submitted(jobs, executor)


def _submitted(jobs: Iterable[tuple[Source, Settings]], executor: Executor) -> Iterator[Report]:
    waiting: deque[_Pending] = deque()
    for source, settings in jobs:
        waiting.append(_Pending(source, settings, executor))
        if len(waiting) >= AHEAD:
            yield waiting.popleft().report()
    while waiting:
        yield waiting.popleft().report()


class _Pending:
    """A model that an executor checks; a failure to send it or of its worker is reported."""

    def __init__(self, source: Source, settings: Settings, executor: Executor) -> None:
        self._source, self._settings = source, settings
        self._future: Future[Report] | None = None
        self._error: Exception | None = None
        try:
            self._future = executor.submit(check_one, source, settings)
        except Exception as error:
            self._error = error

    def report(self) -> Report:
        error = self._error
        if self._future is not None:
            try:
                return self._future.result()
            except Exception as raised:
                error = raised
        what = f"the worker failed: {type(error).__name__}: {error}"
        return _unanswered(self._source, what, self._settings)
