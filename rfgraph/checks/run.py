"""Run the selected checks on one model, or on many."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rfgraph.analysis.loading import load, refuse_binding, source_name
from rfgraph.analysis.result import Result, analyze
from rfgraph.arguments import keywords_named, sequence
from rfgraph.checks.registry import SEVERITIES, module_of
from rfgraph.checks.settings import Settings, make_settings
from rfgraph.checks.subject import subject_of
from rfgraph.errors import RfgraphError, UsageError, message_of
from rfgraph.wording.records import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from numpy.typing import ArrayLike

    from rfgraph.analysis.field import Finding
    from rfgraph.checks.registry import Severity
    from rfgraph.checks.settings import Stored
    from rfgraph.checks.suggest import Advice
    from rfgraph.domains.fields.axis import Json
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.beside import StoredMasks
    from rfgraph.relations.graph import Model


# How many models are handed to an executor before the first answer is taken: enough for any pool.
AHEAD = 256


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks of `codes` say of one model; `error` is the one line if it cannot be told.

    Findings below `fail_on` are reported and fail nothing. `masks` is what stored masks cut, and
    `advice` what would make the model pass, where they were asked for.
    """

    file: str
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    codes: tuple[str, ...] = ()
    masks: StoredMasks | None = None
    fail_on: Severity = "warning"
    advice: Advice | None = None

    @property
    def failing(self) -> tuple[Finding, ...]:
        """The findings that fail the model."""
        return at_least(self.findings, self.fail_on)

    @property
    def ok(self) -> bool:
        """Whether the model could be checked and nothing fails it."""
        return self.error is None and not self.failing

    def to_dict(self) -> Json:
        """Return the entry of the JSON report."""
        return {
            **entry_of(self, "file", "ok", "error", "codes", "findings"),
            **({} if self.masks is None else {"masks": self.masks.to_dict()}),
            **({} if self.advice is None else self.advice.to_dict()),
        }


def at_least(findings: Iterable[Finding], fail_on: Severity) -> tuple[Finding, ...]:
    """Return the findings of at least a severity."""
    least = SEVERITIES.index(fail_on)
    return tuple(item for item in findings if SEVERITIES.index(item.severity) >= least)


@keywords_named
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
    rdf: str | os.PathLike[str] | None = None,
    causal: bool = False,
    max_lookahead: float | str | None = None,
    rate: float | str | None = None,
    axis: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool = False,
) -> list[Finding]:
    """Return what the selected rules find, none if every rule holds.

    By default RF001: the smallest receptive field over all local paths (`stat` "min"; also "max",
    "union", "median", "mean", "p0" to "p100") covers the input (`min_rf` "input", or input
    positions, one number for all spatial axes or one for each), at each output or, where it has no
    local path, at its before_global tensors (`at`: "output", or a tensor). `min_covering` asks that
    at least this share of local paths covers. `select` and `ignore` name codes. `baseline` is a
    stored result (a JSON file, or a `to_dict()`) that must not have shrunk at its outputs, or at
    `tensors`. `halo` is the one in use (RF008), in positions, or `rdf` a bioimage.io description
    that has it; `causal` and `max_lookahead`
    (positions, or "40ms" with a `rate` in positions per second) bound what is read ahead along
    `axis` (RF009). A source is loaded with `input_shapes`, `input_values`, `dims`, `rules` and
    `masks` as `load` takes them. UsageError for a setting that is not valid, for one of those five
    where the model is loaded already, and for a spatial axis whose length is needed and not bound.
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
        rdf=rdf,
        causal=causal,
        max_lookahead=max_lookahead,
        rate=rate,
        axis=axis,
    )
    binding: dict[str, Any] = {
        "input_shapes": input_shapes,
        "input_values": input_values,
        "dims": dims,
        "rules": rules,
        "masks": masks,
    }
    if isinstance(model, Result):
        refuse_binding(**binding)
        result = model
    else:
        result = analyze(model, **binding)
    return list(findings(result, settings))


def findings(result: Result, settings: Settings) -> Iterator[Finding]:
    """Yield what the selected rules find, by code."""
    subject = subject_of(result, settings)
    if settings.tensors:
        subject.baseline("tensor")
    for code in settings.select:
        yield from module_of(code).findings(subject)


def check_one(model: Source, settings: Settings) -> Report:
    """Load and check one model; whatever goes wrong is reported, not raised."""
    name = file_name(model)
    try:
        loaded = load(
            model,
            input_shapes=settings.input_shapes,
            input_values=settings.input_values,
            dims=settings.dims,
            masks=settings.masks,
        )
        result = analyze(loaded)
        said = tuple(findings(result, settings))
        advice = _advice(result, settings) if settings.suggest else None
    except Exception as error:
        return _error_report(model, error_line(model, error), settings)
    return Report(name, said, None, settings.select, loaded.masks, settings.fail_on, advice)


def _advice(result: Result, settings: Settings) -> Advice:
    from rfgraph.checks.suggest import advise

    return advise(result, settings)


def file_name(source: Source) -> str:
    """Return the path of a source as it was given, or what else to call it."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    return source_name(source)


def error_line(source: Source, error: Exception) -> str:
    """Return what went wrong with a model in one line that begins with its name.

    What should not happen is raised under RFGRAPH_DEBUG=1.
    """
    if os.environ.get("RFGRAPH_DEBUG") == "1" and not isinstance(error, RfgraphError):
        raise error
    message = message_of(error)
    prefix = f"{source_name(source)}: "
    return message if message.startswith(prefix) else prefix + message


def _error_report(source: Source, line: str, settings: Settings) -> Report:
    return Report(file_name(source), error=line, codes=settings.select)


@keywords_named
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
    sources = sequence("models", models)
    if settings is None:
        settings = make_settings()
    same = isinstance(settings, Settings)
    each = sequence("settings", [settings] * len(sources) if same else settings)
    if not all(isinstance(one, Settings) for one in each) or len(each) != len(sources):
        raise UsageError(f"settings requires a Settings, or one for each of {len(sources)} models")
    jobs = zip(sources, each, strict=True)
    if executor is None:
        return (check_one(source, asked) for source, asked in jobs)
    return _reports_of(jobs, executor)


def _reports_of(jobs: Iterable[tuple[Source, Settings]], executor: Executor) -> Iterator[Report]:
    waiting: deque[tuple[Source, Settings, Future[Report]]] = deque()
    for source, settings in jobs:
        waiting.append((source, settings, _submit(source, settings, executor)))
        if len(waiting) >= AHEAD:
            yield _report_of(*waiting.popleft())
    while waiting:
        yield _report_of(*waiting.popleft())


def _submit(source: Source, settings: Settings, executor: Executor) -> Future[Report]:
    """Return the report to come, or why there is none."""
    try:
        return executor.submit(check_one, source, settings)
    except Exception as error:
        from concurrent.futures import Future

        failed: Future[Report] = Future()
        failed.set_exception(error)
        return failed


def _report_of(source: Source, settings: Settings, future: Future[Report]) -> Report:
    try:
        return future.result()
    except Exception as error:
        what = f"the worker failed: {type(error).__name__}: {error}"
        return _error_report(source, f"{source_name(source)}: {what}", settings)
