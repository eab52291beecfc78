"""The checks in pytest: the fixture `rfgraph_check`, or `assert_receptive_field` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rfgraph.analysis.analysis import Result
    from rfgraph.analysis.loading import Source
    from rfgraph.relations.graph import Model


def assert_receptive_field(model: Model | Result | Source, **settings: Any) -> None:
    """Fail, with the findings as the message, unless every selected rule holds for a model.

    `model` and `settings` are those of `rfgraph.check`; without settings, every path to each output
    covers the input (RF001). What cannot be answered raises RfgraphError.
    """
    __tracebackhide__ = True
    from rfgraph.checks.run import check

    findings = check(model, **settings)
    if findings:
        lines = [f"{found.code} {found.severity}: {found.message}" for found in findings]
        raise AssertionError("\n".join(lines))


@pytest.fixture(scope="session")
def rfgraph_check() -> Callable[..., None]:
    """Give `assert_receptive_field`, to be called as `rfgraph_check("net.onnx", stat="union")`."""
    return assert_receptive_field
