"""The checks in pytest: the fixture `rfgraph_check`, or `assert_receptive_field` itself."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rfgraph.arguments import keywords_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from rfgraph.analysis.result import Result
    from rfgraph.checks.settings import Stored
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.graph import Model


@keywords_named
def assert_receptive_field(
    model: Model | Result | Source,
    *,
    min_rf: str | int | Sequence[int] | None = None,
    stat: str | None = None,
    at: str | None = None,
    min_covering: float | str | None = None,
    select: str | Sequence[str] | None = None,
    ignore: str | Sequence[str] | None = None,
    inputs: str | Sequence[str] | None = None,
    count: str | None = None,
    baseline: Stored | None = None,
    tensors: str | Sequence[str] | None = None,
    fail_on: str | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, ArrayLike] | None = None,
    dims: Mapping[str, int] | None = None,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    masks: bool | None = None,
    config: str | os.PathLike[str] | None = None,
) -> None:
    """Fail, with the findings as the message, unless every selected rule holds for a model.

    The keywords are those of `rfgraph.check`, and `fail_on` of `rfgraph.make_settings`; without
    them, every path to each output covers the input (RF001). `config` is a file of settings, as of
    `rfgraph check --config`, before which the keywords come; how it binds inputs is for files that
    are loaded here. What cannot be answered raises RfgraphError.
    """
    __tracebackhide__ = True
    from rfgraph.checks.run import check, failing
    from rfgraph.checks.settings import severity

    given = {
        "min_rf": min_rf,
        "stat": stat,
        "at": at,
        "min_covering": min_covering,
        "select": select,
        "ignore": ignore,
        "inputs": inputs,
        "count": count,
        "baseline": baseline,
        "tensors": tensors,
        "fail_on": fail_on,
        "input_shapes": input_shapes,
        "input_values": input_values,
        "dims": dims,
        "masks": masks,
    }
    stated = {name: value for name, value in given.items() if value is not None}
    settings = stated if config is None else _configured(Path(config), model, stated)
    least = severity(settings.pop("fail_on", "warning"))
    findings = failing(check(model, rules=rules, **settings), least)
    if findings:
        lines = [f"{found.code} {found.severity}: {found.message}" for found in findings]
        raise AssertionError("\n".join(lines))


def _configured(
    file: Path, model: Model | Result | Source, stated: Mapping[str, object]
) -> dict[str, Any]:
    """Return the settings of a file for a model, and those that are stated before them."""
    from rfgraph.analysis.result import Result
    from rfgraph.config import read
    from rfgraph.relations.graph import Model

    config = read(file)
    path = os.fsdecode(model) if isinstance(model, str | os.PathLike) else None
    config.require_matches([] if path is None else [path])
    found = config.arguments(path, stated)
    if isinstance(model, Model | Result):
        binding = {"input_shapes", "input_values", "dims", "masks"} - stated.keys()
        found = {name: value for name, value in found.items() if name not in binding}
    return found


@pytest.fixture(scope="session")
def rfgraph_check(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Give `assert_receptive_field`, to be called as `rfgraph_check("net.onnx", stat="union")`.

    The settings in [tool.rfgraph] of the project's pyproject.toml hold, as for `rfgraph check`.
    """
    from rfgraph.config import find

    return partial(assert_receptive_field, config=find(pytestconfig.rootpath))
