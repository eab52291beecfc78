"""What every test can rely on: the same examples each time, no terminal of the caller's."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from functools import partial

import pytest
from hypothesis import HealthCheck, settings

from rfgraph.analysis import histogram as distribution
from rfgraph.cli import main

CALLER_VARIABLES = (
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "JUPYTER_COLUMNS",
    "LINES",
    "NO_COLOR",
    "PYTEST_ADDOPTS",
    "PYTHONWARNINGS",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
)

settings.register_profile(
    "fixed",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", settings.get_profile("fixed"), derandomize=False, max_examples=2000
)
settings.register_profile("sample", settings.get_profile("explore"), max_examples=20)

# The profile `sample` takes so many of the numbered cases of each sweep, drawn by its seed.
SAMPLED = 15


def pytest_configure(config):
    """Take the fixed examples unless --hypothesis-profile names another profile."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("fixed")
    for name in CALLER_VARIABLES:
        os.environ.pop(name, None)


def pytest_collection_modifyitems(config, items):
    """Draw the cases of a sample."""
    if config.getoption("--hypothesis-profile") != "sample":
        return
    draw = random.Random(str(config.getoption("--hypothesis-seed")))
    sweeps = defaultdict(list)
    for item in items:
        sweeps[item.function].append(item)
    kept = {
        item
        for cases in sweeps.values()
        for item in (cases if len(cases) <= SAMPLED else draw.sample(cases, SAMPLED))
    }
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture(autouse=True, scope="session")
def _histograms_add_up():
    """Every histogram that a test makes counts each path once on every axis."""
    made = distribution.PathHistogram.__init__

    def checked(self, *args, **kwargs):
        made(self, *args, **kwargs)
        for axis in self.axes.values():
            assert self.total == axis.local + axis.one_sided + axis.global_ + axis.unknown
            assert axis.counts is None or sum(axis.counts.values()) == axis.local

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distribution.PathHistogram, "__init__", checked)
        yield


def _printed(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def run(capsys):
    """Run a command line in this process: its exit code, stdout and stderr."""
    return partial(_printed, capsys)


@pytest.fixture
def here(capsys, tmp_path, monkeypatch):
    """Run `rfgraph check` in this process, in an empty folder: the same three."""
    monkeypatch.chdir(tmp_path)
    return partial(_printed, capsys, "check")
