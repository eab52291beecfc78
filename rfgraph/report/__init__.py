"""Renderers: pure functions from results to text; nothing here prints.

Called, `rfgraph.report(result, path)` writes the interactive report of a model: one HTML file.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from rfgraph.analysis.result import Result
    from rfgraph.report.html.report import report
else:

    class _Package(ModuleType):
        # The package and the public function have one name: importing any part of the package
        # puts it where the function is looked for, so it is called as well.
        def __call__(self, result: Result, path: str | os.PathLike[str]) -> None:
            """Write the interactive report of a model to `path`: one HTML file."""
            from rfgraph.report.html.report import report as write

            write(result, path)

    report = sys.modules[__name__]
    report.__class__ = _Package

__all__ = ["report"]
