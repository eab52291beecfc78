"""The version of the package, which reports and build read."""

from __future__ import annotations

__version__ = "0.2.0"

# How every report in JSON begins.
HEAD = {"schema": 1, "version": __version__}
