"""The checks in pytest: the fixture `rfgraph_check`, or `assert_receptive_field` itself."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rfgraph.analysis.result import Result
    from rfgraph.onnxfile.reading.model_source import Source
    from rfgraph.ops.registry import Rule
    from rfgraph.relations.graph import Model


def assert_receptive_field(
    model: Model | Result | Source,
    *,
    rules: Mapping[tuple[str, str], Rule] | None = None,
    config: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> None:
    """Fail, with the findings as the message, unless every selected rule holds for a model.

    The keywords are those of `rfgraph.check`, and `fail_on` of `rfgraph.make_settings`; without
    them, every path to each output covers the input (RF001). `config` is a file of settings, as of
    `rfgraph check --config`, before which the keywords come; how it binds inputs is for files that
    are loaded here. What cannot be answered raises RfgraphError.
    """
    __tracebackhide__ = True
    from rfgraph.checks.run import at_least, check
    from rfgraph.checks.settings import severity

    asked = {name: value for name, value in settings.items() if value is not None}
    if config is not None:
        asked = _settings_of(Path(config), model, asked)
    least = severity(asked.pop("fail_on", "warning"))
    findings = at_least(check(model, rules=rules, **asked), least)
    if findings:
        lines = [f"{finding.code} {finding.severity}: {finding.message}" for finding in findings]
        raise AssertionError("\n".join(lines))


def _settings_of(
    file: Path, model: Model | Result | Source, stated: Mapping[str, object]
) -> dict[str, Any]:
    """Return the settings of a file for a model, and those that are stated before them."""
    from rfgraph.analysis.result import Result
    from rfgraph.config import read
    from rfgraph.relations.graph import Model

    config = read(file)
    path = os.fsdecode(model) if isinstance(model, str | os.PathLike) else None
    config.require_matches([] if path is None else [path])
    settings = config.arguments(path, stated)
    if isinstance(model, Model | Result):
        binding = {"input_shapes", "input_values", "dims", "masks"} - stated.keys()
        settings = {name: value for name, value in settings.items() if name not in binding}
    return settings


@pytest.fixture(scope="session")
def rfgraph_check(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Give `assert_receptive_field`, to be called as `rfgraph_check("net.onnx", stat="union")`.

    The settings in [tool.rfgraph] of the project's pyproject.toml hold, as for `rfgraph check`.
    """
    from rfgraph.config import find

    return partial(assert_receptive_field, config=find(pytestconfig.rootpath))
