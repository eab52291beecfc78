"""What every test can rely on: the same examples each time, no terminal of the caller's."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

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
settings.register_profile("sample", settings.get_profile("explore"), max_examples=100)


def pytest_configure(config):
    """Take the fixed examples unless --hypothesis-profile names another profile."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("fixed")
    for name in CALLER_VARIABLES:
        os.environ.pop(name, None)
