"""Which runtime the rules of com.microsoft are judged by."""

from __future__ import annotations

import onnxruntime

NEEDED = (1, 32)
FOUND = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])

# Older ones, the last for Python 3.10 among them, lack operators that the rules are for.
collect_ignore_glob = ["test_contrib_*.py", "test_registry_complete.py"] if FOUND < NEEDED else []


def pytest_report_header():
    """Say what is left out."""
    if FOUND >= NEEDED:
        return None
    wanted, found = (".".join(map(str, version)) for version in (NEEDED, FOUND))
    return f"onnxruntime {found}: tests of its own operators need {wanted} and are left out"
